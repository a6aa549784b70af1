"""`melies train puppet`: a First Order Motion Model for `puppet --engine fomm`, on films of one's own."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from melies.effects._fields import File
from melies.models.convert.fomm import Layout
from melies.train import Trainer, Work

NETWORKS: dict[str, Layout] = {
    "small": Layout(10, 0.5, 16, 4, 256, 24, 4, 384, 24, 2, 96, 3),
    "published": Layout(scale=0.5),
}


class Puppet(Trainer):
    """Teach a First Order Motion Model how the heads in films of your own move."""

    lasting = ("size", "network")
    advice = (
        "Some minutes of heads that talk and turn teach it these people, and nobody else. Forty minutes on two cores, "
        "at 64 pixels: head and outline follow, mouths open, eyes are smudges. More needs a graphics card and days. "
        "The people must have agreed."
    )
    examples = (
        "train puppet --clips talks/ --out run --minutes 60",
        "train puppet --out run --resume --minutes 60",
        "apply driver.mp4 out.mp4 puppet --portrait portrait.png --engine fomm --model run",
    )

    clips: Annotated[tuple[File, ...], Field(min_length=1)] = Field(
        description="Films of talking heads, or folders of such films; each shot's largest face is used."
    )
    size: int = Field(
        64, ge=64, le=256, multiple_of=64, description="Side of the pictures it makes: 64, 128, 192 or 256."
    )
    network: Literal["small", "published"] = Field(
        "small", description="How wide and deep: small (2.8 million weights), or as published (60 million)."
    )
    every: int = Field(2, ge=1, description="Use only every so many frames: neighbours hardly differ.")
    held_out: float = Field(
        0.15, gt=0, le=0.5, description="Share of each shot, its end, that is not trained on but measured on."
    )
    equivariance: float = Field(10.0, ge=0, description="How much it counts that points follow a picture that is bent.")
    vgg: File | None = Field(
        None,
        description="Weights of torchvision's VGG19 (.pth): what it sees is compared as well, as published. "
        "Without it, colours and edges are compared.",
    )

    @property
    def layout(self) -> Layout:
        """How wide and deep the networks are."""
        plan = NETWORKS[self.network]
        return plan if self.size < 256 else Layout(**{**vars(plan), "scale": 0.25})

    def begin(self, rng: np.random.Generator, device: str) -> Work:
        """Cut out the heads and make the networks."""
        from melies.train._heads import films_in

        if not (self.out / "checkpoint.pt").is_file():  # what has been trained is exported without its films
            films_in(self.clips)
        from melies.train._fomm import MotionWork

        return MotionWork(self, rng, device)

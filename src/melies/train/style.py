"""`melies train style`: a small fast network that paints in one or several styles of your own."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from melies.effects._fields import File
from melies.errors import UseError
from melies.train import Trainer, Work


class Style(Trainer):
    """Teach a small network to paint films in the style of one or several pictures."""

    lasting = ("style", "width", "blocks")
    minimised = "held-out loss"
    advice = (
        "One good picture of each style, and a hundred photos of anything: what is to be painted should be among them. "
        "Colours come first and strokes some hundred steps later; look at curves.html and stop when you like it. "
        "VGG16 says what is alike: melies models pull vgg16."
    )
    examples = (
        "train style --style harvest.jpg --photos photos/ --out run --minutes 60 --name harvest",
        "train style --out run --resume --minutes 60",
        "apply in.mp4 out.mp4 style harvest",
    )

    style: Annotated[tuple[File, ...], Field(min_length=1, max_length=32)] = Field(
        description="Pictures of the styles; the style is called as the file is."
    )
    photos: Annotated[tuple[File, ...], Field(min_length=1)] = Field(
        description="Photos and films, or folders of them, on which the painting is practised: a hundred will do."
    )
    size: int = Field(128, ge=64, le=512, multiple_of=16, description="Side of the crops that are painted, in pixels.")
    style_size: int = Field(
        448,
        ge=64,
        le=2048,
        description="Longest side at which the styles are seen: the smaller, the finer the strokes.",
    )
    weight: float = Field(1.0, gt=0, le=1000, description="How much the style counts against what is to be seen.")
    steady: float = Field(
        1.0, ge=0, le=100, description="How much it counts that strokes move with what is painted; 0: not at all."
    )
    smooth: float = Field(0.2, ge=0, le=100, description="How much neighbouring pixels should be alike.")
    deepest: Literal["3_3", "4_3"] = Field(
        "4_3", description="The deepest layer of VGG16 at which styles are compared: 3_3 takes two thirds of the time."
    )
    width: int = Field(
        24, ge=8, le=64, multiple_of=4, description="Channels of the network: more paint better, slower."
    )
    blocks: int = Field(5, ge=1, le=12, description="Residual blocks of the network.")
    batch: int = Field(4, ge=1, le=256, description="Photos in a step, each painted in a style drawn by lot.")
    rate: float = Field(1e-3, gt=0, le=1, description="How far a step goes: the learning rate.")

    @property
    def styles(self) -> tuple[str, ...]:
        """Names of the styles."""
        return tuple(path.stem for path in self.style)

    def begin(self, rng: np.random.Generator, device: str) -> Work:
        """Look at the styles, collect the photos and make the network."""
        if len(set(self.styles)) < len(self.styles):
            raise UseError("Two of the styles have the same name.", "Rename one of the files.")
        must_be_free(self.kept_as)
        from melies.train._style import StyleWork

        return StyleWork(self, rng, device)


def must_be_free(name: str | None) -> None:
    """Refuse the name of a style that is shipped, which would hide the network.

    Raises:
        UseError: It is one.
    """
    from melies.models import registry
    from melies.styling.looks import styles

    known = styles()
    if name in known and known[name].model in {row.name for row in registry.rows()}:
        raise UseError(f"There is a style {name} already, of {known[name].model}.", "Choose another --name.")

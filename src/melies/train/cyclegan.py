"""`melies train cyclegan`: turn one kind of picture into another, taught by examples of each that are no pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from melies.train import Trainer, Work


class CycleGan(Trainer):
    """Teach a network to turn one kind of picture into another, day into dusk say, from examples of each."""

    lasting = ("net", "one_sided", "size")
    minimised = "score"
    mixed = True
    advice = (
        "Some hundreds of pictures of each kind, or some films, that differ in nothing else: streets by day and at "
        "dusk. --name is that of the way from a to b. The tone comes within some hundred steps; fringes in "
        "skies and patterns in plain walls go late. Losses do not fall here: look at the previews, and at `score`."
    )
    examples = (
        "train cyclegan --a day/ --b dusk/ --out run --smooth 1 --minutes 120 --name nightfall",
        "train cyclegan --out run --resume --minutes 60",
        "apply in.mp4 out.mp4 translate nightfall",
    )

    a: tuple[Path, ...] = Field(min_length=1, description="Pictures, films, or folders of them, of the first kind.")
    b: tuple[Path, ...] = Field(min_length=1, description="The same, of the second kind; they need not be pairs.")
    one_sided: bool = Field(
        False,
        description="Teach only the way from the first kind to the second, by contrasting patches (CUT): quicker, and "
        "changes shapes less.",
    )
    net: Literal["small", "resnet6", "resnet9"] = Field(
        "small",
        description="small: real time, keeps what is sharp; resnet9: the network of the paper, for graphics cards; "
        "resnet6: in between.",
    )
    size: int = Field(128, ge=32, le=512, multiple_of=4, description="Side of the crops it learns from, in pixels.")
    side: int = Field(320, ge=64, le=2048, description="Longest side at which pictures are kept, in pixels.")
    scale: tuple[float, float] = Field(
        (0.6, 1.0), description="How large crops see the pictures, from and to: 1 is as they are kept."
    )
    cycle: float = Field(
        2.0,
        ge=0,
        description="How much it counts that the way there and back changes nothing; 10, as the paper has it, with "
        "resnets.",
    )
    identity: float = Field(
        0.5,
        ge=0,
        description="How much it counts that what is of the right kind already is not changed; 5 with resnets.",
    )
    rate: float = Field(8e-4, gt=0, le=1, description="How far a step goes: the learning rate; 0.0002 with resnets.")
    smooth: float = Field(
        0.0,
        ge=0,
        description="How much it counts that neighbouring pixels are changed alike: half of --cycle suits other light, "
        "weather or seasons, keeps patterns out of skies, and has the effect take only light and colours from the "
        "network; 0 suits other textures.",
    )
    contrast: float = Field(
        1.0, ge=0, description="With --one-sided: how much it counts that patches keep their place."
    )
    batch: int = Field(1, ge=1, le=64, description="Pictures of each kind in a step.")
    average: float = Field(
        0.999, ge=0, lt=1, description="Use a running average of the weights that keeps this much of itself in a step."
    )
    decay: float = Field(
        0.5, ge=0, le=1, description="Share of the time, at the end, in which the learning rate falls to a twentieth."
    )

    @model_validator(mode="before")
    @classmethod
    def _as_in_the_paper(cls, given: Any) -> Any:
        """The paper's numbers for the paper's networks: the small one, bound so, hardly dares to change anything."""
        if isinstance(given, dict) and given.get("net", "small") != "small":
            return {"cycle": 10.0, "identity": 5.0, "rate": 2e-4, **given}
        return given

    @field_validator("scale")
    @classmethod
    def _a_range(cls, scale: tuple[float, float]) -> tuple[float, float]:
        least, largest = scale
        if not 0 < least <= largest <= 2:
            raise ValueError("give two numbers above 0, the smaller first, 2 at most, such as 0.6,1")
        return scale

    def begin(self, rng: np.random.Generator, device: str) -> Work:
        """Read the pictures and make the networks."""
        from melies.train._cyclegan import CycleWork

        return CycleWork(self, rng, device)

"""`melies train growth`: cells that grow into a picture, or into a texture like one."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from melies.effects._fields import File
from melies.train import Trainer, Work


class Growth(Trainer):
    """Teach the cells of an automaton to grow into a picture, or into a texture that looks like one."""

    lasting = ("kind", "size")
    advice = (
        "One picture is all it needs. A pattern is a thing before nothing, with transparency around it, of few colours "
        "and simple shape; a texture is alike everywhere. Some hundred steps show where it goes, a thousand are good: "
        "minutes on two cores."
    )
    examples = (
        "train growth --picture leaves.jpg --out leaves --minutes 10 --name leaves",
        "dream out.mp4 growth --model leaves",
    )

    picture: File = Field(description="The picture.")
    kind: Literal["auto", "pattern", "texture"] = Field(
        "auto", description="What it is: auto takes one with transparency for a pattern."
    )
    size: int = Field(48, ge=24, le=128, description="Cells on a side; the picture is made as small.")
    batch: int = Field(4, ge=2, le=64, description="Fields of cells in a step.")
    least: int = Field(24, ge=4, le=256, description="Growing steps at least between two looks at the result.")
    most: int = Field(48, ge=4, le=256, description="The same at most: the more, the slower and the steadier.")
    rate: float = Field(2e-3, gt=0, le=1, description="How far a step goes: the learning rate.")

    def begin(self, rng: np.random.Generator, device: str) -> Work:
        """Look at the picture and make the network."""
        from melies.train._growth import GrowthWork

        return GrowthWork(self, rng, device)

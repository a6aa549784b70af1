"""Options of the trainers that learn from layouts and the photographs that belong to them."""

from __future__ import annotations

from pydantic import Field

from melies.effects._fields import Source
from melies.train._trainer import Folder, Trainer


class Paired(Trainer):
    """Which pairs are learned from, what the layouts' colours mean, and how large both are made."""

    layouts: Folder = Field(description="Folder of layouts: pictures in the colours, or the numbers, of the classes.")
    photos: Folder = Field(description="Folder of the photographs; a pair has the same name but for its ending.")
    classes: Source = Field(
        "camvid",
        description="What the colours mean: camvid, cityscapes, or a text file with a line for each class: "
        "its name and its colour, such as `road #804080`.",
    )
    without: str = Field(
        "", description="Leave out pairs whose names match this pattern, such as `night*`; several: with commas."
    )
    width: int = Field(256, ge=64, le=1024, multiple_of=32, description="Width of the pictures it learns from.")
    height: int = Field(192, ge=64, le=1024, multiple_of=32, description="Height of the pictures it learns from.")
    held_out: float = Field(0.05, gt=0, le=0.5, description="Share of the pairs, the last, that are only measured on.")

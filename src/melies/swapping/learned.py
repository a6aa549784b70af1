"""`Learned`: a swap that `melies train swap` has learned for two people, and what its file says about itself."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from melies.errors import ModelError
from melies.faces.anatomy import Points
from melies.matting.scale import Map
from melies.models.metadata import card_of
from melies.models.runtime import load_file

KEY = "melies.swap"
"""The name of the entry in the ONNX file's metadata that holds a `Card`, as JSON."""
INPUT, FACE, MASK = "crop", "face", "mask"
"""What the network takes, `1×3×S×S`, and gives: the same and `1×1×S×S`; float32, RGB, 0…1."""

Point = tuple[float, float]


class Card(BaseModel):
    """What the file of a learned swap says about itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    size: int = Field(ge=32, le=512, multiple_of=16)
    """Side of the crops in pixels."""
    template: tuple[Point, Point, Point, Point, Point]
    """Where the eyes, the tip of the nose and the corners of the mouth lie in a crop, 0…1 (`extract.placement`)."""
    takes: str
    """Whose face goes in: the name of the film it was learned from."""
    makes: str
    """Whose face comes out."""
    who: tuple[float, ...] | None = Field(None, min_length=128, max_length=128)
    """How the person whose face goes in looks (`who.described`); older files do not say it."""
    matched: bool
    """Whether what comes out already has the colours of the film that the face goes into."""

    @property
    def points(self) -> Points:
        """The template as an array, `5×2`."""
        return np.array(self.template, np.float32)


class Learned:
    """A learned swap, ready to run.

    Args:
        path: An ONNX file that `melies train swap` has written.

    Attributes:
        card: What the file says about itself.

    Raises:
        UseError: There is no such file.
        ModelError: It is damaged, or something else.
    """

    def __init__(self, path: Path) -> None:
        card = read_card(path)
        if card is None:
            raise ModelError(f"{path} is not a swap that was trained here.", "Train one: melies train swap --help")
        self.card = card
        self._session = load_file(path)
        if set(self._session.inputs) != {INPUT} or set(self._session.outputs) != {FACE, MASK}:
            raise ModelError(f"{path} says that it is a swap, but takes and gives something else.", "Export it again.")

    def swap(self, crop: NDArray[np.float32]) -> tuple[NDArray[np.float32], Map]:
        """Turn a face into the other person's.

        Args:
            crop: `S×S×3`, RGB, 0…1, as `extract.cut` cuts it at the place that `extract.placement` finds for the
                card's size and template.

        Returns:
            The other face, `S×S×3`, and how much of each pixel it covers, `S×S`; 0…1. Outside of the mask it means
            nothing.
        """
        batch = np.ascontiguousarray(crop.transpose(2, 0, 1)[None], np.float32)
        made = self._session.run({INPUT: batch})
        return made[FACE][0].transpose(1, 2, 0), made[MASK][0, 0]


def read_card(path: Path) -> Card | None:
    """Return what a file says about itself; None if it is not a swap that was trained here.

    Raises:
        UseError: There is no such file.
        ModelError: The card in it cannot be understood.
    """
    return card_of(path, KEY, Card, "swap")

"""For every pixel of a hole: which frame shows what is behind it, and where there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from melies.box import Box
from melies.erasing.album import sample
from melies.erasing.membrane import Mask

NOBODY = -1
"""The number of no picture."""


@dataclass(slots=True)
class Plate:
    """What is known about the hole of one frame, on a grid that is coarser than the picture where that is large.

    Attributes:
        number: Counts the frames of a shot.
        box: Around the hole.
        hole: What may not be looked at, as large as the box.
        ahead: The motion of the background to the next frame, half precision; NaN where it is not known.
        behind: And to the one before.
    """

    number: int
    box: Box
    hole: Mask
    ahead: NDArray[np.float16] | None = None
    behind: NDArray[np.float16] | None = None

    def hides(self, places: NDArray[np.float32]) -> Mask:
        """Whether places (`N×2`) lie in the hole."""
        nearest = np.rint(places - self.box.corner).astype(np.int64)
        x, y = nearest[:, 0], nearest[:, 1]
        inside = (x >= 0) & (y >= 0) & (x < self.box.width) & (y < self.box.height)
        hidden: Mask = np.zeros(len(places), np.bool_)
        hidden[inside] = self.hole[y[inside], x[inside]]
        return hidden


@dataclass(slots=True)
class Refs:
    """Where to look, for every cell of a box.

    Attributes:
        number: `H×W` int64: which picture, `NOBODY` where there is none.
        shift: `H×W×2`: how far right and down from here, in cells.
        age: `H×W`: how many frames away that is; infinite where there is none.
        invented: `H×W`: whether what is seen there was invented.
    """

    number: NDArray[np.int64]
    shift: NDArray[np.float32]
    age: NDArray[np.float32]
    invented: Mask

    @staticmethod
    def none(height: int, width: int) -> Refs:
        """Nowhere to look yet."""
        return Refs(
            np.full((height, width), NOBODY, np.int64),
            np.zeros((height, width, 2), np.float32),
            np.full((height, width), np.inf, np.float32),
            np.zeros((height, width), np.bool_),
        )


def look_ahead(plates: Sequence[Plate], width: int, height: int) -> Refs:
    """Follow the hole of the first plate along the motion until each pixel comes out of the holes.

    Args:
        plates: A frame and those after it.
        width: Of the grid.
        height: Of the grid.
    """
    first = plates[0]
    refs = Refs.none(*first.hole.shape)
    y, x = np.nonzero(first.hole)
    start = np.column_stack([x, y]).astype(np.float32) + first.box.corner
    here = start.copy()
    for steps, (plate, following) in enumerate(pairwise(plates), 1):
        if plate.ahead is None or not len(here):
            break
        moved = here + sample(plate.ahead.astype(np.float32), here - plate.box.corner)
        kept = _inside(moved, width, height)
        x, y, start, here = x[kept], y[kept], start[kept], moved[kept]
        hidden = following.hides(here)
        seen = ~hidden
        cells = y[seen], x[seen]
        refs.number[cells] = following.number
        refs.shift[cells] = here[seen] - start[seen]
        refs.age[cells] = steps
        x, y, start, here = x[hidden], y[hidden], start[hidden], here[hidden]
    return refs


def look_back(plate: Plate, before: Plate, known: Refs, width: int, height: int) -> Refs:
    """Where one step back leads: to what the frame before shows, or to what was found for it.

    Shifts are added up, so that pictures are fetched once, from where they are sharp.

    Args:
        plate: A frame.
        before: The one before it.
        known: What was found for that.
        width: Of the grid.
        height: Of the grid.
    """
    refs = Refs.none(*plate.hole.shape)
    if plate.behind is None:
        return refs
    y, x = np.nonzero(plate.hole)
    start = np.column_stack([x, y]).astype(np.float32) + plate.box.corner
    there = start + plate.behind[y, x]
    kept = _inside(there, width, height)
    x, y, start, there = x[kept], y[kept], start[kept], there[kept]
    hidden = before.hides(there)
    seen = y[~hidden], x[~hidden]
    refs.number[seen] = before.number
    refs.shift[seen] = (there - start)[~hidden]
    refs.age[seen] = 1
    nearest = np.rint(there[hidden] - before.box.corner).astype(np.int64)
    old, cells = (nearest[:, 1], nearest[:, 0]), (y[hidden], x[hidden])
    refs.number[cells] = known.number[old]
    refs.shift[cells] = known.shift[old] + (there - start)[hidden]
    refs.age[cells] = known.age[old] + 1
    refs.invented[cells] = known.invented[old]
    return refs


def _inside(places: NDArray[np.float32], width: int, height: int) -> Mask:
    """Whether places are in the picture; NaN is not."""
    x, y = places[:, 0], places[:, 1]
    inside: Mask = (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
    return inside

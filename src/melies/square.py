"""A turned square in a picture: what a network that looks closely at one thing is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, hypot, remainder, sin, tau
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Image
from melies.matting.scale import Map, cv, unit


@dataclass(frozen=True, slots=True)
class Square:
    """A turned square in a picture.

    Attributes:
        x: Centre, in pixels from the left edge.
        y: Centre, in pixels from the top edge.
        radius: Half the side, in pixels.
        angle: How far it is turned clockwise, in radians.
    """

    x: float
    y: float
    radius: float
    angle: float = 0.0

    def scaled(self, factor: float) -> Square:
        """The same place in a picture that is `factor` times as large."""
        return Square(self.x * factor, self.y * factor, self.radius * factor, self.angle)

    def matrix(self, side: int) -> NDArray[np.float64]:
        """The affine map (2×3) from the picture's pixels to those of a cut-out of `side`×`side`."""
        scale = side / (2 * self.radius)
        turn = scale * np.array([[cos(self.angle), sin(self.angle)], [-sin(self.angle), cos(self.angle)]])
        shift = (side - 1) / 2 - turn @ (self.x - 0.5, self.y - 0.5)
        return np.column_stack([turn, shift])

    def cut(self, image: Image, side: int) -> NDArray[np.float32]:
        """Cut it out of an image, `side`×`side`×3, 0…1; black outside of the image."""
        # Twice as fine where much is made small, and averaged, against aliasing.
        fine = side * 2 if self.radius > side else side
        picture = cv.warpAffine(image, self.matrix(fine), (fine, fine))
        return unit(picture if fine == side else cv.resize(picture, (side, side), interpolation=cv2.INTER_AREA))

    def paste(self, mask: Map, width: int, height: int) -> Map:
        """Put a mask of this square where it belongs in a map of zeros."""
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        result: Map = cv.warpAffine(mask, self.matrix(mask.shape[0]), (width, height), flags=flags)
        return result

    def placed(self, offsets: NDArray[np.floating], scale: float) -> NDArray[np.float32]:
        """Carry offsets from the middle of its cut-out, `N×2`, into the picture's pixels, of which one has `scale`."""
        right, down = offsets.T * scale
        x, y = self._carried(right, down, first=0.5)
        return np.column_stack([x, y]).astype(np.float32)

    def _carried(self, right: Any, down: Any, first: float = 0.0) -> tuple[Any, Any]:
        """Where something lies that is so many pixels right of the centre and below it, as the square sees it.

        Places are counted from the picture's edge, or from `first` pixels inside of it.
        """
        x = self.x - first + cos(self.angle) * right - sin(self.angle) * down
        y = self.y - first + sin(self.angle) * right + cos(self.angle) * down
        return x, y

    def inner(self, offset: Sequence[float], scale: float, radius: float, angle: float = 0.0) -> Square:
        """Return a square that was found in its cut-out, as one of the picture.

        Args:
            offset: Of its centre from the middle of the cut-out, to the right and down, in the cut-out's pixels.
            scale: How many of the picture's pixels one of those is.
            radius: Half its side, in the picture's pixels.
            angle: How far it is turned within the cut-out, in radians.
        """
        x, y = self._carried(*(float(part) * scale for part in offset))
        return Square(x, y, radius, remainder(self.angle + angle, tau))

    def near(self, other: Square, share: float) -> bool:
        """Whether two squares are of about the same place and size."""
        large, small = max(self.radius, other.radius), min(self.radius, other.radius)
        return hypot(self.x - other.x, self.y - other.y) < share * large and small > (1 - share) * large


def best(found: list[tuple[float, Square]], share: float) -> list[tuple[float, Square]]:
    """Sort by score, and leave out what is as near to something better as `Square.near` says."""
    result: list[tuple[float, Square]] = []
    for score, place in sorted(found, key=lambda one: -one[0]):
        if not any(place.near(other, share) for _, other in result):
            result.append((score, place))
    return result


def anchors(side: int, *grids: tuple[int, int]) -> NDArray[np.float32]:
    """Return the places from which MediaPipe's finders count, `N×2`, in pixels of a cut-out of `side`.

    Args:
        side: Pixels.
        grids: How many cells a side has, and how often each cell counts.
    """
    laid = []
    for cells, times in grids:
        y, x = (np.indices((cells, cells), np.float32) + np.float32(0.5)) * np.float32(side / cells)
        laid.append(np.repeat(np.dstack([x, y]).reshape(-1, 2), times, axis=0))
    return np.concatenate(laid)

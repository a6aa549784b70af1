"""A rectangle of whole pixels: the part of a picture that is worked on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of whole pixels; right and bottom lie just outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Pixels across."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Pixels down."""
        return self.bottom - self.top

    @property
    def corner(self) -> NDArray[np.float32]:
        """The left and the top."""
        return np.array([self.left, self.top], np.float32)

    @property
    def slices(self) -> tuple[slice, slice]:
        """What cuts it out of a picture."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def grown(self, margin: int, width: int, height: int) -> Box:
        """A larger one, inside a picture."""
        return Box(
            max(0, self.left - margin),
            max(0, self.top - margin),
            min(width, self.right + margin),
            min(height, self.bottom + margin),
        )

    def joined(self, other: Box) -> Box:
        """The smallest one around both."""
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def cut(self, plane: NDArray[np.float32], of: Box) -> NDArray[np.float32]:
        """Cut this one out of a plane that covers another around it."""
        y, x = self.top - of.top, self.left - of.left
        return plane[y : y + self.height, x : x + self.width]

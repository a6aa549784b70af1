"""`Face`: what is known about a face in a picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from melies.faces.anatomy import OVAL, SKIN, Points
from melies.faces.pose import Pose, pose_of


@dataclass(frozen=True)
class Face:
    """A face in a picture.

    Attributes:
        points: `478×3` float32, pixels: x and y count from the centre of the top left pixel, z is as large as they are,
            smaller towards the viewer. `anatomy` says which is what.
        presence: How sure it is that this is a face, 0…1.
        person: Who it is among the faces of the shot, counted from 0 in the order in which they appear.
    """

    points: Points
    presence: float
    person: int = 0

    @cached_property
    def pose(self) -> Pose:
        """Where the head is and which way it looks."""
        return pose_of(self.points)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the skin, in pixels."""
        skin = self.points[:SKIN, :2]
        return (*map(float, skin.min(0)), *map(float, skin.max(0)))  # type: ignore[return-value]

    @property
    def centre(self) -> NDArray[np.float32]:
        """The middle of the outline: x, y."""
        middle: NDArray[np.float32] = self.points[OVAL, :2].mean(0)
        return middle

    @property
    def size(self) -> float:
        """The side of a square as large as the box, in pixels."""
        left, top, right, bottom = self.box
        return float(np.sqrt((right - left) * (bottom - top)))

    def moved(self, points: Points) -> Self:
        """Return the same face with other points."""
        return replace(self, points=points)

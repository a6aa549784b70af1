"""Where a head is and which way it looks: the mean face laid over a seen one."""

from __future__ import annotations

from dataclasses import dataclass
from math import asin, atan2, cos, degrees, sin

import numpy as np
from numpy.typing import NDArray

from melies.faces.anatomy import SKIN, Points, canonical


@dataclass(frozen=True, slots=True)
class Pose:
    """A similarity from the mean face (or another one) to a picture: `scale * points @ rotation.T + shift`.

    Attributes:
        rotation: `3×3` float32; x to the right as seen, y down, z away from the viewer.
        scale: Pixels per unit of the face that was laid over; centimetres for the mean face.
        shift: `3`, in pixels.
    """

    rotation: NDArray[np.float32]
    scale: float
    shift: NDArray[np.float32]

    @property
    def yaw(self) -> float:
        """How far the face looks to the right of the picture, in degrees."""
        return degrees(atan2(-self.rotation[0, 2], self.rotation[2, 2]))

    @property
    def pitch(self) -> float:
        """How far the face looks up, in degrees."""
        return degrees(asin(float(np.clip(self.rotation[1, 2], -1, 1))))

    @property
    def roll(self) -> float:
        """How far the head is tilted clockwise as seen, in degrees; the tilt comes before the other two turns."""
        return degrees(atan2(self.rotation[1, 0], self.rotation[1, 1]))

    def to_picture(self, points: Points) -> Points:
        """Carry points of the face, `N×3`, into the picture."""
        carried: Points = (self.scale * points @ self.rotation.T + self.shift).astype(np.float32, copy=False)
        return carried

    def from_picture(self, points: Points) -> Points:
        """Carry points of the picture, `N×3`, to the upright face in front of the viewer: the inverse."""
        carried: Points = ((points - self.shift) @ self.rotation / self.scale).astype(np.float32, copy=False)
        return carried


def turned(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> NDArray[np.float32]:
    """Return the rotation, `3×3`, of which `Pose` gives these angles, in degrees: roll, then pitch, then yaw."""
    y, p, r = np.radians((yaw, pitch, roll))
    right = np.array([[cos(y), 0, -sin(y)], [0, 1, 0], [sin(y), 0, cos(y)]])
    up = np.array([[1, 0, 0], [0, cos(p), sin(p)], [0, -sin(p), cos(p)]])
    clockwise = np.array([[cos(r), -sin(r), 0], [sin(r), cos(r), 0], [0, 0, 1]])
    rotation: NDArray[np.float32] = (right @ up @ clockwise).astype(np.float32)
    return rotation


def pose_of(points: Points) -> Pose:
    """Lay the mean face over a seen one.

    Args:
        points: `478×3` (or the 468 of the skin), as in `Face.points`.
    """
    mean = canonical()
    return fit(mean.points, points[:SKIN], mean.weights)


def fit(source: Points, target: Points, weights: NDArray[np.float32] | None = None) -> Pose:
    """Return the similarity that carries one set of points nearest to another (Umeyama 1991).

    Args:
        source: `N×3`.
        target: `N×3`.
        weights: `N`, how much each counts; all the same when None.
    """
    share = np.full(len(source), 1 / len(source)) if weights is None else weights / weights.sum()
    here, there = share @ source, share @ target
    left, right = source - here, target - there
    u, singular, vt = np.linalg.svd((right * share[:, None]).T @ left)
    mirror = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * mirror) @ vt
    scale = float((singular * mirror).sum() / (share @ np.square(left)).sum())
    shift = there - scale * rotation @ here
    return Pose(rotation.astype(np.float32), scale, shift.astype(np.float32))

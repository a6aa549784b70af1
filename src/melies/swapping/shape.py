"""The shape of a face, without its expression: where its features lie and how large they are."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from melies.faces import Face, anatomy
from melies.faces.anatomy import Points
from melies.swapping.flat import Floats, facing, places, smoothstep

_REST = 5.0
"""Over how many seconds the performer's shape is learned."""
_NEAR = 0.8
"""How far, in centimetres of the mean face, shapes are averaged: lids and lips move as one, and stay as open as they
are."""
_MOST = 1.0
"""The most that anything moves, in centimetres."""
_RIM = 2.5
"""How far inside the outline, in centimetres, everything moves as it should; the outline itself stays."""
_FRONTAL, _ASIDE = 20.0, 45.0
"""Degrees of yaw up to which a shape is seen well, and from which it is not."""
_EDGE_ON, _SEEN = 0.1, 0.35


def shape(face: Face) -> Points:
    """Return a face's shape with its mouth shut, `468×3`, upright, in centimetres of the mean face."""
    seen = face.pose.from_picture(face.points[: anatomy.SKIN])
    upper, lower = anatomy.LIPS_INNER[5], anatomy.LIPS_INNER[15]
    seen[:, 1] -= max(0.0, float(seen[lower, 1] - seen[upper, 1])) * _jaw()
    return seen


class Shape:
    """Learns the shape of a performer, and says where their features go to be somebody else's."""

    def __init__(self) -> None:
        self._own: Points | None = None
        self._seen = self._time = 0.0

    def __call__(self, face: Face, time: float, wanted: Points, share: float) -> Points:
        """Return the points of the mesh, `478×3`, in pixels, of a face of that shape with this expression.

        The outline stays, and what is hardly seen.

        Args:
            face: Of the performer.
            time: In seconds.
            wanted: As from `shape`.
            share: How much of the difference is taken, 0…1.
        """
        now = shape(face)
        if self._own is None:
            self._own, self._time = now, time
        well = 1 - float(smoothstep(np.array([abs(face.pose.yaw)], np.float32), _FRONTAL, _ASIDE)[0])
        passed = float(np.clip(time - self._time, 1 / 120, 1))
        self._seen = min(self._seen + passed * well, _REST)
        self._own = self._own + np.float32(passed * well / max(self._seen, passed)) * (now - self._own)
        self._time = time
        off = _smooth() @ (wanted - self._own)
        far = np.maximum(np.linalg.norm(off, axis=1, keepdims=True), 1e-6)
        off *= np.float32(share * _MOST) * np.tanh(far / _MOST) / far * _inner()
        off *= smoothstep(facing(face.points), _EDGE_ON, _SEEN)
        pose = face.pose
        moved = face.points.copy()
        moved[: anatomy.SKIN] += np.float32(pose.scale) * off @ pose.rotation.T
        return moved


@cache
def _smooth() -> Floats:
    """The matrix that averages values of the skin's points with those near them, `468×468`."""
    mean = anatomy.canonical().points
    apart = np.square(mean[:, None] - mean[None]).sum(-1)
    weights = np.exp(-apart / np.float32(2 * _NEAR**2))
    averaged: Floats = weights / weights.sum(1, keepdims=True)
    return averaged


@cache
def _inner() -> Floats:
    """How much each point may move, `468×1`: 0 on the outline."""
    mean = anatomy.canonical().points
    rim = np.linalg.norm(mean[:, None, :2] - mean[None, anatomy.OVAL, :2], axis=2).min(1)
    inner: Floats = np.clip(rim / np.float32(_RIM), 0, 1)[:, None]
    return inner


@cache
def _jaw() -> NDArray[np.float32]:
    """How much of the mouth's opening each point goes down with, `468`."""
    x, y = places().T
    below = y > y[anatomy.LIPS_INNER].mean()
    below[anatomy.LIPS_INNER[:11]], below[anatomy.LIPS_INNER[11:]] = False, True
    jaw: NDArray[np.float32] = np.where(below, 1 - np.square(2 * x - 1), 0).astype(np.float32)
    return jaw

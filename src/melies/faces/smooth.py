"""Faces held still where they are still: the One-Euro filter, and what becomes of a face's mesh under it."""

from __future__ import annotations

from functools import cache
from math import exp, log, tau
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melies.faces.anatomy import (
    COUNT,
    LEFT_EYE,
    LEFT_IRIS,
    LIPS_INNER,
    LIPS_OUTER,
    RIGHT_EYE,
    RIGHT_IRIS,
    Points,
    canonical,
)
from melies.faces.face import Face
from melies.faces.pose import Pose

_GAP = 0.3
"""Seconds without a face after which it is seen afresh."""


class OneEuro:
    """Casiez, Roussel and Vogel, "1 € Filter" (CHI 2012), over an array of numbers at once.

    Args:
        cutoff: Below how many hertz still things are kept; lower is stiller. One number, or one for each value.
        beta: How much the cutoff rises with the speed, in hertz per unit a second; higher lags less. As `cutoff`.
        slope_cutoff: The cutoff, in hertz, with which the speed itself is smoothed.
    """

    def __init__(
        self, cutoff: float | NDArray[Any] = 1.0, beta: float | NDArray[Any] = 0.05, slope_cutoff: float = 1.0
    ) -> None:
        self._cutoff = cutoff
        self._beta = beta
        self._slope_cutoff = slope_cutoff
        self._value: NDArray[Any] | None = None
        self._slope: NDArray[Any] | None = None
        self._time = 0.0

    def __call__(self, value: NDArray[Any], time: float) -> NDArray[Any]:
        """Return the smoothed value.

        Args:
            value: Of the same shape every time.
            time: When it was measured, in seconds; later than the one before.
        """
        if self._value is None or self._slope is None:
            self._value, self._slope = value, np.zeros_like(value)
        else:
            passed = max(time - self._time, 1e-6)
            slope = (value - self._value) / passed
            self._slope = self._slope + _share(self._slope_cutoff, passed) * (slope - self._slope)
            cutoff = self._cutoff + self._beta * np.abs(self._slope)
            self._value = self._value + _share(cutoff, passed) * (value - self._value)
        self._time = time
        return self._value


class Steady:
    """Smooth the meshes of a shot's faces, whatever their size and the frame rate.

    The head's place and turn, and the expression that is left when these are taken away, are filtered separately: a
    head is heavy, skin may be held firmly, and lids, irises and lips are let move at once. Make one for a shot; it
    tells the faces apart by `Face.person`.

    Args:
        strength: 0 changes nothing, 0.5 is usual, 1 holds twice as firmly.
    """

    def __init__(self, strength: float = 0.5) -> None:
        self._strength = strength
        self._people: dict[int, _Filters] = {}

    def __call__(self, face: Face, time: float) -> Face:
        """Return the face with smoothed points.

        Args:
            face: As it was seen.
            time: When, in seconds; later than the time before.
        """
        if self._strength <= 0:
            return face
        filters = self._people.get(face.person)
        if filters is None or not 0 < time - filters.time < _GAP:
            filters = self._people[face.person] = _Filters(_WIDTH * face.pose.scale, 0.5 / self._strength)
        return face.moved(filters.step(face, time))


class _Filters:
    """The filters of one person.

    Args:
        width: Of the head, in pixels, when it is first seen.
        loose: What the cutoffs are multiplied by.
    """

    def __init__(self, width: float, loose: float) -> None:
        self.time = 0.0
        self._width = width
        # Head widths a second, turns (radians) a second, and growth (e-fold) a second are alike for all heads.
        self._place = OneEuro(0.5 * loose, 60 * loose, 2.0)
        self._turn = OneEuro(0.5 * loose, 30 * loose, 2.0)
        self._scale = OneEuro(0.5 * loose, 60 * loose, 2.0)
        self._shape = OneEuro(_CUTOFF * loose, _BETA * loose, 2.0)

    def step(self, face: Face, time: float) -> Points:
        self.time = time
        seen = face.pose
        shape = self._shape(seen.from_picture(face.points), time)
        turn = _upright(self._turn(seen.rotation, time))
        scale = exp(float(self._scale(np.array(log(seen.scale)), time)))
        # The head's middle is what moves; the corner from which it is counted would move with every turn as well.
        middle = self._place(seen.to_picture(_middle()) / self._width, time) * self._width
        shift = middle - scale * turn @ _middle()
        return Pose(turn, scale, shift.astype(np.float32)).to_picture(shape)


@cache
def _middle() -> NDArray[np.float32]:
    """The middle of the mean face, as the fit of a pose weighs its points."""
    mean = canonical()
    middle: NDArray[np.float32] = mean.weights @ mean.points / mean.weights.sum()
    return middle


def _upright(matrix: NDArray[Any]) -> NDArray[np.float32]:
    """The rotation nearest to a mean of rotations."""
    u, _, vt = np.linalg.svd(matrix)
    rotation: NDArray[np.float32] = (u @ vt).astype(np.float32)
    return rotation


def _share(cutoff: Any, passed: float) -> Any:
    """How much of a new value is taken."""
    return 1 - 1 / (1 + tau * cutoff * passed)


def _each(skin: float, quick: float) -> Points:
    """A number for each point, `478×1`: one for the skin, one for what moves quickly."""
    numbers = np.full((COUNT, 1), skin, np.float32)
    numbers[np.concatenate([RIGHT_EYE, LEFT_EYE, RIGHT_IRIS, LEFT_IRIS, LIPS_OUTER, LIPS_INNER])] = quick
    return numbers


_WIDTH = 15.0
"""Width of the mean face, in centimetres."""
_CUTOFF = _each(1.0, 2.0)
_BETA = _each(6.0, 10.0)

"""`Calm`: the moment in which a performer's face is most at rest, against which everything else is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from melies.faces import BLENDSHAPES, Face, blendshapes
from melies.faces.anatomy import Points
from melies.frame import Image
from melies.puppetry.motion import Rest
from melies.puppetry.parts import gape

_MARGIN = 0.85
"""How far from rest another face may be, against the calmest so far, to be taken in its place."""
_EASE = 1.0
"""Seconds in which one rest goes over into the next, so that nothing jumps."""
_EVERY = 5
"""Of a performance that goes on, only every so many frames are compared."""
_STRAIGHT = np.array([0, -8, 0], np.float32)
"""The angles at which the mean face lies over somebody who looks straight into the camera, in degrees."""
_GAZE = np.array(["Look" in name for name in BLENDSHAPES])
_WEIGHTS = np.where(_GAZE, 0.3, 1.0)
_WEIGHTS[BLENDSHAPES.index("neutral")] = 0


def unrest(face: Face) -> float:
    """Return how far a face is from rest: 0 with a closed mouth, open eyes, no expression and looking ahead."""
    rest = Rest.of(face.points)
    turned = float(np.abs(rest.angles - _STRAIGHT).sum()) / 20
    return float(_WEIGHTS @ blendshapes(face)) + turned + 3 * gape(rest.front)


def unlikeness(portrait: Points, face: Face) -> float:
    """Return how differently from a portrait's face, `478×3`, another one is held, whatever its place and size."""
    from melies.puppetry import fomm

    return fomm.unlikeness(portrait, face.points)


@dataclass(frozen=True)
class Sight:
    """A face in a frame.

    Attributes:
        image: The frame.
        points: `478×3`, the face, in pixels.
    """

    image: Image
    points: Points


class Calm:
    """The calmest sight of somebody so far.

    Args:
        unease: How far a face is from rest.
        fixed: Keep the first sight, whatever comes.
    """

    def __init__(self, unease: Callable[[Face], float] = unrest, fixed: bool = False) -> None:
        self._unease = unease
        self._fixed = fixed
        self._least = float("inf")
        self._count = 0
        self._since = 0.0
        self._before: Rest | None = None
        self._rest: Rest | None = None
        self._sight: Sight | None = None

    @property
    def sight(self) -> Sight | None:
        """The frame with that sight; None before the first."""
        return self._sight

    def begin(self, sight: Sight, found: float) -> None:
        """Take a sight to be at rest, `found` being its unease."""
        self._rest, self._sight, self._least = Rest.of(sight.points), sight, found

    def see(self, face: Face, image: Image, time: float) -> None:
        """Look at the face in the next frame, shown at `time` seconds."""
        self._count += 1
        if self._rest is None:
            self.begin(Sight(image, face.points), self._unease(face))
        elif not self._fixed and self._count % _EVERY == 0 and (found := self._unease(face)) < _MARGIN * self._least:
            self._before, self._since = self.rest(time), time
            self.begin(Sight(image, face.points), found)

    def rest(self, time: float) -> Rest:
        """Return the face at rest, as far as is known at `time`."""
        assert self._rest is not None
        share = min(1.0, (time - self._since) / _EASE)
        if self._before is None or share == 1:
            return self._rest
        return self._before.mixed(self._rest, share * share * (3 - 2 * share))

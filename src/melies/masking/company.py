"""`Company`: the faces of a shot that are meant, each held still from frame to frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from melies.faces import Face, OneEuro, Tracker
from melies.frame import Image

if TYPE_CHECKING:
    from melies.effects._faces import Chooser

_MOST = 8
_LONGEST = 1.0
"""Seconds after which a face that comes back starts from where it is."""


class Company:
    """Follows faces, chooses, and smooths; one for every shot.

    Args:
        chooser: Who is meant.
        steady: How strongly still faces are held still, 0…1.
    """

    def __init__(self, chooser: Chooser, steady: float) -> None:
        self._tracker = Tracker(_MOST)
        self._chooser = chooser
        self._steady = steady
        self._filters: dict[int, tuple[OneEuro, float]] = {}

    def step(self, image: Image, time: float) -> list[Face]:
        """Return the chosen faces of the next frame, which is shown at `time` seconds."""
        return [self._calm(face, time) for face in self._chooser.choose(image, self._tracker.step(image))]

    def _calm(self, face: Face, time: float) -> Face:
        """The same face, smoothed in units of its own size."""
        if not self._steady:
            return face
        one_euro, seen = self._filters.get(face.person, (None, 0.0))
        if one_euro is None or not 0 < time - seen <= _LONGEST:
            one_euro = OneEuro(cutoff=6 - 4.5 * self._steady, beta=1.0)
        self._filters[face.person] = one_euro, time
        unit = face.pose.scale
        return face.moved((one_euro(face.points / unit, time) * unit).astype(np.float32))

"""`Company`: the faces of a shot that are meant, each held still from frame to frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from melies.faces import Face, Steady, Tracker
from melies.frame import Image

if TYPE_CHECKING:
    from melies.effects._faces import Chooser

_MOST = 8


class Company:
    """Follows faces, chooses, and smooths; one for every shot.

    Args:
        chooser: Who is meant.
        steady: How strongly still faces are held still, 0…1.
        every: Every so many frames new faces are looked for.
    """

    def __init__(self, chooser: Chooser, steady: float, every: int = 8) -> None:
        self._tracker = Tracker(_MOST, every=every)
        self._chooser = chooser
        self._steady = Steady(steady)

    def step(self, image: Image, time: float) -> list[Face]:
        """Return the chosen faces of the next frame, which is shown at `time` seconds."""
        return [self._steady(face, time) for face in self._chooser.choose(image, self._tracker.step(image))]

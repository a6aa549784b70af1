"""Time on a stage; tests bring a clock of their own."""

from __future__ import annotations

import threading
import time
from fractions import Fraction

TICK = Fraction(1, 90000)
"""Seconds per tick of a live frame's `pts`: a frame says by its time when it left the camera."""


class Clock:
    """The time since the show began."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def restart(self) -> None:
        """Begin again at zero."""
        self._began = time.monotonic()

    def now(self) -> float:
        """Return seconds."""
        return time.monotonic() - self._began

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait for an event, but no longer than so many seconds; say whether it happened."""
        return event.wait(max(0.0, seconds))


def ticks(seconds: float) -> int:
    """Return a time as a frame's `pts`."""
    return round(seconds / TICK)

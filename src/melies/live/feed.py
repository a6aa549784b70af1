"""The thread that reads a source, and finds it again when it was lost."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from melies.engine.pipeline import close
from melies.errors import MediaError, MeliesError
from melies.frame import Frame
from melies.live.clock import TICK, Clock, ticks
from melies.live.sources import Source

log = logging.getLogger("melies")

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
"""Seconds before a lost source is tried again: they double up to the longest."""

_NAP = 0.5
"""Seconds between two looks whether it is time to wake up."""


class Feed:
    """Reads a source for ever and hands every picture on, with the moment when it came as its time.

    Args:
        source: What to read.
        push: Takes the pictures.
        clock: The time.
        stop: Set when the show ends.
        patient: Whether to try again also when the source has never been there.
        asleep: Says whether nothing is to be read now: then the source is left, and opened again afterwards.

    Attributes:
        latest: The newest picture.
        lost_since: When the source was lost; None while it is there.
        losses: How often it was lost.
        error: Why it was given up.
    """

    def __init__(
        self,
        source: Source,
        push: Callable[[Frame], None],
        clock: Clock,
        stop: threading.Event,
        *,
        patient: bool = False,
        asleep: Callable[[], bool] = lambda: False,
    ) -> None:
        self.latest: Frame | None = None
        self.lost_since: float | None = None
        self.losses = 0
        self.error: Exception | None = None
        self.arrived = threading.Event()
        """Set when there is a first picture, or an error."""
        self._source, self._push, self._clock, self._stop, self._patient = source, push, clock, stop, patient
        self._asleep = asleep
        self._begin = threading.Event()
        self._pause = FIRST_PAUSE
        self._duration = max(1, round(1 / source.rate / TICK))

    def begin_shot(self) -> None:
        """Mark the next picture as the first of a shot, so that effects begin afresh with it."""
        self._begin.set()

    def begin(self) -> None:
        """Count the newest picture as taken now."""
        if self.latest is not None:
            self.latest = self.latest.at(ticks(self._clock.now()), self._duration)

    def run(self) -> None:
        """Read until told to stop, or until a source that was never there fails and patience is not asked for."""
        try:
            while not self._stop.is_set():
                if self._asleep():
                    self._clock.wait(self._stop, _NAP)
                    continue
                try:
                    self._read()
                except (MeliesError, OSError) as error:
                    if self.latest is None and not self._patient:
                        raise
                    self._lost(error)
        except Exception as error:  # The show says it, in its own thread.
            self.error = error
            self._stop.set()
            self.arrived.set()

    def _read(self) -> None:
        self._begin.set()
        pictures = self._source.pictures(self._clock, self._stop)
        try:
            for frame in pictures:
                if self._stop.is_set() or self._asleep():
                    return
                self._deliver(frame)
        finally:
            close(pictures)
        if not self._stop.is_set():
            raise MediaError(f"{self._source.name} sends no more pictures.")

    def _deliver(self, frame: Frame) -> None:
        cut = self._begin.is_set() or frame.cut
        self._begin.clear()
        if self.lost_since is not None:
            log.info("%s is back after %.0f s.", self._source.name, self._clock.now() - self.lost_since)
            self.lost_since, self._pause = None, FIRST_PAUSE
        self.latest = frame.at(ticks(self._clock.now()), self._duration, TICK, cut=cut)
        self.arrived.set()
        self._push(self.latest)

    def _lost(self, error: MeliesError | OSError) -> None:
        if self.lost_since is None:
            self.lost_since = self._clock.now()
            self.losses += 1
            said = error.message if isinstance(error, MeliesError) else f"{self._source.name}: {error.strerror}."
            log.warning("%s It is tried again until it is back.", said)
        self._clock.wait(self._stop, self._pause)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

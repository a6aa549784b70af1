"""What the engine says while it works."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Progress:
    """A moment of a render.

    Attributes:
        phase: `"choose"` while shots are chosen, `"render"` while frames are made, `"write"` while the file is put
            together, `"done"` at the end.
        frames: Frames, or shots, done in this phase.
        total: Frames to be done; an estimate, None if nobody knows.
        seconds: Since the phase began.
        fps: Frames per second, over the last few seconds, or as long as the meter was told.
        left: Seconds left; None if nobody knows.
        loads: Share of the time, 0…1, in which each stage was busy: the highest one limits the speed.
        skipped: Broken frames left out so far.
    """

    phase: str
    frames: int
    total: int | None
    seconds: float
    fps: float
    left: float | None
    loads: dict[str, float] = field(default_factory=dict)
    skipped: int = 0


Report = Callable[[Progress], None]


class Meter:
    """Count frames and report at most every `interval` seconds.

    Args:
        report: Whom to tell; None for nobody.
        phase: See `Progress.phase`.
        total: Frames to be done, if known.
        done: Frames that an earlier, interrupted run has already made.
        loads: Called for the stages' load.
        skipped: Called for the number of broken frames.
        interval: Seconds.
        over: Seconds over which frames per second are averaged; long where frames come in bursts.
    """

    def __init__(
        self,
        report: Report | None,
        phase: str,
        total: int | None,
        *,
        done: int = 0,
        loads: Callable[[], dict[str, float]] = dict,
        skipped: Callable[[], int] = int,
        interval: float = 0.25,
        over: float = 5.0,
    ) -> None:
        self._report = report
        self._phase = phase
        self._total = total
        self._loads = loads
        self._skipped = skipped
        self._interval = interval
        self._over = over
        self._began = self._last = time.monotonic()
        self._done = self._at_last = done
        self._fps = 0.0
        self._waiting = True

    def add(self, frames: int = 1) -> None:
        """Count frames."""
        now = time.monotonic()
        if self._waiting:
            # The clock starts with the first frame: what comes before is loading, or finding the way back on resume.
            self._waiting = False
            self._began = self._last = now
        self._done += frames
        if self._report is not None and now - self._last >= self._interval:
            self._tell(now)

    def finish(self) -> None:
        """Report the end of the phase."""
        if self._report is not None:
            self._total = self._done
            self._tell(time.monotonic())

    def _tell(self, now: float) -> None:
        assert self._report is not None
        passed = max(now - self._last, 1e-6)
        recent = (self._done - self._at_last) / passed
        # The mean of all at first, then a moving average: steady to read, yet it follows a scene that is harder.
        weight = passed / max(passed, min(self._over, now - self._began))
        self._fps += weight * (recent - self._fps)
        self._last, self._at_last = now, self._done
        left = None
        if self._total is not None and self._fps > 0:
            left = max(0.0, (self._total - self._done) / self._fps)
        self._report(
            Progress(
                self._phase,
                self._done,
                self._total,
                now - self._began,
                self._fps,
                left,
                self._loads(),
                self._skipped(),
            )
        )

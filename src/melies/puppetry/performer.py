"""`Performer`: a performance, read frame by frame: whose face it is, at rest and in motion, made steady."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Literal, TypeVar

from melies.effects._shelf import Delay
from melies.engine.pipeline import close
from melies.faces import Face, Steady, Tracker
from melies.frame import Frame
from melies.puppetry.covered import Covered
from melies.puppetry.motion import Motion
from melies.puppetry.neutral import Calm, Sight, unrest

if TYPE_CHECKING:
    from melies.effects._faces import Chooser

T = TypeVar("T")
Neutral = Literal["auto", "first"] | float

EASE = 0.3
"""Seconds in which a portrait goes back to rest when nobody is seen, and comes to life again."""
_BUDGET = 48 << 20
"""Bytes of frames kept in memory while they wait; the rest lies on disk."""


@dataclass(frozen=True)
class Cue:
    """What one frame of a performance asks of the portrait.

    Attributes:
        motion: What the face does; what it did last when it is not seen.
        presence: How far it counts, 0…1: it goes down while nobody is seen.
        sight: The frame in which the face was seen; None when only the motion is known.
        rest: The frame in which it is at rest; None when only the motion is known.
        covered: How far its mouth is behind a hand, 0…1.
    """

    motion: Motion
    presence: float
    sight: Sight | None = None
    rest: Sight | None = None
    covered: float = 0.0


class Performer:
    """Read the performance of one shot.

    Args:
        chooser: Says whose face it is.
        most: How many faces are followed.
        smooth: How steady, as for `Steady`.
        neutral: Which frame shows the face at rest: the calmest (`"auto"`), the `"first"`, or the one at so many
            seconds, where the shot has it.
        ahead: For how many seconds the shot is looked at for the calmest frame before anything is read.
        unease: How far a face is from rest.
    """

    def __init__(
        self,
        chooser: Chooser,
        most: int,
        smooth: float,
        neutral: Neutral = "auto",
        ahead: float = 2.0,
        unease: Callable[[Face], float] = unrest,
    ) -> None:
        self._tracker = Tracker(most)
        self._chooser = chooser
        self._smooth = smooth
        self._neutral: Neutral = neutral
        self._ahead = 0.0 if neutral == "first" else ahead
        self._unease = unease
        self._calm = self._stranger()
        self._steady = Steady(smooth)
        self._covered = Covered()
        self._person: int | None = None
        self._cue: Cue | None = None
        self._time: float | None = None

    def read(self, frames: Iterator[Frame]) -> Iterator[tuple[Frame, Cue | None]]:
        """Yield each frame with what it asks of the portrait; nothing before the face is seen for the first time."""
        with Delay(_BUDGET) as waiting:
            found: deque[Face | None] = deque()
            self._prepare(frames, waiting, found)
            while len(waiting):
                frame = waiting.pop()
                yield frame, self._heed(found.popleft(), frame)
        for frame in frames:
            yield frame, self._heed(self._find(frame), frame)

    def _stranger(self) -> Calm:
        return Calm(self._unease, fixed=self._neutral == "first")

    def _find(self, frame: Frame) -> Face | None:
        chosen = self._chooser.choose(frame.image, self._tracker.step(frame.image))
        return chosen[0] if chosen else None

    def _prepare(self, frames: Iterator[Frame], waiting: Delay, found: deque[Face | None]) -> None:
        """Hold frames until it is known how the face looks at rest."""
        moment = self._neutral if isinstance(self._neutral, float) else None
        until, least = None, inf
        for frame in frames:
            if until is None:
                until = frame.time + self._ahead
                moment = None if moment is None or moment < frame.time else moment
            face = self._find(frame)
            waiting.push(frame)
            found.append(face)
            end = frame.time + float(frame.duration * frame.time_base)
            if face is not None:
                self._person = face.person if self._person is None else self._person
                if face.person == self._person and (unease := self._unease(face)) < least:
                    least = unease
                    self._calm.begin(Sight(frame.image, face.points), unease)
                if moment is not None and frame.time <= moment < end:
                    self._person, least = face.person, -inf
                    self._calm.begin(Sight(frame.image, face.points), least)
            if end > until and (moment is None or end > moment):
                break

    def _heed(self, face: Face | None, frame: Frame) -> Cue | None:
        """Return what a frame asks of the portrait, given the face that was found in it."""
        passed = inf if self._time is None else frame.time - self._time
        self._time = frame.time
        before = self._cue
        if face is None:
            if before is not None:
                self._cue = replace(before, presence=max(0.0, before.presence - passed / EASE))
            return self._cue
        if self._person not in (None, face.person):
            self._calm, self._covered = self._stranger(), Covered()
        self._person = face.person
        presence = 0.0 if before is None else before.presence
        self._calm.see(face, frame.image, frame.time)
        steadied = self._steady(face, frame.time).points
        motion = self._calm.rest(frame.time).motion(steadied, face.points)
        sight = Sight(frame.image, face.points)
        covered = self._covered.step(frame.image, face, frame.time, passed)
        self._cue = Cue(motion, min(1.0, presence + passed / EASE), sight, self._calm.sight, covered)
        return self._cue


def ahead(items: Iterator[T]) -> Iterator[T]:
    """Read each item in a thread of its own while the one before is worked on."""

    def following() -> T | None:
        return next(items, None)

    with ThreadPoolExecutor(1, "melies performance") as pool:
        try:
            coming = pool.submit(copy_context().run, following)
            while (item := coming.result()) is not None:
                coming = pool.submit(copy_context().run, following)
                yield item
        finally:
            pool.submit(close, items).result()

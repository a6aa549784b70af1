"""Frames as they arrive: a camera, a stage, a test. The oldest waiting frame is dropped before any effect."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from melies.effect import Effect
from melies.engine.chain import needs_shots, run_effect, specs
from melies.engine.pipeline import close
from melies.engine.shots import mark_shots
from melies.frame import Frame, VideoSpec


class Live:
    """Run effects on frames that are pushed in, while results are taken out by iterating.

    The effects run one after another in the thread that iterates: a frame that waited between two of them would only
    grow old there.

    Args:
        spec: What the pushed frames look like.
        effects: What to apply.
        waiting: Frames that may wait before the first effect.
        drop: Drop the oldest waiting frame when one too many arrives; otherwise `push` blocks.
        find_shots: Look for cuts, which takes two frames of look-ahead. Without it a shot begins where a pushed frame
            says so.
        now: Returns the effect of an index as it is set at this moment, see `Effect.steered`; the effects stay as
            they are if None.

    Attributes:
        dropped: How many frames were dropped so far.
        flushing: Whether all that was pushed went in, so that what still comes out is what effects held back.
    """

    def __init__(
        self,
        spec: VideoSpec,
        effects: Sequence[Effect],
        *,
        waiting: int = 2,
        drop: bool = True,
        find_shots: bool = True,
        now: Callable[[int], Effect] | None = None,
    ) -> None:
        self.dropped = 0
        self.flushing = False
        self._waiting: deque[Frame] = deque()
        self._limit = waiting
        self._drop = drop
        self._ended = False
        self._changed = threading.Condition()
        frames = self._arrivals()
        if find_shots and needs_shots(effects):
            frames = mark_shots(frames)
        for index, (effect, given) in enumerate(zip(effects, specs(spec, effects), strict=False)):
            frames = run_effect(effect, frames, given, now=None if now is None else _at(now, index))
        self._frames = frames

    def push(self, frame: Frame) -> None:
        """Hand in the next frame; after `finish` it is forgotten."""
        with self._changed:
            while not self._drop and len(self._waiting) >= self._limit and not self._ended:
                self._changed.wait()
            if self._ended:
                return
            if len(self._waiting) >= self._limit:
                # A shot that began with a frame which nobody sees begins with the next one.
                lost = self._waiting.popleft()
                self.dropped += 1
                if lost.cut and self._waiting:
                    self._waiting[0] = _begins(self._waiting[0])
                elif lost.cut:
                    frame = _begins(frame)
            self._waiting.append(frame)
            self._changed.notify_all()

    def finish(self) -> None:
        """Say that no more frames come; what waits is still worked on."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Frame]:
        return self._frames

    def close(self) -> None:
        """Stop and free what the effects hold; in the thread that iterates."""
        self.finish()
        close(self._frames)

    def _arrivals(self) -> Iterator[Frame]:
        while True:
            with self._changed:
                while not self._waiting and not self._ended:
                    self._changed.wait()
                if not self._waiting:
                    self.flushing = True
                    return
                frame = self._waiting.popleft()
                self._changed.notify_all()
            yield frame


def _at(now: Callable[[int], Effect], index: int) -> Callable[[], Effect]:
    return lambda: now(index)


def _begins(frame: Frame) -> Frame:
    return frame.at(frame.pts, frame.duration, cut=True)

"""Frames as they arrive: a camera, a stage, a test. The oldest waiting frame is dropped before any effect."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence

from melies.effect import Effect
from melies.engine.chain import needs_shots, staged
from melies.engine.shots import mark_shots
from melies.frame import Frame, VideoSpec


class Live:
    """Run effects on frames that are pushed in, while results are taken out by iterating.

    Args:
        spec: What the pushed frames look like.
        effects: What to apply.
        waiting: Frames that may wait before the first effect.
        drop: Drop the oldest waiting frame when one too many arrives; otherwise `push` blocks.
    """

    def __init__(self, spec: VideoSpec, effects: Sequence[Effect], *, waiting: int = 2, drop: bool = True) -> None:
        self.dropped = 0
        self._waiting: deque[Frame] = deque()
        self._limit = waiting
        self._drop = drop
        self._ended = False
        self._changed = threading.Condition()
        frames = self._arrivals()
        if needs_shots(effects):
            frames = mark_shots(frames)
        self._stages = staged(frames, spec, effects)

    def push(self, frame: Frame) -> None:
        """Hand in the next frame."""
        with self._changed:
            while not self._drop and len(self._waiting) >= self._limit and not self._ended:
                self._changed.wait()
            if len(self._waiting) >= self._limit:
                self._waiting.popleft()
                self.dropped += 1
            self._waiting.append(frame)
            self._changed.notify_all()

    def finish(self) -> None:
        """Say that no more frames come."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Frame]:
        return iter(self._stages[-1])

    def close(self) -> None:
        """Stop all threads."""
        self.finish()
        for stage in reversed(self._stages):
            stage.close()

    def _arrivals(self) -> Iterator[Frame]:
        while True:
            with self._changed:
                while not self._waiting and not self._ended:
                    self._changed.wait()
                if not self._waiting:
                    return
                frame = self._waiting.popleft()
                self._changed.notify_all()
            yield frame

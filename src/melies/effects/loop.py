"""Play several times over, or back and forth."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import ClassVar

from pydantic import Field

from melies.effect import Effect, Scope
from melies.effects._shelf import Shelf
from melies.effects._sound import Tape, length
from melies.frame import Frame, Sound, VideoSpec


class Loop(Effect):
    """Play several times over, or back and forth; frames wait on disk, so that memory stays flat."""

    scope: ClassVar[Scope] = "video"
    retimes: ClassVar[bool] = True

    times: int = Field(
        2, ge=1, le=10000, description="How often to play; 1 changes nothing, or is once there and back."
    )
    boomerang: bool = Field(
        False,
        description="Play forwards and then backwards, without repeating the frames at the turning points, so "
        "that the result repeats seamlessly.",
    )

    @property
    def _plain(self) -> bool:
        return self.times == 1 and not self.boomerang

    @property
    def touches_sound(self) -> bool:
        """Sound is repeated, and turned around, with the picture."""
        return not self._plain

    def output(self, spec: VideoSpec) -> VideoSpec:
        """More frames."""
        if spec.frames is None:
            return spec
        once = spec.frames + max(0, spec.frames - 2) if self.boomerang else spec.frames
        return spec.replace(frames=once * self.times)

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Pass the frames on while putting them aside, then play them again."""
        if self._plain:
            yield from frames
            return
        at = 0
        with Shelf() as shelf:
            for frame in frames:
                shelf.put(frame)
                yield frame
                at = frame.pts + frame.duration
            for index, cut in self._again(shelf):
                frame = shelf[index]
                yield frame.at(at, frame.duration, cut=cut)
                at += frame.duration

    def _again(self, shelf: Shelf) -> Iterator[tuple[int, bool]]:
        """Which frames follow the first pass, and whether each begins a shot."""
        count = len(shelf)
        for turn in range(self.times if count else 0):
            if turn > 0:
                yield 0, not self.boomerang
                yield from ((index, shelf.cut(index)) for index in range(1, count))
            if self.boomerang:
                yield from ((index, shelf.cut(index + 1)) for index in range(count - 2, 0, -1))

    def sound(self, blocks: Iterator[Sound], spec: VideoSpec) -> Iterator[Sound]:
        """Repeat the sound, as long each time as the picture."""
        with Tape() as tape:
            tape.record(blocks)
            if not tape.rate:
                return
            whole = length(spec) or Fraction(tape.end, tape.rate)
            frame = min(1 / spec.rate, whole / 2)
            passes = [(Fraction(0), whole)] + ([(whole - frame, frame)] if self.boomerang else [])
            begin = Fraction(0)
            for start, stop in passes * self.times:
                at, end = round(begin * tape.rate), round((begin + abs(stop - start)) * tape.rate)
                first, count = round(start * tape.rate), end - at
                yield from tape.play(first, first + (count if stop >= start else -count), at)
                begin += abs(stop - start)

"""Play backwards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from melies.effect import Effect, Scope
from melies.effects._shelf import Shelf
from melies.effects._sound import Tape, length
from melies.frame import Frame, Sound, VideoSpec


class Reverse(Effect):
    """Play the whole clip backwards, sound included; frames wait on disk, so that memory stays flat."""

    scope: ClassVar[Scope] = "video"
    retimes: ClassVar[bool] = True

    @property
    def touches_sound(self) -> bool:
        """Sound runs backwards as well."""
        return True

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Put all frames aside, then give them back from the last; each lasts as long as it did."""
        end = 0
        with Shelf() as shelf:
            for frame in frames:
                shelf.put(frame)
                end = frame.pts + frame.duration
            last = len(shelf) - 1
            for index in range(last, -1, -1):
                frame = shelf[index]
                # A shot now begins where it used to end: at the frame before the next cut.
                cut = index == last or shelf.cut(index + 1)
                yield frame.at(end - frame.pts - frame.duration, frame.duration, cut=cut)

    def sound(self, blocks: Iterator[Sound], spec: VideoSpec) -> Iterator[Sound]:
        """Turn sound around the middle of the picture."""
        with Tape() as tape:
            tape.record(blocks)
            if tape.rate:
                seconds = length(spec)
                end = tape.end if seconds is None else round(seconds * tape.rate)
                yield from tape.play(end, 0, at=0)

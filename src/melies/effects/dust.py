"""`dust`: specks, hairs and scratches are taken off old film."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from melies.effect import Effect
from melies.frame import Frame, VideoSpec

if TYPE_CHECKING:
    from melies.restoring.lines import Line


class Dust(Effect):
    """Take dust, hairs and scratches off film, and put there what the frames beside it show."""

    dust: float = Field(
        0.5, ge=0, le=1, description="how faint specks and hairs may be to be taken off; 0 leaves all of them"
    )
    scratches: float = Field(
        0.5, ge=0, le=1, description="how faint upright scratches may be to be taken off; 0 leaves all of them"
    )

    @property
    def lead_in(self) -> int:
        """Scratches are looked for in frames around; dust in three frames, each with those beside it."""
        from melies.restoring.lines import MEMORY

        return 3 * bool(self.dust) + MEMORY * bool(self.scratches)

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Scratches first, so that they do not disturb the motion along which dust is found."""
        from melies.restoring.dust import cleaned

        if self.scratches:
            frames = self._unscratched(frames)
        return cleaned(frames, self.dust) if self.dust else frames

    def _unscratched(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        from melies.effects._shelf import Delay
        from melies.motion import grey
        from melies.restoring.lines import MEMORY, Lines, persistent

        finder = Lines(self.scratches)
        seen: deque[list[Line]] = deque(maxlen=2 * MEMORY + 1)

        def take(index: int) -> Frame:
            lines = seen[index]
            others = [there for place, there in enumerate(seen) if place != index]
            return _without(waiting.pop(), persistent(lines, others))

        with Delay() as waiting:
            for frame in frames:
                seen.append(finder.find(grey(frame.image)))
                waiting.push(frame)
                if len(waiting) > MEMORY:
                    yield take(len(seen) - MEMORY - 1)
            while len(waiting):
                yield take(len(seen) - len(waiting))
                if len(seen) > MEMORY + len(waiting) and len(waiting):
                    seen.popleft()


def _without(frame: Frame, lines: list[Line]) -> Frame:
    from melies.imaging import join_alpha, split_alpha
    from melies.restoring.lines import erase

    if not lines:
        return frame
    colours, alpha = split_alpha(frame.image)
    return frame.with_image(join_alpha(erase(colours, lines), alpha))

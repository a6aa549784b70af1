"""`deflicker`: brightness that trembles in time-lapse and old film is held still."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from melies.effect import Effect
from melies.frame import Frame, VideoSpec

if TYPE_CHECKING:
    from melies.restoring.flicker import Numbers


class Deflicker(Effect):
    """Hold brightness and colour steady from frame to frame, as in time-lapse and old film."""

    mode: Literal["gain", "curve", "local"] = Field(
        "curve",
        description="gain: one factor for each channel; curve: dark and light tones by themselves; local: also by "
        "place, for bands and for old film that flickers unevenly",
    )
    window: int = Field(
        25, ge=3, le=251, description="frames over which brightness is made smooth; longer holds slower pumping as well"
    )
    strength: float = Field(1.0, ge=0, le=1, description="how much of the flicker is taken away; 0 changes nothing")

    @property
    def lead_in(self) -> int:
        """The window, and the change to its first frame."""
        from melies.restoring.flicker import Path

        return Path(self.window // 2).delay + 1 if self.strength else 0

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Measure ahead, then correct each frame; frames wait compressed on disk where they are many."""
        from melies.effects._shelf import Delay
        from melies.engine.shots import thumbnail
        from melies.restoring.flicker import Meter, Path

        if self.strength == 0:
            yield from frames
            return
        meter, path = Meter(self.mode), Path(self.window // 2)
        with Delay() as waiting:
            for frame in frames:
                small = thumbnail(frame)
                waiting.push(frame)
                for change in path.push(meter.step(small)):
                    yield self._corrected(waiting.pop(), change * self.strength, small.shape)
            for change in path.finish():
                yield self._corrected(waiting.pop(), change * self.strength, small.shape)

    def _corrected(self, frame: Frame, change: Numbers, shape: tuple[int, ...]) -> Frame:
        from melies.imaging import join_alpha, split_alpha
        from melies.restoring.flicker import correct, grid

        colours, alpha = split_alpha(frame.image)
        corrected = correct(colours, change, self.mode, grid(*shape[:2]))
        return frame if corrected is colours else frame.with_image(join_alpha(corrected, alpha))

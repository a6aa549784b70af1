"""Play faster or slower."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import ClassVar, Literal

from pydantic import Field

from melies.effect import Effect, Scope
from melies.effects._sound import placed, resample, unpacked
from melies.effects._tempo import change_tempo
from melies.frame import Frame, Sound, VideoSpec


class Speed(Effect):
    """Play faster or slower; no frame is made or dropped, each lasts shorter or longer, and sound follows."""

    scope: ClassVar[Scope] = "frame"
    retimes: ClassVar[bool] = True

    factor: float = Field(
        1.0, ge=0.05, le=20, description="How many times as fast: 2 is double speed, 0.5 is half speed."
    )
    pitch: Literal["keep", "shift"] = Field(
        "keep", description="Whether voices keep their pitch or, as on tape, rise and fall with the speed."
    )

    @property
    def touches_sound(self) -> bool:
        """Sound follows whenever the speed changes."""
        return self._ratio != 1

    @property
    def _ratio(self) -> Fraction:
        return Fraction(self.factor).limit_denominator(1000)

    def output(self, spec: VideoSpec) -> VideoSpec:
        """As many frames with shorter or longer ticks."""
        return spec.replace(rate=spec.rate * self._ratio, time_base=spec.time_base / self._ratio)

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Change what a tick lasts; pts and durations stay whole numbers."""
        if self._ratio == 1:
            yield from frames
            return
        for frame in frames:
            yield frame.at(frame.pts, frame.duration, frame.time_base / self._ratio)

    def sound(self, blocks: Iterator[Sound], spec: VideoSpec) -> Iterator[Sound]:
        """Change the tempo, and the pitch too if asked; sample by sample as long as the pictures."""
        return replayed(blocks, self._ratio, keep_pitch=self.pitch == "keep")


def replayed(blocks: Iterator[Sound], ratio: Fraction, keep_pitch: bool) -> Iterator[Sound]:
    """Play sound `ratio` times as fast."""
    found = unpacked(blocks)
    if found is None:
        return
    first, samples, end = found
    if keep_pitch:
        parts = change_tempo(samples, first.rate, ratio)
    else:
        # The quotient of these two rates is the factor to the last digit, so that nothing drifts.
        step = max(1, round(first.rate / ratio.denominator))
        parts = resample(samples, step * ratio.numerator, step * ratio.denominator)
    yield from placed(parts, first.rate, round(first.start / ratio), lambda: round(end() / ratio))

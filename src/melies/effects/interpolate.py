"""`interpolate`: frames between frames, for slow motion and for other frame rates."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Literal

from pydantic import ConfigDict, Field

from melies.effect import Effect
from melies.effects._sound import placed, unpacked
from melies.errors import UseError
from melies.frame import Frame, Sound, VideoSpec
from melies.times import Rate

if TYPE_CHECKING:
    from melies.interpolation.methods import Method
    from melies.interpolation.pairs import Pair
    from melies.interpolation.spans import Moment, Span

WORKERS = 2
"""Frames that are made at once; each takes its share of the processor's cores."""

LARGE = 1 << 20
"""Pixels above which frames are made one by one, by all cores: the network needs about 1 kB of memory for each."""

NEAR = Fraction(1, 100)
"""So near to a picture, as a share of the way to the next, that picture itself is shown."""


class Interpolate(Effect):
    """Make frames between the frames: slow motion, or more frames a second.

    Nothing is ever mixed over a cut. Without `speed`, `fps` or `times` the frame rate is doubled.
    """

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    speed: float = Field(
        1.0,
        ge=0.01,
        le=1,
        description="how many times as fast: 0.25 is slow motion, four times as long, at the same rate",
    )
    fps: Rate = Field(
        None, description="frames a second of the result, such as 60 or 60000/1001; a variable rate becomes constant"
    )
    times: int | None = Field(
        None, ge=1, le=64, description="so many times as many frames a second; a variable rate stays variable"
    )
    model: Literal["rife", "flow", "blend"] = Field(
        "rife",
        description="rife (a network, the best), flow (optical flow, twice as fast) or blend (mixed where they "
        "are, with ghosts)",
    )
    fast: bool = Field(False, description="look for motion in pictures of half the size: nearly four times as fast")
    duplicates: Literal["keep", "mend"] = Field(
        "keep",
        description="mend: frames that repeat the one before, as in animation drawn on twos and threes or after a "
        "change of rate, are replaced by new ones on the way to the next picture",
    )
    soundtrack: Literal["stretch", "tape", "keep", "drop"] = Field(
        "stretch",
        alias="sound",
        description="what happens to sound in slow motion: stretch (lower tempo, same pitch), tape (lower pitch as "
        "well), keep (at its own speed, then silence) or drop",
    )

    @property
    def retimes(self) -> bool:
        """Whether it is slow motion."""
        return self._pace != 1

    @property
    def lead_in(self) -> int:
        """The frame that is shown at a moment, and copies that may stand before it."""
        from melies.interpolation.spans import LONGEST

        return LONGEST + 2 if self.duplicates == "mend" else 1

    @property
    def touches_sound(self) -> bool:
        """Sound follows slow motion."""
        return self.retimes and self.soundtrack != "drop"

    @property
    def _pace(self) -> Fraction:
        return Fraction(self.speed).limit_denominator(1000)

    @property
    def _times(self) -> int:
        """How many times the source's rate the result has, where `fps` does not say."""
        return self.times or (1 if self.retimes else 2)

    def models(self) -> tuple[str, ...]:
        """RIFE, where it is asked for."""
        return ("rife",) if self.model == "rife" else ()

    def output(self, spec: VideoSpec) -> VideoSpec:
        """More frames a second, or more seconds.

        Raises:
            UseError: Two rates are asked for.
        """
        if self.fps is not None and self.times is not None:
            raise UseError("interpolate was given both fps and times, which both say the new rate.", "Leave one out.")
        if self._idle(spec):
            return spec
        spec = spec.replace(sound=spec.sound and (self.touches_sound or not self.retimes))
        if parts := self._parts(spec):
            clock = spec.time_base / (parts * self._pace)
            return spec.replace(
                rate=spec.rate * parts * self._pace, time_base=clock, frames=_product(spec.frames, parts)
            )
        rate = self.fps or spec.rate * self._times
        # How long a clip of a variable rate is cannot be told from its average rate.
        countable = None if spec.variable else spec.frames
        return spec.replace(
            rate=rate, time_base=1 / rate, variable=False, frames=_product(countable, rate / spec.rate / self._pace)
        )

    def _idle(self, spec: VideoSpec) -> bool:
        """Whether there is nothing to do."""
        same = self.times == 1 if self.fps is None else self.fps == spec.rate and not spec.variable
        return same and not self.retimes and self.duplicates == "keep"

    def _parts(self, spec: VideoSpec) -> int:
        """Into how many parts every frame is divided, so that a variable rate stays variable; 0: a constant rate."""
        return math.ceil(self._times / self._pace) if spec.variable and self.fps is None else 0

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Make the frames of one shot; its last picture is held."""
        from melies.engine.pipeline import ordered_map

        if self._idle(spec):
            return frames
        workers = 1 if spec.width * spec.height > LARGE else WORKERS
        return ordered_map(lambda make: make(), self._tasks(frames, spec, self._method(workers)), workers)

    def _tasks(self, frames: Iterator[Frame], spec: VideoSpec, method: Method) -> Iterator[Callable[[], Frame]]:
        """One function for every frame of the result, in order, which several threads may run."""
        from melies.interpolation.spans import divided, on_grid, spans

        made, parts = self.output(spec), self._parts(spec)
        for span in spans(frames, self.duplicates == "mend"):
            moments = divided(span, parts) if parts else on_grid(span, made.rate, self._pace)
            yield from _within(span, moments, method, made.time_base)

    def _method(self, workers: int) -> Method:
        from melies import models
        from melies.interpolation.methods import OpticalFlow, Rife, blended
        from melies.models import runtime

        if self.model == "blend":
            return blended
        if self.model == "flow":
            return OpticalFlow(int(self.fast))
        with runtime.options() as now, runtime.options(threads=max(1, now.width // workers)):
            return Rife(models.load("rife"), int(self.fast))

    def sound(self, blocks: Iterator[Sound], spec: VideoSpec) -> Iterator[Sound]:
        """Make sound as long as the pictures."""
        from melies.effects.speed import replayed

        if self.soundtrack == "keep":
            return _kept(blocks, self._pace)
        return replayed(blocks, self._pace, keep_pitch=self.soundtrack != "tape")


def _product(frames: int | None, factor: Fraction | int) -> int | None:
    return None if frames is None else math.ceil(frames * factor)


def _within(span: Span, moments: Iterable[Moment], method: Method, clock: Fraction) -> Iterator[Callable[[], Frame]]:
    from melies.interpolation.pairs import Pair

    pair: Pair | None = None
    for moment in moments:
        if span.second is None or moment.share < NEAR:
            shown = span.first
        elif moment.share > 1 - NEAR:
            shown = span.second
        else:
            # Pictures are converted here, in one thread.
            pair = pair or Pair(span.first.image, span.second.image, method)
            yield partial(pair.frame, moment, clock)
            continue
        yield partial(_as_it_is, shown.at(moment.pts, moment.duration, clock))


def _as_it_is(frame: Frame) -> Frame:
    return frame


def _kept(blocks: Iterator[Sound], pace: Fraction) -> Iterator[Sound]:
    """The same sound, and silence until the slower pictures end."""
    found = unpacked(blocks)
    if found is None:
        return
    first, samples, end = found
    yield from placed(samples, first.rate, first.start, lambda: round(end() / pace))

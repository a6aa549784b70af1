"""A generator on a stage: an effect that puts pictures of its own in the place of those that come."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np

from melies.effect import Effect, Generator
from melies.engine.pipeline import close
from melies.frame import Frame, Image, VideoSpec
from melies.generators._canvas import Canvas
from melies.live.clock import TICK, Clock

_LATE = Fraction(1, 1000)
"""Share of a picture by which a time may fall short of the picture's own."""


class Drawn(Effect):
    """What a generator is on a stage; it has the generator's fields, and so all that turns effects turns it as well.

    Pictures are those of the moment when they are drawn: a generator that is slow skips some and stays in time. One
    whose pictures grow out of each other cannot skip any, and so takes its time.
    """

    kind: ClassVar[type[Generator]]

    def output(self, spec: VideoSpec) -> VideoSpec:
        """The generator's size, depth, alpha and colours, at the rate of what comes in."""
        own = cast(Any, self).spec
        return spec.replace(width=own.width, height=own.height, depth=own.depth, alpha=own.alpha, colour=own.colour)

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Put the generator's pictures in the place of those that come."""
        return self.steered(frames, spec, lambda: self)

    def steered(self, frames: Iterator[Frame], spec: VideoSpec, now: Callable[[], Effect]) -> Iterator[Frame]:
        """Do the same with settings that change on the way; what has grown goes on growing."""

        def drawn_by() -> Generator:
            return cast(Generator, now())

        return _grown(self.kind, frames, drawn_by) if _grows(self.kind) else _drawn(frames, drawn_by)


def on_stage(generator: Generator) -> Effect:
    """Return a generator as an effect, of the same name and with the same fields.

    One that has no length given never ends; one that ends begins again.

    Args:
        generator: What makes the pictures.
    """
    given = {name: getattr(generator, name) for name in generator.model_fields_set}
    if isinstance(generator, Canvas):
        given.setdefault("duration", math.inf)
    return _class(type(generator))(**given)


@cache
def _class(kind: type[Generator]) -> type[Effect]:
    """The class that is both; its module gives it the generator's name."""
    return type(kind.__name__, (Drawn, kind), {"__module__": kind.__module__, "__doc__": kind.__doc__, "kind": kind})


def _grows(kind: type[Generator]) -> bool:
    """Whether the pictures of a generator grow out of each other."""
    return kind.steered is not Generator.steered


def _drawn(frames: Iterator[Frame], now: Callable[[], Generator]) -> Iterator[Frame]:
    for frame in frames:
        yield frame.with_image(_picture(now(), frame.pts * frame.time_base))


def _picture(generator: Generator, time: Fraction) -> Image:
    spec = generator.spec
    index = int(time * spec.rate + _LATE)
    made = generator.make((index % spec.frames if spec.frames else index) / spec.rate)
    try:
        return next(made).image
    finally:
        close(made)


def _grown(kind: type[Generator], frames: Iterator[Frame], now: Callable[[], Generator]) -> Iterator[Frame]:
    def begun() -> Iterator[Frame]:
        return kind.steered(now(), Fraction(0), 0, lambda _: now())

    growing = begun()
    try:
        for frame in frames:
            made = next(growing, None)
            if made is None:
                growing = begun()
                made = next(growing)
            yield frame.with_image(made.image)
    finally:
        close(growing)


class Ticks:
    """Dark pictures at a steady rate, which a generator draws over.

    Args:
        rate: Pictures a second.
        size: Width and height.
    """

    name = "the clock"
    files: Sequence[Path] = ()

    def __init__(self, rate: Fraction, size: tuple[int, int]) -> None:
        self.rate = rate
        self._dark = np.zeros((*size[::-1], 3), np.uint8)

    def pictures(self, clock: Clock, stop: threading.Event) -> Iterator[Frame]:
        """Yield one at every multiple of the time between two; what a late machine missed is passed over."""
        while not stop.is_set():
            yield Frame(self._dark, 0, TICK, 1)
            now = clock.now()
            due = (math.floor(now * self.rate) + 1) / self.rate
            clock.wait(stop, float(due) - now)

"""What every generator that makes pictures has: size, rate, length and seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from melies.effect import Generator
from melies.frame import Colour, Frame, Image, VideoSpec
from melies.sizes import read_pixels
from melies.times import first_frame, parse_rate, plain

USUAL = Fraction(10)
"""Seconds, where nothing says how long it shall be."""


class Canvas(Generator):
    """A generator of pictures of any size, rate and length.

    Subclasses write `picture`; those whose pictures can only be made one after another are `Steered`.
    """

    constant: ClassVar[tuple[str, ...]] = ("duration",)

    size: Annotated[
        tuple[int, int],
        BeforeValidator(read_pixels),
        PlainSerializer(lambda size: f"{size[0]}x{size[1]}"),
        WithJsonSchema({"type": "string", "format": "size"}),
    ] = Field((1280, 720), description="Width and height, such as 1920x1080.")
    fps: Annotated[
        Fraction,
        BeforeValidator(parse_rate),
        PlainSerializer(plain),
        WithJsonSchema({"type": "string", "format": "rate"}),
    ] = Field(Fraction(30), description="Frames a second, such as 25 or 30000/1001.")
    duration: float | None = Field(
        None, gt=0, description="Seconds; if not given, as long as the sound, or 10. inf never ends, for live use."
    )
    seed: int = Field(0, ge=0, le=2**32 - 1, description="Another number, another picture; the same, the same.")

    @property
    def seconds(self) -> Fraction | None:
        """How long it is; None if it never ends.

        Raises:
            UseError: The sound that says how long it is cannot be opened.
        """
        if self.duration is not None:
            return None if math.isinf(self.duration) else Fraction(str(self.duration))
        if self.audio is not None:
            from melies.hearing.features import listen

            return listen(self.audio).seconds
        return USUAL

    @property
    def count(self) -> int | None:
        """How many frames there are; None if they never end."""
        seconds = self.seconds
        if seconds is None:
            return None
        frames = seconds * self.fps
        # A song is heard to its end: the last frame that it needs is shown whole.
        song = self.duration is None and self.audio is not None
        return max(1, math.ceil(frames) if song else round(frames))

    @property
    def spec(self) -> VideoSpec:
        """What the frames look like."""
        return VideoSpec(
            *self.size,
            self.fps,
            1 / self.fps,
            alpha=self.alpha,
            colour=Colour("limited", "bt709", "bt709", "bt709"),
            frames=self.count,
            sound=self.audio is not None,
        )

    @property
    def alpha(self) -> bool:
        """Whether the pictures have an alpha channel."""
        return False

    def make(self, since: Fraction = Fraction(0), lead_in: int = 0) -> Iterator[Frame]:
        """Make the frames from `since` on, and up to `lead_in` before it."""
        spec = self.spec
        index = first_frame(since, spec.rate, lead_in)
        while spec.frames is None or index < spec.frames:
            yield Frame(self.picture(index, spec), index, spec.time_base, 1)
            index += 1

    def picture(self, index: int, spec: VideoSpec) -> Image:
        """Make one picture, the same wherever the making began.

        Args:
            index: Which frame.
            spec: What the frames look like.
        """
        raise NotImplementedError

    def random(self, *key: int) -> np.random.Generator:
        """Return random numbers that depend on the seed and the key alone."""
        return np.random.default_rng([self.seed, *key])


class Steered(Canvas):
    """A generator whose pictures are made one after another, each with the settings of its time.

    Subclasses write `steered`.
    """

    def make(self, since: Fraction = Fraction(0), lead_in: int = 0) -> Iterator[Frame]:
        """Make the frames from `since` on, and up to `lead_in` before it; those that they grow out of are made too."""
        return self.steered(since, lead_in, lambda _: self)

    def steered(self, since: Fraction, lead_in: int, now: Callable[[Fraction], Self]) -> Iterator[Frame]:
        """Make them with settings that change on the way."""
        raise NotImplementedError

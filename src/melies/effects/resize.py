"""Make the picture larger or smaller."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, Self

from pydantic import Field, model_validator

from melies.effect import Effect, Scope
from melies.frame import Frame, VideoSpec
from melies.imaging import Filter, Fit, fitted, place
from melies.imaging import resize as resized


class Resize(Effect):
    """Make the picture larger or smaller.

    With a width or a height the result has square pixels; with only one of them the other follows from the
    picture's shape. `scale` keeps the shape of the pixels.
    """

    scope: ClassVar[Scope] = "frame"

    width: int | None = Field(None, ge=1, le=32768, description="New width in pixels.")
    height: int | None = Field(None, ge=1, le=32768, description="New height in pixels.")
    scale: float | None = Field(
        None, gt=0, le=64, description="Multiply both sides by this instead of naming a width or height."
    )
    fit: Fit = Field(
        "contain",
        description="What to do when width and height do not suit the picture's shape: contain stays inside them "
        "and may come out smaller, cover fills them and crops to the middle, stretch distorts.",
    )
    even: bool = Field(False, description="Round both sides to even numbers, as many codecs and players want.")
    filter: Filter = Field(
        "auto", description="How to interpolate; auto averages areas to shrink and uses Lanczos to enlarge."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.scale is not None and (self.width is not None or self.height is not None):
            raise ValueError("give either --scale, or --width and --height, not both")
        return self

    def output(self, spec: VideoSpec) -> VideoSpec:
        """The new size; square pixels unless only scaled."""
        plan = self._plan(spec)
        return spec.replace(width=plan.width, height=plan.height, pixel_aspect=plan.pixel_aspect)

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Resize every frame."""
        plan = self._plan(spec)
        if (plan.width, plan.height) == (plan.inner_width, plan.inner_height) == (spec.width, spec.height):
            yield from frames
            return
        for frame in frames:
            image = resized(frame.image, plan.inner_width, plan.inner_height, self.filter)
            x, y = (plan.width - plan.inner_width) // 2, (plan.height - plan.inner_height) // 2
            yield frame.with_image(place(image, plan.width, plan.height, x, y))

    def _plan(self, spec: VideoSpec) -> _Plan:
        if self.width is None and self.height is None:
            factor = Fraction(self.scale) if self.scale is not None else Fraction(1)
            width, height = self._whole(spec.width * factor), self._whole(spec.height * factor)
            return _Plan(width, height, width, height, spec.pixel_aspect)
        shape = Fraction(spec.width) * spec.pixel_aspect / spec.height
        width = self.width if self.width is not None else self._whole((self.height or 0) * shape)
        height = self.height if self.height is not None else self._whole(width / shape)
        if self.width is None or self.height is None:
            width, height = self._whole(width), self._whole(height)
            return _Plan(width, height, width, height, Fraction(1))
        inner = fitted(shape.numerator, shape.denominator, width, height, self.fit)
        if self.fit == "contain":
            width, height = inner
        width, height = self._whole(width), self._whole(height)
        inner = inner if self.fit == "cover" else (width, height)
        return _Plan(width, height, max(inner[0], width), max(inner[1], height), Fraction(1))

    def _whole(self, side: Fraction | int) -> int:
        return max(2, round(Fraction(side) / 2) * 2) if self.even else max(1, round(side))


@dataclass(frozen=True, slots=True)
class _Plan:
    """The size that comes out, and the size the picture is scaled to before it is cropped to that."""

    width: int
    height: int
    inner_width: int
    inner_height: int
    pixel_aspect: Fraction

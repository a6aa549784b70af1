"""Cut a rectangle out of the picture."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from melies.effect import Effect, Scope
from melies.effects._fields import Gravity, Ratio, anchored
from melies.errors import UseError
from melies.frame import Frame, VideoSpec


class Crop(Effect):
    """Cut a rectangle out of the picture, named by its corner and size or by its aspect."""

    scope: ClassVar[Scope] = "frame"

    x: int | None = Field(
        None, ge=0, description="Left edge of the rectangle in pixels; gravity decides when it is not given."
    )
    y: int | None = Field(
        None, ge=0, description="Top edge of the rectangle in pixels; gravity decides when it is not given."
    )
    width: int | None = Field(None, ge=1, description="Width of the rectangle in pixels; all there is if not given.")
    height: int | None = Field(None, ge=1, description="Height of the rectangle in pixels; all there is if not given.")
    aspect: Ratio | None = Field(
        None, description="Cut the largest rectangle of this shape, such as 9:16, instead of naming a size."
    )
    gravity: Gravity = Field("center", description="Which part of the picture to keep.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.aspect is not None and (self.width is not None or self.height is not None):
            raise ValueError("give either --aspect, or --width and --height, not both")
        return self

    def output(self, spec: VideoSpec) -> VideoSpec:
        """The rectangle's size.

        Raises:
            UseError: The rectangle sticks out of the picture.
        """
        _, _, width, height = self._box(spec)
        return spec.replace(width=width, height=height)

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Crop every frame."""
        x, y, width, height = self._box(spec)
        if (width, height) == (spec.width, spec.height):
            yield from frames
            return
        for frame in frames:
            yield frame.with_image(np.ascontiguousarray(frame.image[y : y + height, x : x + width]))

    def _box(self, spec: VideoSpec) -> tuple[int, int, int, int]:
        room_x, room_y = spec.width - (self.x or 0), spec.height - (self.y or 0)
        if self.aspect is not None and room_x > 0 and room_y > 0:
            shape = self.aspect / spec.pixel_aspect
            width, height = min(room_x, round(room_y * shape)), min(room_y, round(Fraction(room_x) / shape))
        else:
            width = self.width if self.width is not None else room_x
            height = self.height if self.height is not None else room_y
        width, height = (max(1, width), max(1, height)) if self.aspect is not None else (width, height)
        if width > room_x or height > room_y or room_x <= 0 or room_y <= 0:
            raise UseError(
                f"The rectangle of {width}×{height} at ({self.x or 0}, {self.y or 0}) sticks out of the picture "
                f"of {spec.width}×{spec.height}.",
                "Choose a smaller --width or --height, or another --x or --y.",
            )
        x, y = anchored(self.gravity, spec.width - width, spec.height - height)
        return self.x if self.x is not None else x, self.y if self.y is not None else y, width, height

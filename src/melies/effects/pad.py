"""Put a border around the picture."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from melies.effect import Effect, Scope
from melies.effects._fields import Gravity, Ratio, anchored
from melies.errors import UseError
from melies.frame import Frame, Image, VideoSpec
from melies.imaging import ColourText, blur, fill, fit, join_alpha, parse_colour, white_of


class Pad(Effect):
    """Put a border around the picture: to a size, to an aspect, or so many pixels on each side."""

    scope: ClassVar[Scope] = "frame"

    width: int | None = Field(None, ge=1, le=32768, description="Width to fill up to, in pixels.")
    height: int | None = Field(None, ge=1, le=32768, description="Height to fill up to, in pixels.")
    aspect: Ratio | None = Field(None, description="Shape to fill up to, such as 16:9, instead of a size.")
    left: int = Field(0, ge=0, le=16384, description="Pixels to add on the left.")
    right: int = Field(0, ge=0, le=16384, description="Pixels to add on the right.")
    top: int = Field(0, ge=0, le=16384, description="Pixels to add above.")
    bottom: int = Field(0, ge=0, le=16384, description="Pixels to add below.")
    gravity: Gravity = Field("center", description="Where the picture goes when filling up to a size or aspect.")
    colour: ColourText = Field("black", description="Colour of the border; transparent makes it see-through.")
    blur: float | None = Field(
        None,
        gt=0,
        le=500,
        description="Fill the border with the picture itself, enlarged and blurred by so many pixels.",
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = (
            self.width is not None or self.height is not None,
            self.aspect is not None,
            any((self.left, self.right, self.top, self.bottom)),
        )
        if sum(ways) > 1:
            raise ValueError(
                "give a size (--width, --height), --aspect, or borders (--left and so on), only one of the three"
            )
        return self

    def output(self, spec: VideoSpec) -> VideoSpec:
        """The new size, with alpha where the colour is see-through.

        Raises:
            UseError: The size is smaller than the picture.
        """
        width, height, _, _ = self._canvas(spec)
        return spec.replace(width=width, height=height, alpha=self._alpha(spec))

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Pad every frame."""
        canvas = self._canvas(spec)
        if canvas[:2] == (spec.width, spec.height):
            yield from frames
            return
        for frame in frames:
            yield frame.with_image(self._padded(frame.image, self._alpha(spec), *canvas))

    def _alpha(self, spec: VideoSpec) -> bool:
        grows = self._canvas(spec)[:2] != (spec.width, spec.height)
        return spec.alpha or (grows and self.blur is None and parse_colour(self.colour)[3] < 255)

    def _padded(self, image: Image, alpha: bool, width: int, height: int, x: int, y: int) -> Image:
        if alpha and image.shape[2] == 3:
            image = join_alpha(image, np.full(image.shape[:2], white_of(image), image.dtype))
        if self.blur is None:
            result = fill(width, height, parse_colour(self.colour), image)
        else:
            result = np.asarray(blur(fit(image, width, height, "cover"), self.blur))
        result[y : y + image.shape[0], x : x + image.shape[1]] = image
        return result

    def _canvas(self, spec: VideoSpec) -> tuple[int, int, int, int]:
        """Width and height of the result, and where the picture's corner goes."""
        if self.left or self.right or self.top or self.bottom:
            width, height = spec.width + self.left + self.right, spec.height + self.top + self.bottom
            return width, height, self.left, self.top
        width = self.width if self.width is not None else spec.width
        height = self.height if self.height is not None else spec.height
        if self.aspect is not None:
            shape = self.aspect / spec.pixel_aspect
            width, height = max(width, round(height * shape)), max(height, round(Fraction(width) / shape))
        if width < spec.width or height < spec.height:
            raise UseError(
                f"The picture of {spec.width}×{spec.height} does not fit into {width}×{height}.",
                "Choose a larger size, or resize it first.",
            )
        return width, height, *anchored(self.gravity, width - spec.width, height - spec.height)

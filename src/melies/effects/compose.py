"""Lay the clip over something, or something over the clip."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from melies.effect import Effect, Scope
from melies.effects._background import Layer, fitted_to
from melies.effects._blend import Blend, mix
from melies.effects._fields import File, Gravity, Source, anchored
from melies.errors import UseError
from melies.files import exists
from melies.frame import Frame, Image, VideoSpec
from melies.imaging import (
    Rgba,
    fill,
    fitted,
    join_alpha,
    over,
    parse_colour,
    resize,
    split_alpha,
    to_depth,
    white_of,
)


class Compose(Effect):
    """Lay the clip over a background, or a foreground over the clip; the result has the clip's size.

    Position, scale, opacity and blend mode are those of the upper of the two: the clip over a background, the
    foreground over the clip.
    """

    scope: ClassVar[Scope] = "frame"

    background: Source | None = Field(None, description="What to lay the clip over: a colour, an image or a film.")
    foreground: File | None = Field(None, description="An image or a film to lay over the clip.")
    mode: Blend = Field("normal", description="How the colours of the upper picture act on those of the lower.")
    opacity: float = Field(1.0, ge=0, le=1, description="How opaque the upper picture is.")
    scale: float = Field(1.0, gt=0, le=20, description="Size of the upper picture, once it is fitted.")
    fit: Literal["contain", "cover", "stretch", "none"] = Field(
        "contain",
        description="How a foreground is fitted to the clip before it is scaled: inside it, filling it, distorted, or "
        "not at all, pixel for pixel. A background always fills the picture.",
    )
    gravity: Gravity = Field("center", description="Where the upper picture goes.")
    x: int = Field(0, ge=-32768, le=32768, description="Pixels to move the upper picture to the right of there.")
    y: int = Field(0, ge=-32768, le=32768, description="Pixels to move the upper picture down from there.")
    ending: Literal["loop", "hold"] = Field(
        "loop", description="What a film that is shorter than the clip does: begin again or hold its last frame."
    )

    @model_validator(mode="after")
    def _one_other(self) -> Self:
        if (self.background is None) == (self.foreground is None):
            raise ValueError("give either --background or --foreground")
        return self

    def output(self, spec: VideoSpec) -> VideoSpec:
        """Opaque over an opaque background; unchanged under a foreground.

        Raises:
            UseError: The other file cannot be read, or the background is neither file nor colour.
        """
        with ExitStack() as stack:
            other = self._other(stack)
            if self.background is None:
                return spec
            alpha = other[3] < 255 if isinstance(other, tuple) else other.spec.alpha
            return spec.replace(alpha=alpha)

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Compose every frame with what the other shows at its moment."""
        with ExitStack() as stack:
            other = self._other(stack)
            shown: Frame | None = None
            picture: Image | None = None
            for frame in frames:
                image = frame.image
                if isinstance(other, tuple):
                    if picture is None:
                        picture = fill(spec.width, spec.height, other, image, alpha=other[3] < 255)
                elif shown is not (now := other.at(frame.pts * frame.time_base)):
                    shown, picture = now, self._prepared(now.image, image)
                assert picture is not None
                if self.background is None:
                    yield frame.with_image(self._laid(picture, image))
                else:
                    yield frame.with_image(self._laid(self._scaled(image, image), picture))

    def _other(self, stack: ExitStack) -> Layer | Rgba:
        """The colour, or the still or film, that the clip is composed with."""
        if self.foreground is not None:
            return stack.enter_context(Layer(self.foreground, self.ending))
        assert self.background is not None
        try:
            return parse_colour(self.background)
        except ValueError:
            path = Path(self.background)
        if not exists(path):
            raise UseError(
                f"The background {self.background!r} is neither a file nor a colour.",
                "Write a colour such as white or #204060, or the path of an image or film.",
            )
        return stack.enter_context(Layer(path, self.ending))

    def _prepared(self, picture: Image, like: Image) -> Image:
        """The other's picture at the size and depth it is laid at."""
        if self.background is not None:
            return fitted_to(picture, like)
        return self._scaled(to_depth(picture, like.dtype), like)

    def _scaled(self, upper: Image, lower: Image) -> Image:
        width, height = upper.shape[1], upper.shape[0]
        if self.fit != "none" and upper is not lower:
            width, height = fitted(width, height, lower.shape[1], lower.shape[0], self.fit)
        return resize(upper, max(1, round(width * self.scale)), max(1, round(height * self.scale)))

    def _laid(self, upper: Image, lower: Image) -> Image:
        """Lay one picture over another where gravity and offset put it; only that part is touched."""
        height, width = lower.shape[:2]
        x, y = anchored(self.gravity, width - upper.shape[1], height - upper.shape[0])
        x, y = x + self.x, y + self.y
        left, top = max(0, x), max(0, y)
        right, bottom = min(width, x + upper.shape[1]), min(height, y + upper.shape[0])
        if left >= right or top >= bottom:
            return lower
        part = np.ascontiguousarray(upper[top - y : bottom - y, left - x : right - x])
        ground = np.ascontiguousarray(lower[top:bottom, left:right])
        laid = over(thinned(mix(part, ground, self.mode), self.opacity), ground)
        if laid.shape == lower.shape:
            return laid
        result = lower.copy()
        result[top:bottom, left:right] = laid
        return result


def thinned(image: Image, opacity: float) -> Image:
    """Multiply an image's alpha by `opacity` (0…1), adding an alpha channel where that is less than 1."""
    if opacity == 1:
        return image
    colours, alpha = split_alpha(image)
    given = np.full(image.shape[:2], white_of(image), image.dtype) if alpha is None else alpha
    return join_alpha(colours, np.rint(given * np.float32(opacity)).astype(image.dtype))

"""`bokeh`: a shallow depth of field, as a fast lens gives it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Literal, Self, cast

import numpy as np
from pydantic import Field, model_validator

from melies.effect import Effect
from melies.effects import _lens
from melies.effects._background import Layer
from melies.effects._fields import File
from melies.frame import Frame, Image, VideoSpec
from melies.imaging import join_alpha, resize, shrink, split_alpha, white_of

if TYPE_CHECKING:
    from melies.effects._lens import Map
    from melies.matting.cutter import Cutter

_MODELS = ("selfie", "body", "body-detector")
_RIM = 0.006
"""How far around people nothing of the background is taken, as a share of the shorter side: it holds their edge."""
_SPOT = 0.02
"""Half the side of the square that is focused on, as a share of the longer side."""

_Share = Annotated[float, Field(ge=0, le=1)]


class Bokeh(Effect):
    """Blur what is out of focus as a fast lens would: all but people, or by a depth map."""

    amount: float = Field(
        3.0,
        ge=0,
        le=15,
        description="How large a point of light becomes that is as far out of focus as can be, in percent of the "
        "picture's shorter side; 0 changes nothing.",
    )
    blades: int = Field(0, ge=0, le=12, description="Corners of the lens's opening: 0 is round, 6 makes hexagons.")
    highlights: float = Field(
        0.4, ge=0, le=1, description="How much brightest parts shine when they are blurred; 0: not more than others."
    )
    depth: File | None = Field(
        None,
        description="A film or a picture of depth, grey, as long as the clip; without it people are in focus and the "
        "rest is not.",
    )
    near: Literal["white", "black"] = Field("white", description="What is near in the depth map.")
    focus: float | None = Field(
        None, ge=0, le=1, description="The depth that is in focus, from 0 (farthest) to 1 (nearest, the default)."
    )
    focus_at: tuple[_Share, _Share] | None = Field(
        None,
        description="Focus on what is at this place in the first frame of every shot: x,y as shares of width and "
        "height, such as 0.5,0.4.",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if 0 < self.blades < 3:
            raise ValueError(f"--blades should be 0 for a round opening, or at least 3, not {self.blades}")
        by_depth = {"--focus": self.focus is not None, "--focus-at": self.focus_at is not None}
        by_depth["--near"] = self.near != "white"
        idle = next((option for option, given in by_depth.items() if given), None)
        if self.depth is None and idle:
            raise ValueError(f"{idle} needs --depth: give a depth map, or leave it out to focus on people")
        if self.focus is not None and self.focus_at is not None:
            raise ValueError("give either --focus or --focus-at")
        return self

    @property
    def lead_in(self) -> int | None:
        """None where people are followed, or the first frame says what is in focus."""
        return 0 if self.amount == 0 or (self.depth is not None and self.focus_at is None) else None

    def models(self) -> tuple[str, ...]:
        """The networks that find people, unless there is a depth map."""
        return _MODELS if self.depth is None else ()

    def output(self, spec: VideoSpec) -> VideoSpec:
        """Nothing changes.

        Raises:
            UseError: The depth map cannot be read.
        """
        if self.depth is not None:
            Layer(self.depth, "hold").close()
        return spec

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Blur every frame of a shot."""
        radius = self.amount / 200 * min(spec.width, spec.height)
        if radius == 0:
            yield from frames
        elif self.depth is None:
            yield from self.steered(frames, spec, lambda: self)
        else:
            yield from self._by_depth(frames, Layer(self.depth, "hold"), radius)

    def steered(self, frames: Iterator[Frame], spec: VideoSpec, now: Callable[[], Self]) -> Iterator[Frame]:
        """What is known of people goes on when a number changes."""
        if self.depth is not None:
            yield from super().steered(frames, spec, now)
            return
        cutter = _cutter()
        for frame in frames:
            effect = now()
            radius = effect.amount / 200 * min(spec.width, spec.height)
            yield frame.with_image(effect._around(frame.image, cutter, radius)) if radius else frame

    def _around(self, image: Image, cutter: Cutter, radius: float) -> Image:
        """Blur all but people, who are laid over it with their own colours, hair by hair."""
        from melies.matting import colour

        colours, alpha = split_alpha(image)
        matte = cutter.step(colours)
        weight = 1 - _unit(shrink(matte, -_RIM * min(matte.shape)))
        if alpha is not None:
            weight *= _unit(alpha)
        light = _lens.behind(_lens.to_light(colours, self.highlights), weight, radius, self.blades)
        blurred = _lens.to_code(light, image.dtype)
        return join_alpha(colour.composite(colours, matte, blurred, 1.0), alpha)

    def _by_depth(self, frames: Iterator[Frame], layer: Layer, radius: float) -> Iterator[Frame]:
        with layer:
            focus = self.focus
            for frame in frames:
                colours, alpha = split_alpha(frame.image)
                depth = self._depth(layer, frame.pts * frame.time_base, colours)
                if focus is None:
                    focus = 1.0 if self.focus_at is None else _spot(depth, *self.focus_at)
                blur = (np.float32(focus) - depth) * np.float32(radius)
                sharp = _lens.to_light(colours, 0)
                light = _lens.to_light(colours, self.highlights)
                result = _lens.by_depth(sharp, light, blur, self.blades)
                yield frame.with_image(join_alpha(_lens.to_code(result, colours.dtype), alpha))

    def _depth(self, layer: Layer, time: Fraction, like: Image) -> Map:
        """The depth map for a moment, `H×W`, 1 is nearest."""
        picture = layer.at(time).image[..., :3]
        height, width = like.shape[:2]
        depth = _unit(np.ascontiguousarray(resize(picture, width, height, "linear")[..., 1]))
        return depth if self.near == "white" else 1 - depth


def _cutter() -> Cutter:
    from melies import models
    from melies.matting.cutter import Cutter
    from melies.matting.nets import Fast
    from melies.matting.refine import Refiner

    return Cutter(Fast(*map(models.load, _MODELS)), 0.8, Refiner())


def _unit(plane: Image) -> Map:
    return cast("Map", np.multiply(plane, np.float32(1 / white_of(plane)), dtype=np.float32))


def _spot(depth: Map, across: float, down: float) -> float:
    """The depth at a place, which one odd pixel does not decide."""
    height, width = depth.shape
    x, y, reach = round(across * (width - 1)), round(down * (height - 1)), round(_SPOT * max(width, height))
    return float(np.median(depth[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]))

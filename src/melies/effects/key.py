"""Cut a subject out from before a green or blue screen."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self, cast

import cv2
import numpy as np
from pydantic import ConfigDict, Field, model_validator

from melies.effect import Effect
from melies.effects import _keying
from melies.effects._background import Background
from melies.effects._fields import Source
from melies.effects._screen import WINDOW, Screen
from melies.frame import Frame, Image, VideoSpec
from melies.imaging import (
    ColourText,
    Float,
    Plane,
    blend,
    blur,
    join_alpha,
    parse_colour,
    read_mask,
    shrink,
    split_alpha,
    white_of,
)

_log = logging.getLogger("melies")


class Key(Effect):
    """Cut a subject out from before a green or blue screen, and put something else behind it.

    The screen's colour is found by itself, place by place, so that uneven light does not matter, and followed
    through each shot.
    """

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    screen: Literal["auto", "green", "blue"] = Field("auto", description="Which screen to look for.")
    colour: ColourText | None = Field(
        None, description="The screen's colour, such as #2fa44c, for screens that are not found by themselves."
    )
    background: Source = Field(
        "none",
        description="What to put behind the subject: none (transparent), a colour, an image, a film or blur[:RADIUS].",
    )
    result: Literal["composite", "matte", "cutout", "plate"] = Field(
        "composite",
        alias="output",
        description="What comes out: the composite over the background, the matte as a grey picture, the cut-out "
        "with alpha, or the plate, which is the screen as it was found.",
    )
    clip_black: float = Field(
        0.08, ge=0, lt=0.5, description="Opacity below which a pixel is screen; raise it if the screen shines through."
    )
    clip_white: float = Field(
        0.9, gt=0.5, le=1, description="Opacity above which a pixel is solid; lower it if the subject has thin spots."
    )
    core: float = Field(
        8.0,
        ge=0,
        le=100,
        description="Pixels from the edge after which subject is solid and screen is clear; 0 leaves holes and haze.",
    )
    specks: float = Field(
        0.02, ge=0, le=10, description="Islands on the screen smaller than this percentage of the picture are removed."
    )
    shrink: float = Field(0.0, ge=-50, le=50, description="Pull the edge inwards, in pixels; negative: outwards.")
    feather: float = Field(0.0, ge=0, le=100, description="Soften the edge, in pixels.")
    despill: float = Field(
        1.0, ge=0, le=1, description="How much of the screen's light is taken off the subject; 0 keeps its colours."
    )
    despill_limit: Literal["balance", "average", "max"] = Field(
        "balance",
        description="What green (or blue) may not exceed: the average of the other two colours (strong), the larger "
        "of them (gentle), or halfway between.",
    )
    garbage: Path | None = Field(None, description="An image whose white parts are always removed.")
    keep: Path | None = Field(None, description="An image whose white parts are always kept as they are.")

    @model_validator(mode="after")
    def _opaque_screen(self) -> Self:
        if self.colour is not None:
            red, green, blue, alpha = parse_colour(self.colour)
            if alpha < 255 or max(green, blue) - max(red, min(green, blue)) < 10:
                raise ValueError(f"--colour {self.colour!r} is neither green nor blue")
        return self

    @property
    def lead_in(self) -> int:
        """The screen's colour is averaged over a window of estimates that each looked over such a window."""
        return 2 * (WINDOW - 1)

    def output(self, spec: VideoSpec) -> VideoSpec:
        """Alpha comes or goes with the kind of result.

        Raises:
            UseError: The background or a mask cannot be read.
        """
        self._masks(spec)
        with self._behind() as background:
            return spec.replace(alpha=self.result in ("composite", "cutout") and background.alpha)

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Key every frame; what is known of the screen belongs to one shot."""
        kind = None if self.screen == "auto" else self.screen
        screen = Screen(kind, None if self.colour is None else parse_colour(self.colour))
        masks = self._masks(spec)
        warned = False
        with self._behind() as background:
            for frame in frames:
                image, alpha = split_alpha(frame.image)
                grid = screen.see(image)
                if grid is None and not warned:
                    warned = True
                    _log.warning(
                        "key found no green or blue screen at %.2f s and leaves the picture whole; name its --colour.",
                        frame.time,
                    )
                plate = None if grid is None else _enlarged(grid, image)
                if self.result == "plate":
                    yield frame.with_image(_as_image(plate, image))
                    continue
                cut, matte = self._cut(image, alpha, plate, screen, masks)
                yield frame.with_image(self._show(frame, cut, matte, background))

    def _behind(self) -> Background:
        return Background.parse(self.background if self.result == "composite" else "none")

    def _masks(self, spec: VideoSpec) -> tuple[Plane | None, Plane | None]:
        garbage, keep = (
            None if path is None else read_mask(path, spec.width, spec.height, spec.dtype)
            for path in (self.garbage, self.keep)
        )
        return garbage, keep

    def _cut(
        self,
        image: Image,
        given: Plane | None,
        plate: Float | None,
        screen: Screen,
        masks: tuple[Plane | None, Plane | None],
    ) -> tuple[Image, Plane]:
        """The subject's own colours, and its matte."""
        garbage, keep = masks
        white = white_of(image)
        if plate is None:
            colours, matte = image, np.full(image.shape[:2], white, image.dtype)
        else:
            raw = _keying.matte(image, plate, screen.kind)
            alpha = _keying.clipped(raw, self.clip_black, self.clip_white)
            alpha = _keying.solidified(alpha, self.core, self.specks / 100)
            colours = _keying.unmixed(image, alpha, plate)
            colours = _keying.despilled(colours, screen.kind, self.despill_limit, self.despill)
            if self.shrink < 0 or self.feather > 0:
                colours = _keying.spread(colours, alpha, self.feather - min(0.0, self.shrink))
            matte = _quantised(alpha, image)
        matte = blur(shrink(matte, self.shrink), self.feather / 2)
        if garbage is not None:
            matte = cv2.min(matte, white - garbage)
        if keep is not None:
            matte = cv2.max(matte, keep)
            colours = blend(image, colours, keep)
        if given is not None:
            matte = cv2.multiply(matte, given, scale=1 / white)
        return colours, cast(Plane, matte)

    def _show(self, frame: Frame, colours: Image, matte: Plane, background: Background) -> Image:
        if self.result == "matte":
            return cast(Image, cv2.cvtColor(matte, cv2.COLOR_GRAY2RGB))
        return background.compose(join_alpha(colours, matte), frame, frame.image)


def _enlarged(grid: Float, image: Image) -> Float:
    height, width = image.shape[:2]
    return cast(Float, cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR))


def _as_image(plate: Float | None, image: Image) -> Image:
    if plate is None:
        return np.zeros_like(image)
    return np.clip(np.rint(plate * white_of(image)), 0, white_of(image)).astype(image.dtype)


def _quantised(alpha: Float, image: Image) -> Plane:
    return cast(Plane, np.rint(alpha * np.float32(white_of(image))).astype(image.dtype))

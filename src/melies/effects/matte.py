"""`matte`: people, or whatever stands out, cut from ordinary footage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import cv2
import numpy as np
from pydantic import ConfigDict, Field

from melies.effect import Effect
from melies.effects._background import Background
from melies.effects._fields import Source
from melies.frame import Frame, Image, VideoSpec
from melies.imaging import Plane, blur, read_mask, shrink, split_alpha, white_of

if TYPE_CHECKING:
    from melies.matting.nets import Net

_ROWS = {"fast": ("selfie", "body", "body-detector"), "rvm": ("rvm",), "isnet": ("isnet",)}


class Matte(Effect):
    """Cut people out without a green screen, and put something else behind them."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    model: Literal["fast", "rvm", "isnet"] = Field(
        "fast",
        description="the network: fast (people, real time), rvm (people, finer hair, slower) or isnet "
        "(any salient object, seconds a frame, for stills)",
    )
    background: Source = Field(
        "none", description="what to put behind: none (transparent), a colour, an image, a film or blur[:RADIUS]"
    )
    result: Literal["composite", "matte", "cutout"] = Field(
        "composite",
        alias="output",
        description="composite over the background, the matte as a grey picture, or the cut-out with alpha",
    )
    decontaminate: float = Field(
        1.0, ge=0, le=1, description="how much of the old background's colour is taken out of soft edges"
    )
    shrink: float = Field(0.0, ge=-50, le=50, description="pull the edge inwards, in pixels; negative: outwards")
    feather: float = Field(0.0, ge=0, le=100, description="soften the edge, in pixels")
    clip_black: float = Field(
        0.1, ge=0, lt=0.5, description="opacity below which a pixel becomes transparent; rids of haze"
    )
    clip_white: float = Field(
        0.9, gt=0.5, le=1, description="opacity above which a pixel becomes solid; rids of thin spots"
    )
    steady: float = Field(
        0.8, ge=0, le=0.95, description="how strongly edges that do not move are held still; 0: each frame alone"
    )
    garbage: Path | None = Field(None, description="an image whose white parts are always removed")
    keep: Path | None = Field(None, description="an image whose white parts are always kept")

    def models(self) -> tuple[str, ...]:
        """The registry rows behind `model`."""
        return _ROWS[self.model]

    def output(self, spec: VideoSpec) -> VideoSpec:
        """Alpha comes or goes with the kind of result; the background and masks are looked at."""
        self._masks(spec)
        with self._behind() as background:
            return spec.replace(alpha=self.result != "matte" and background.alpha)

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Cut every frame out; what is remembered belongs to one shot."""
        from melies.matting.cutter import Cutter
        from melies.matting.refine import Refiner

        refiner = Refiner(black=self.clip_black, white=self.clip_white)
        cutter = Cutter(self._net(), self.steady, refiner)
        garbage, keep = self._masks(spec)
        with self._behind() as background:
            for frame in frames:
                image, alpha = split_alpha(frame.image)
                matte = self._adjust(cutter.step(image), alpha, garbage, keep)
                yield frame.with_image(self._show(frame, image, matte, background))

    def _net(self) -> Net:
        from melies import models
        from melies.matting.nets import Fast, Isnet, Rvm

        kinds: dict[str, type[Net]] = {"fast": Fast, "rvm": Rvm, "isnet": Isnet}
        return kinds[self.model](*map(models.load, _ROWS[self.model]))

    def _behind(self) -> Background:
        return Background.parse("none" if self.result == "cutout" else self.background)

    def _masks(self, spec: VideoSpec) -> tuple[Plane | None, Plane | None]:
        garbage, keep = (
            None if path is None else read_mask(path, spec.width, spec.height, spec.dtype)
            for path in (self.garbage, self.keep)
        )
        return garbage, keep

    def _adjust(self, matte: Plane, alpha: Plane | None, garbage: Plane | None, keep: Plane | None) -> Plane:
        """Move and soften the edge, then let the masks and the alpha that was there have their say."""
        white = white_of(matte)
        matte = shrink(matte, self.shrink)
        matte = blur(matte, self.feather / 2)
        if garbage is not None:
            matte = np.minimum(matte, white - garbage)
        if keep is not None:
            matte = np.maximum(matte, keep)
        return matte if alpha is None else cast(Plane, cv2.multiply(matte, alpha, scale=1 / white))

    def _show(self, frame: Frame, image: Image, matte: Plane, background: Background) -> Image:
        from melies.matting import colour

        if self.result == "matte":
            return cast(Image, cv2.cvtColor(matte, cv2.COLOR_GRAY2RGB))
        behind = background.picture(frame, image, matte)
        if behind is not None:
            return colour.composite(image, matte, behind, self.decontaminate)
        return background.compose(colour.cutout(image, matte, self.decontaminate), frame, image)

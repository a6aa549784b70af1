"""`translate`: one kind of picture turned into another by a network that saw examples of both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from melies.effect import Effect
from melies.effects._fields import Source
from melies.frame import Frame, VideoSpec
from melies.imaging import join_alpha, split_alpha
from melies.matting.scale import cv, unit
from melies.translating.light import relit
from melies.translating.mix import MASK_MODELS, Mask, Picture, Where, mixed

if TYPE_CHECKING:
    from melies.translating.network import Network
    from melies.translating.steady import Steady


class Translate(Effect):
    """Turn day into dusk, horses into zebras: unpaired translation by a network such as CycleGAN's."""

    first: ClassVar[str | None] = "model"

    model: Source = Field(
        "day2dusk",
        description="What it becomes: day2dusk or dusk2day, a model of your own that `melies train cyclegan` made, or "
        "the file of a public CycleGAN, such as horse2zebra.pth.",
    )
    strength: float = Field(1.0, ge=0, le=1, description="How much of it is mixed in; 0 changes nothing.")
    keep_colours: bool = Field(False, description="Take only light and dark from the network, and keep the colours.")
    mask: Where = Field("everywhere", description="What is changed: everywhere, only people, or only the background.")
    steady: float = Field(
        1.0, ge=0, le=1, description="How much what is changed holds still on what it belongs to, against flicker."
    )
    side: int | None = Field(
        None,
        ge=32,
        le=4320,
        description="Show the network the picture at this short side, in pixels: public models learned at 256. The one "
        "it was trained at, or the picture's own, if not given; never larger than that.",
    )
    detail: float = Field(
        1.0,
        ge=0,
        le=1,
        description="How much of the detail is kept that the network could not see because of its smaller picture.",
    )

    light: bool | None = Field(
        None,
        description="Take only light and colours from the network, along the edges of the frame itself: no glowing "
        "outlines, but no new textures. As the model's card says, if not given.",
    )

    @property
    def lead_in(self) -> int | None:
        """Everything before, where it is steadied or people are followed."""
        return None if self.strength and (self.steady or self.mask != "everywhere") else 0

    def models(self) -> tuple[str, ...]:
        """The registry rows behind `model` and `mask`."""
        from melies.models import registry

        row = [self.model] if any(row.name == self.model for row in registry.rows()) else []
        return (*row, *(MASK_MODELS if self.mask != "everywhere" else ()))

    def output(self, spec: VideoSpec) -> VideoSpec:
        """Nothing changes.

        Raises:
            UseError: There is no such model.
        """
        from melies.translating.network import locate

        locate("translate", self.model)
        return spec

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Translate every frame of a shot."""
        if not self.strength:
            yield from frames
            return
        from melies.engine.pipeline import ordered_map
        from melies.translating.network import find
        from melies.translating.steady import Steady

        net = find("translate", self.model, spec, self.side)
        mask, steady = Mask(self.mask), Steady(self.steady)
        light = net.card.light if self.light is None else self.light
        for shown in ordered_map(lambda frame: _Shown(frame, net), frames, net.workers):
            made = shown.whole(steady, self.detail, light)
            image = mixed(shown.colours, made, self.strength, keep_colours=self.keep_colours, mask=mask(shown.colours))
            yield shown.frame.with_image(join_alpha(image, shown.alpha))


class _Shown:
    """A frame, as the network is shown it, and what it makes of that."""

    def __init__(self, frame: Frame, net: Network) -> None:
        self.frame = frame
        self.colours, self.alpha = split_alpha(frame.image)
        self._small = net.shrunk(self.colours)
        self._made = net(self._small)

    def whole(self, steady: Steady, detail: float, light: bool) -> Picture:
        """Return what is made of the frame, steadied and at its size, with this much of its own detail."""
        made = steady(self.colours, self._made)
        height, width = self.colours.shape[:2]
        if light:
            return relit(self._small, made, self._base((height, width), detail))
        if made.shape[:2] == (height, width):
            return made
        # What the network was not shown is what its picture, made large again, lacks of the frame.
        large: Picture = cv.resize(made - np.float32(detail) * self._small, (width, height))
        return large + np.float32(detail) * unit(self.colours)

    def _base(self, size: tuple[int, int], detail: float) -> Picture:
        """Return the frame with this much of what the network was not shown."""
        whole = unit(self.colours)
        if detail == 1 or self._small.shape[:2] == size:
            return whole
        base: Picture = cv.addWeighted(whole, detail, cv.resize(self._small, size[::-1]), 1 - detail, 0)
        return base

"""`diffuse`: every picture of a film made anew by a diffusion model, after a text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Self

from pydantic import Field

from melies.diffusing.fields import Diffusing
from melies.effect import Effect
from melies.frame import Frame, VideoSpec
from melies.imaging import join_alpha, resize, split_alpha
from melies.matting.scale import cv, unit
from melies.translating.mix import Picture, mixed
from melies.translating.steady import Steady


class Diffuse(Effect, Diffusing):
    """Make a film anew after a text, with a diffusion model: video to video."""

    strength: float = Field(
        0.5, ge=0, le=1, description="How much is made anew: 0 leaves the film as it is, 1 leaves little of it."
    )
    seed: int = Field(
        0, ge=0, le=2**32 - 1, description="Another number, another film; all frames are given the same noise."
    )
    steady: float = Field(
        0.7, ge=0, le=1, description="How much what is made holds still on what it belongs to, against flicker."
    )

    @property
    def lead_in(self) -> int | None:
        """Everything before, where it is steadied or made in windows."""
        return 0 if not self.strength or (not self.steady and not self.found.family.moves) else None

    @property
    def synthesis(self) -> str | None:
        """What a machine made."""
        if not self.strength:
            return None
        return f"The pictures were made anew by a diffusion model (diffuse, model {self.found.label})."

    def output(self, spec: VideoSpec) -> VideoSpec:
        """Nothing changes.

        Raises:
            UseError: The model cannot be used.
            ModelError: It is damaged.
        """
        if self.strength:
            _ = self.found
        return spec

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Make every frame of a shot anew."""
        if not self.strength:
            return frames
        return self.steered(frames, spec, lambda: self)

    def steered(self, frames: Iterator[Frame], spec: VideoSpec, now: Callable[[], Self]) -> Iterator[Frame]:
        """Do the same with settings that change on the way."""
        from melies.diffusing.studio import studio
        from melies.diffusing.windows import overlapped

        shop, windows, steady = studio(self.found), self.windows, Steady(self.steady)
        size = shop.size(spec.width, spec.height, self.detail)

        def make(coming: Sequence[Frame]) -> list[Picture]:
            effect, middle = now(), coming[len(coming) // 2]
            index = round(middle.pts * middle.time_base * spec.rate)
            shown = [unit(resize(split_alpha(frame.image)[0], *size)) for frame in coming]
            shown += [shown[-1]] * (windows.length - len(coming))
            return shop.remade(shown, effect.wish(index, spec.frames, effect.seed), effect.strength)

        for frame, made in overlapped(frames, windows, make):
            effect = now()
            steady.strength = effect.steady
            colours, alpha = split_alpha(frame.image)
            steadied = steady(colours, made)
            large = cv.resize(steadied, (spec.width, spec.height)) if size != (spec.width, spec.height) else steadied
            yield frame.with_image(join_alpha(mixed(colours, large), alpha)) if effect.strength else frame

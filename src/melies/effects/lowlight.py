"""`lowlight`: footage that was filmed in too little light."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from melies.effect import Effect
from melies.frame import Frame, VideoSpec

REACH = 2
"""Frames before and after that are looked at."""

LEFT = 0.25
"""The share of noise that cleaning leaves, about."""


class Lowlight(Effect):
    """Lift footage that was filmed in too little light, without lifting its noise or making it flicker."""

    strength: float = Field(
        0.7,
        ge=0,
        le=1,
        description="how much of the missing light is made up for; what is bright stays; 0 changes nothing",
    )
    max_gain: float = Field(12.0, ge=1, le=50, description="how many times as bright the darkest parts may become")
    noise: float = Field(
        8.0,
        gt=0,
        le=100,
        description="how strong noise may become, as a standard deviation in code values of 0…255: where lifting would "
        "show more, less is lifted",
    )
    clean: bool = Field(True, description="take noise out first, as denoise --method fast does")

    @property
    def lead_in(self) -> int:
        """The frames that say how noisy it is, and those that are looked at."""
        from melies.cleaning.temporal import MEMORY

        return max(MEMORY, REACH)

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Clean each frame, measure its light, and lift it."""
        from melies.cleaning.light import Light, lifted
        from melies.cleaning.pictures import to_image, to_picture, windows
        from melies.cleaning.temporal import Averager, measured
        from melies.cleaning.wavelet import shrink
        from melies.imaging import split_alpha

        if self.strength == 0:
            yield from frames
            return
        averager, light = Averager(), Light()
        for window, place in windows(measured(frames), REACH):
            frame, noise = window[place].frame, window[-1].noise
            picture = shrink(*averager.average(window, place, noise)) if self.clean else to_picture(frame.image)
            falls = light.measured([split_alpha(seen.frame.image)[0] for seen in window], place, picture)
            shown = 255 * noise * (LEFT if self.clean else 1)
            most = min(self.max_gain, max(1.0, self.noise / shown)) if shown else self.max_gain
            yield frame.with_image(to_image(lifted(picture, falls, self.strength, most), frame.image))

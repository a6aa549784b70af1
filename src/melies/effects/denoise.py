"""`denoise`: noise and grain taken out, in space and along time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from melies.effect import Effect
from melies.errors import UseError
from melies.frame import Frame, VideoSpec

if TYPE_CHECKING:
    from melies.cleaning.pictures import Picture, Plane

INVISIBLE = 0.5 / 255
"""Noise no larger than what rounding to eight bits makes."""


class Denoise(Effect):
    """Take noise out of footage, in each frame and along time."""

    strength: Literal["auto"] | Annotated[float, Field(ge=0, le=100)] = Field(
        "auto",
        description="how strong the noise is: its standard deviation in code values of 0…255 (5 faint, 15 plain, "
        "30 and more: filmed in the dark), measured in every shot if auto; 0 changes nothing",
    )
    method: Literal["ffdnet", "temporal", "fast"] = Field(
        "ffdnet",
        description="how to clean: ffdnet (a network, after averaging along time), fast (wavelets in its place, no "
        "network) or temporal (averaging along time alone, which leaves much noise and all detail)",
    )
    temporal: int = Field(
        2, ge=0, le=6, description="how many frames before and after to average with, moved along; 0: each frame alone"
    )
    keep_grain: float = Field(
        0.0, ge=0, le=1, description="how much of what was taken out is put back, against plastic skin"
    )

    @property
    def lead_in(self) -> int:
        """The frames to average with, and those that say how noisy it is."""
        from melies.cleaning.temporal import MEMORY

        return max(self.temporal, MEMORY) if self.strength == "auto" else self.temporal

    def models(self) -> tuple[str, ...]:
        """The network, where it is used."""
        return ("ffdnet",) if self.method == "ffdnet" else ()

    def output(self, spec: VideoSpec) -> VideoSpec:
        """Nothing changes, except that settings which do nothing are refused."""
        if self.method == "temporal" and self.temporal == 0:
            raise UseError(
                "denoise --method temporal averages along time and has no frames to do it with.",
                "Give --temporal 2, or another --method.",
            )
        return spec

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Measure, average, clean, and put grain back."""
        from melies.cleaning.pictures import to_image, to_picture, windows
        from melies.cleaning.temporal import Averager, measured

        if self.strength == 0 or self.keep_grain == 1:
            yield from frames
            return
        averager, clean = Averager(), self._cleaner()
        known = None if self.strength == "auto" else self.strength / 255
        for window, place in windows(measured(frames, known), self.temporal):
            # The last one knows most: it has seen the frames to come.
            frame, noise = window[place].frame, window[-1].noise
            if noise <= INVISIBLE:
                yield frame
                continue
            picture = clean(*averager.average(window, place, noise))
            if self.keep_grain:
                picture += self.keep_grain * (to_picture(frame.image) - picture)
            yield frame.with_image(to_image(picture, frame.image))

    def _cleaner(self) -> Callable[[Picture, Plane | float], Picture]:
        if self.method == "ffdnet":
            from melies.cleaning.nets import FFDNet

            return FFDNet().clean
        if self.method == "fast":
            from melies.cleaning.wavelet import shrink

            return shrink
        return lambda picture, left: picture

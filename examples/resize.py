"""Make a film half as large, and fit it into a square."""

from _sample import OUT, film

import melies
from melies.effects.resize import Resize


def main() -> None:
    """Write both to `out/`."""
    clip = melies.open(film())
    clip.apply(Resize(scale=0.5)).save(OUT / "resize-half.mp4", overwrite=True)
    clip.apply(Resize(width=180, height=180, fit="cover")).save(OUT / "resize-square.mp4", overwrite=True)


if __name__ == "__main__":
    main()

"""Swing a film back and forth: a GIF of one swing repeats without a jump."""

from _sample import OUT, film

import melies
from melies.effects.loop import Loop


def main() -> None:
    """Write it to `out/`."""
    clip = melies.open(film(), end=1)
    clip.apply(Loop(times=1, boomerang=True)).save(OUT / "loop.gif", overwrite=True)


if __name__ == "__main__":
    main()

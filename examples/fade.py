"""Fade a film in from white and out again, and its sound with it."""

from _sample import OUT, film

import melies
from melies.effects.fade import Fade


def main() -> None:
    """Write it to `out/`."""
    clip = melies.open(film())
    clip.apply(Fade(fade_in=0.5, fade_out=0.8, colour="white")).save(OUT / "fade.mp4", overwrite=True)


if __name__ == "__main__":
    main()

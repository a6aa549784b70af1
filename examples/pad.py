"""Make a film square, once with bars and once with its own blurred picture beside it."""

from _sample import OUT, film

import melies
from melies.effects.pad import Pad


def main() -> None:
    """Write both to `out/`."""
    clip = melies.open(film())
    clip.apply(Pad(aspect="1:1", colour="#203040")).save(OUT / "pad-bars.mp4", overwrite=True)
    clip.apply(Pad(aspect="1:1", blur=12)).save(OUT / "pad-blur.mp4", overwrite=True)


if __name__ == "__main__":
    main()

"""Find the stretch of a film that repeats best and make a GIF of it."""

from _sample import OUT, film

import melies
from melies.effects.seamless import Seamless


def main() -> None:
    """Write it to `out/`."""
    clip = melies.open(film()).apply(Seamless(shortest=0.5, longest=1.5, crossfade=0.2))
    clip.save(OUT / "seamless.gif", overwrite=True)


if __name__ == "__main__":
    main()

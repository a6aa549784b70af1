"""Play a film backwards, sound included."""

from _sample import OUT, film

import melies
from melies.effects.reverse import Reverse


def main() -> None:
    """Write it to `out/`."""
    melies.open(film()).apply(Reverse()).save(OUT / "reverse.mp4", overwrite=True)


if __name__ == "__main__":
    main()

"""Make the light of a film tremble, and hold it still again."""

from _old import Old
from _sample import OUT, film

import melies
from melies.effects.deflicker import Deflicker


def main() -> None:
    """Write the film with its fault, and without, to `out/`."""
    old = melies.open(film()).apply(Old(how="flicker"))
    old.save(OUT / "deflicker-before.mp4", overwrite=True)
    old.apply(Deflicker()).save(OUT / "deflicker-after.mp4", overwrite=True)


if __name__ == "__main__":
    main()

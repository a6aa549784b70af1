"""Cut an upright picture for the telephone out of a wide film."""

from _sample import OUT, film

import melies
from melies.effects.crop import Crop


def main() -> None:
    """Write it to `out/`."""
    melies.open(film()).apply(Crop(aspect="9:16")).save(OUT / "crop.mp4", overwrite=True)


if __name__ == "__main__":
    main()

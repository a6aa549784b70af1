"""Put dust and scratches on a film, and take them off again."""

from _old import Old
from _sample import OUT, film

import melies
from melies.effects.dust import Dust


def main() -> None:
    """Write the film with its fault, and without, to `out/`."""
    old = melies.open(film(frames=12)).apply(Old(how="dust"))
    old.save(OUT / "dust-before.mp4", overwrite=True)
    old.apply(Dust()).save(OUT / "dust-after.mp4", overwrite=True)


if __name__ == "__main__":
    main()

"""Play a film and then its own reverse, one melting into the other."""

from _sample import OUT, film

import melies
from melies.effects.concat import Concat
from melies.effects.reverse import Reverse


def main() -> None:
    """Write it to `out/`."""
    first = film()
    second = melies.open(first).apply(Reverse()).save(OUT / "concat-second.mp4", overwrite=True)
    melies.open(first).apply(Concat(after=[second], dissolve=0.5)).save(OUT / "concat.mp4", overwrite=True)


if __name__ == "__main__":
    main()

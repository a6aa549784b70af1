"""Interlace a film as tape does, and make whole pictures of it again."""

from _old import Tape
from _sample import OUT, film

import melies
from melies.effects.deinterlace import Deinterlace


def main() -> None:
    """Write the combed film, and the mended one, to `out/`."""
    tape = melies.open(film()).apply(Tape())
    tape.save(OUT / "deinterlace-before.mp4", overwrite=True)
    tape.apply(Deinterlace()).save(OUT / "deinterlace-after.mp4", overwrite=True)
    tape.apply(Deinterlace(rate="field")).save(OUT / "deinterlace-smooth.mp4", overwrite=True)


if __name__ == "__main__":
    main()

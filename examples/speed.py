"""Play at double speed with natural voices, and at half speed as on tape."""

from _sample import OUT, film

import melies
from melies.effects.speed import Speed


def main() -> None:
    """Write both to `out/`."""
    clip = melies.open(film())
    clip.apply(Speed(factor=2)).save(OUT / "speed-double.mp4", overwrite=True)
    clip.apply(Speed(factor=0.5, pitch="shift")).save(OUT / "speed-half.mp4", overwrite=True)


if __name__ == "__main__":
    main()

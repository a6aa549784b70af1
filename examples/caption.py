"""Make a meme: two captions, and a file that is small enough to be sent."""

from _sample import OUT, film

import melies
from melies.effects.caption import Caption


def main() -> None:
    """Write it to `out/`."""
    clip = melies.open(film(), end=1).apply(
        Caption(text="when it renders", position="top", uppercase=True),
        Caption(text="the first time", uppercase=True, start=0.4, fade=0.1),
    )
    clip.save(OUT / "caption.gif", max_size="500k", overwrite=True)


if __name__ == "__main__":
    main()

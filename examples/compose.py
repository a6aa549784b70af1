"""Show a film small in the corner of itself, and multiply it with a colour."""

from _sample import OUT, film

import melies
from melies.effects.compose import Compose


def main() -> None:
    """Write both to `out/`."""
    path = film()
    inset = Compose(foreground=path, scale=0.3, gravity="bottom-right", x=-8, y=-8)
    melies.open(path).apply(inset).save(OUT / "compose-inset.mp4", overwrite=True)
    tinted = Compose(background="#ffd9a0", mode="multiply")
    melies.open(path).apply(tinted).save(OUT / "compose-tint.mp4", overwrite=True)


if __name__ == "__main__":
    main()

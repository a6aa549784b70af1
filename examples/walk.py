"""Walk through patterns of random networks: loops that meet, symmetries, colours, and a zoom that follows the time.

With a folder as argument, writes the pictures of the handbook there.
"""

import sys
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
from _sample import OUT

import melies
from melies.generators.cppn import Cppn
from melies.walking.cppn import Colours, Symmetry, Vocabulary


def sheet(path: Path, generators: list[Cppn], columns: int) -> None:
    """Write a picture of each generator, side by side."""
    made = [generator.picture(0, generator.spec) for generator in generators]
    rows = [np.hstack(made[start : start + columns]) for start in range(0, len(made), columns)]
    cv2.imwrite(str(path), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 80])


def gallery(size: str) -> list[Cppn]:
    """Return every vocabulary with several colours and symmetries."""
    palettes: tuple[Colours, ...] = ("free", "hue", "sunset", "ocean")
    symmetries: tuple[Symmetry, ...] = ("none", "mirror", "none", "kaleidoscope")
    looks = list(zip(palettes, symmetries, strict=True))
    return [
        Cppn(size=size, vocabulary=vocabulary, colours=colours, symmetry=symmetry, seed=seed)
        for vocabulary in get_args(Vocabulary)
        for seed, (colours, symmetry) in enumerate(looks, 1)
    ]


def main() -> None:
    """Write to `out/`, or to the folder named."""
    if len(sys.argv) > 1:
        folder = Path(sys.argv[1])
        sheet(folder / "cppn.jpg", gallery("240x136"), 4)
        loop = Cppn(size="160x90", fps=10, duration=2.5, loop=True, seeds="3,14,15", colours="ocean", seed=3)
        melies.Clip(loop).save(folder / "walk.gif", overwrite=True)
        return
    OUT.mkdir(exist_ok=True)
    sheet(OUT / "walk.jpg", gallery("96x54"), 4)
    loop = Cppn(size="160x90", fps=12, duration=1, loop=True, seeds="1,5,9", vocabulary="waves")
    melies.Clip(loop).save(OUT / "walk.gif", overwrite=True)
    dive = Cppn(size="160x90", fps=12, duration=1, symmetry="kaleidoscope", react=["zoom=2**t", "angle=30*t"])
    melies.Clip(dive).save(OUT / "dive.mp4", overwrite=True)


if __name__ == "__main__":
    main()

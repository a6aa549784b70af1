"""Let patterns grow: mixtures of two substances, and holes that are torn into them to a formula.

With a folder as argument, writes the pictures of the handbook there.
"""

import sys
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from _sample import OUT

import melies
from melies.generators.growth import Colours, Growth

LOOKS: dict[str, Colours] = {
    "coral": "coral",
    "mitosis": "moss",
    "worms": "ink",
    "maze": "ocean",
    "holes": "fire",
    "spots": "ice",
    "chaos": "ocean",
}


def ages(model: str, colours: Colours, size: str) -> np.ndarray:
    """A dish at four times, side by side."""
    growth = Growth(model=model, colours=colours, size=size, cells=90, fps=3, duration=9, seed=2, tear=0.4)
    frames = [frame.image for frame in islice(growth.make(), 27)]
    return np.hstack([frames[index] for index in (1, 5, 12, 26)])


def sheet(path: Path, size: str) -> None:
    """Write a row for each mixture."""
    whole = np.vstack([ages(model, colours, size) for model, colours in LOOKS.items()])
    cv2.imwrite(str(path), cv2.cvtColor(whole, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 80])


def main() -> None:
    """Write to `out/`, or to the folder named."""
    if len(sys.argv) > 1:
        sheet(Path(sys.argv[1]) / "growth.jpg", "200x112")
        return
    OUT.mkdir(exist_ok=True)
    sheet(OUT / "growth.jpg", "80x45")
    torn = Growth(size="160x90", cells=48, fps=12, duration=1.5, age=4, react=["tear=where(t%0.5<0.05,12,0)"])
    melies.Clip(torn).save(OUT / "growth.mp4", overwrite=True)


if __name__ == "__main__":
    main()

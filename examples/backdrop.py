"""Paint the backdrop of the recipes: dusk over three rows of hills."""

import sys
from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT = 960, 540
FINER = 4
"""Painted so many times as large and made smaller, so that no ridge shows steps."""


def paint() -> np.ndarray:
    """Return the picture, `HEIGHT×WIDTH×3` RGB uint8."""
    width, height = WIDTH * FINER, HEIGHT * FINER
    down = np.linspace(0, 1, height)[:, None, None]
    sky = (1 - down) * (38, 44, 88) + down * (252, 176, 112)
    picture = np.repeat(sky, width, axis=1)
    cv2.circle(picture, (round(0.7 * width), round(0.6 * height)), height // 10, (255, 226, 170), -1)
    across = np.arange(width) / width
    hills = [(0.62, 0.05, 2.3, (126, 84, 110)), (0.74, 0.07, 1.7, (80, 56, 92)), (0.87, 0.05, 3.1, (40, 32, 60))]
    for level, swell, waves, colour in hills:
        ridge = height * (level - swell * np.sin(2 * np.pi * waves * across + 7 * level))
        picture[np.arange(height)[:, None] >= ridge[None]] = colour
    small = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return small.round().astype(np.uint8)


def main() -> None:
    """Write it beside the recipes, or where the first argument says."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "recipes" / "backdrop.png"
    cv2.imwrite(str(path), cv2.cvtColor(paint(), cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main()

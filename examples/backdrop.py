"""Paint the backdrop of the recipes: dusk over three rows of hills."""

import sys
from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT = 640, 360


def paint() -> np.ndarray:
    """Return the picture, `HEIGHT×WIDTH×3` RGB uint8."""
    down = np.linspace(0, 1, HEIGHT)[:, None, None]
    sky = (1 - down) * (38, 44, 88) + down * (252, 176, 112)
    picture = np.repeat(sky, WIDTH, axis=1)
    cv2.circle(picture, (450, 215), 34, (255, 226, 170), -1, cv2.LINE_AA)
    across = np.arange(WIDTH) / WIDTH
    hills = [(0.62, 0.05, 2.3, (126, 84, 110)), (0.74, 0.07, 1.7, (80, 56, 92)), (0.87, 0.05, 3.1, (40, 32, 60))]
    for level, swell, waves, colour in hills:
        ridge = HEIGHT * (level - swell * np.sin(2 * np.pi * waves * across + 7 * level))
        picture[np.arange(HEIGHT)[:, None] >= ridge[None]] = colour
    return picture.round().astype(np.uint8)


def main() -> None:
    """Write it beside the recipes, or where the first argument says."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "recipes" / "backdrop.png"
    cv2.imwrite(str(path), cv2.cvtColor(paint(), cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main()

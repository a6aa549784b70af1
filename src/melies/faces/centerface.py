"""CenterFace: finds small faces, many at once, in the whole picture.

Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point" (2019). The network says for every
fourth pixel how likely it is the middle of a face, and how large that is.
"""

from __future__ import annotations

from math import atan2

import cv2
import numpy as np

from melies import models
from melies.faces.nets import MARGIN, best
from melies.frame import Image
from melies.imaging import to_depth
from melies.matting.scale import cv
from melies.square import Square

MODEL = "centerface"

_LEAST = 0.5
_STEP = 4
"""Pixels from one place that the network judges to the next."""
_MULTIPLE = 32
_LONGEST = 1280
"""Larger pictures are made smaller first."""


def detect(image: Image) -> list[tuple[float, Square]]:
    """Find faces of ten pixels and more.

    Args:
        image: `H×W×3` RGB, uint8 or uint16; of more than 1280 pixels a side, faces must be larger in proportion.

    Returns:
        The score of each and the square around it, upright for it, best first.
    """
    height, width = image.shape[:2]
    shrunk = min(1.0, _LONGEST / max(height, width))
    columns, rows = (max(_MULTIPLE, -(-int(side * shrunk) // _MULTIPLE) * _MULTIPLE) for side in (width, height))
    picture = cv.resize(to_depth(image, np.dtype(np.uint8)), (columns, rows), interpolation=cv2.INTER_AREA)
    made = models.load(MODEL).run({"input.1": picture.transpose(2, 0, 1)[None].astype(np.float32)})
    chance, size, offset, points = (made[name][0] for name in ("537", "538", "539", "540"))
    peak = (chance[0] == cv.dilate(chance[0], np.ones((3, 3), np.uint8))) & (chance[0] >= _LEAST)
    scale = np.array((width / columns, height / rows))
    found = []
    for row, column in np.argwhere(peak):
        tall, wide = np.exp(size[:, row, column]) * _STEP
        down, right = (offset[:, row, column] + (row, column) + 0.5) * _STEP
        eyes = points[:4, row, column] * (tall, wide, tall, wide)  # y, x of the one on the left, then of the other
        turn = atan2(float(eyes[2] - eyes[0]), float(eyes[3] - eyes[1]))
        x, y = scale * (right, down)
        radius = max(2.0, float(np.max(scale * (wide, tall))) * MARGIN / 2)
        found.append((float(chance[0, row, column]), Square(float(x), float(y), radius, turn)))
    return best(found)

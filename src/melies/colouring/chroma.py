"""Brightness and colour apart, and together again.

Colour is the pair (B - Y, R - Y) of display values, Y being BT.601 luma, all in units of white.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Image
from melies.imaging import white_of

cv: Any = cv2

Plane = NDArray[np.float32]
"""`H×W` float32; luma is 0…1."""

Chroma = NDArray[np.float32]
"""`H×W×2` float32: B - Y and R - Y, within -0.886…0.886 and -0.701…0.701."""

RED, GREEN, BLUE = 0.299, 0.587, 0.114
_STRIP = 1 << 15
"""Pixels that are joined at once."""


def luma(image: Image) -> Plane:
    """Return the brightness of an `H×W×3` uint8 or uint16 image, 0…1."""
    scale = 1 / white_of(image)
    plane: Plane = cv.transform(
        image.astype(np.float32), np.array([[RED * scale, GREEN * scale, BLUE * scale]], np.float32)
    )
    return plane


def chroma(image: Image) -> Chroma:
    """Return the colour of an `H×W×3` uint8 or uint16 image."""
    rows = np.array([[-RED, -GREEN, 1 - BLUE], [1 - RED, -GREEN, -BLUE]], np.float32) / white_of(image)
    pair: Chroma = cv.transform(image.astype(np.float32), rows)
    return pair


def join(bright: Plane, colour: Chroma, dtype: np.dtype[Any]) -> Image:
    """Put brightness and colour together.

    Where the colour is too strong to be shown at that brightness it is weakened, so that brightness stays.

    Args:
        bright: `H×W`, 0…1.
        colour: `H×W×2`.
        dtype: uint8 or uint16.

    Returns:
        `H×W×3`, whose luma is that of `bright` but for rounding.
    """
    height, width = bright.shape
    result = np.empty((height, width, 3), dtype)
    # In strips whose intermediate planes stay in the cache.
    step = max(1, _STRIP // width)
    for top in range(0, height, step):
        strip = slice(top, top + step)
        result[strip] = _joined(bright[strip], colour[strip], dtype)
    return result


def _joined(bright: Plane, colour: Chroma, dtype: np.dtype[Any]) -> Image:
    away = cv.transform(colour, np.array([[0, 1], [-BLUE / GREEN, -RED / GREEN], [1, 0]], np.float32))
    red, green, blue = cv.split(away)
    most = np.maximum(np.maximum(red, green), blue)
    least = np.minimum(np.minimum(red, green), blue)
    tiny = np.float32(1e-6)
    room = np.minimum((1 - bright) / np.maximum(most, tiny), bright / np.maximum(-least, tiny))
    room = np.minimum(room, np.float32(1))
    white = np.iinfo(dtype).max
    shown = cv.multiply(away, cv.merge([room, room, room]), scale=white)
    level = bright * np.float32(white)
    kind = cv2.CV_8U if dtype == np.uint8 else cv2.CV_16U
    joined: Image = cv.add(shown, cv.merge([level, level, level]), dtype=kind)
    return joined

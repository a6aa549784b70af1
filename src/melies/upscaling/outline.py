"""Enlarging alpha whose edges are as narrow as a pixel: stickers with one bit of transparency, thresholded mattes.

Networks take the stairs of such an edge for texture, and answer with specks around it.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.imaging import white_of

cv: Any = cv2

Plane = NDArray[np.float32]

_SIGMA = 1.0
"""How much is smoothed, in pixels before enlarging: wide enough for stairs, and little enough for corners."""

_WIDTH = 1.25
"""How wide the edge is made, in pixels after enlarging."""

_ROUNDS = 4

_WINDOW = 9, 9


def hardness(alpha: NDArray[Any]) -> Plane:
    """Return for each pixel whether the edges around it are narrow (1) or soft, as of hair and blur (0).

    An edge is narrow where what is neither clear nor solid has both beside it.
    """
    unit = np.divide(alpha, np.float32(white_of(alpha)), dtype=np.float32)
    around = np.ones((3, 3), np.uint8)
    step = cv.dilate(unit, around) - cv.erode(unit, around)
    narrow = (step > 0.9).astype(np.float32)
    soft = ((np.abs(unit - 0.5) < 0.45) & (step <= 0.9)).astype(np.float32)
    share = cv.blur(soft, _WINDOW) / np.maximum(cv.blur(narrow, _WINDOW), np.float32(1e-3))
    hard: Plane = np.clip(1 - 2 * share, 0, 1)
    return hard


def enlarge(alpha: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    """Enlarge by drawing the outline anew: smoothed, enlarged, and made steep again.

    A pixel that the shrunk result would get wrong by more than half is put right, so that lines and dots of a pixel
    stay.

    Args:
        alpha: `H×W`, uint8 or uint16.
        width: Wanted width in pixels, not smaller than now.
        height: Wanted height in pixels, not smaller than now.
    """
    white = np.float32(white_of(alpha))
    unit = np.divide(alpha, white, dtype=np.float32)
    steep = np.float32(np.sqrt(2 * np.pi) * _SIGMA / _WIDTH * max(width / alpha.shape[1], height / alpha.shape[0]))
    smooth = cv.GaussianBlur(unit, (0, 0), _SIGMA, borderType=cv2.BORDER_REFLECT)
    for left in reversed(range(_ROUNDS)):
        made = cv.resize(smooth, (width, height), interpolation=cv2.INTER_CUBIC)
        made = np.clip(0.5 + steep * (made - 0.5), 0, 1)
        wrong = unit - cv.resize(made, alpha.shape[::-1], interpolation=cv2.INTER_AREA)
        beyond = wrong - np.clip(wrong, -0.5, 0.5)
        if not left or not beyond.any():
            break
        smooth += beyond
    drawn: NDArray[Any] = np.rint(made * white).astype(alpha.dtype)
    return drawn

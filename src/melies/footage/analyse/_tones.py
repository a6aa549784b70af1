"""What the questions about light, colour and faults measure in a still."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Image
from melies.matting.scale import cv

_SIDE = 240
"""Longest side of the pictures in which light and colour are measured."""

_BLACK = 24
"""Code values that noise reaches in black."""
_AT_ONCE = 0.4
"""Share of a row that is not black where a picture begins after a bar."""


def inside(image: Image) -> Image:
    """Return a still without black bars, small."""
    top, bottom, left, right = bars(image)
    height, width = image.shape[:2]
    cut = image[top : height - bottom, left : width - right]
    scale = min(1.0, _SIDE / max(cut.shape[:2]))
    size = max(1, round(cut.shape[1] * scale)), max(1, round(cut.shape[0] * scale))
    small: Image = cv.resize(cut, size, interpolation=cv2.INTER_AREA)
    return small


def bars(image: Image) -> tuple[int, int, int, int]:
    """Return how many rows and columns of even black there are at the top, the bottom, the left and the right."""
    red, green, blue = cv.split(image)
    brightest = cv.max(cv.max(red, green), blue)
    rows, columns = (cv.reduce(brightest, side, cv2.REDUCE_MAX).ravel() for side in (1, 0))
    top, bottom = (_bar(brightest[::way], rows[::way]) for way in (1, -1))
    left, right = (_bar(brightest.T[::way], columns[::way]) for way in (1, -1))
    return top, bottom, left, right


def _bar(levels: NDArray[np.uint8], rows: NDArray[np.uint8]) -> int:
    """Rows of black, by each row's highest level, before a picture begins at once, not as things on black ground do."""
    first = int((rows > _BLACK).argmax())
    return first if (levels[first : first + 3] > _BLACK).mean() > _AT_ONCE else 0


def lab(image: Image) -> NDArray[np.float32]:
    """Return CIE Lab (D65) of an sRGB picture, `H×W×3` float32: L* 0…100, a* and b* about ±100."""
    return np.asarray(cv.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2Lab))


def edges(image: Image) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return how steep each pixel's surroundings are, in code values a pixel, and the contrast of 15×15 around it."""
    grey = cv.cvtColor(image, cv2.COLOR_RGB2GRAY)
    slopes = (np.abs(cv.Sobel(grey, cv2.CV_32F, *way, scale=1 / 8)) for way in ((1, 0), (0, 1)))
    around = np.ones((15, 15), np.uint8)
    return np.maximum(*slopes), cv.subtract(cv.dilate(grey, around), cv.erode(grey, around))

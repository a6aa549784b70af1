"""What the questions about light, colour and faults measure in a still."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Image
from melies.matting.scale import cv

Plane = NDArray[np.float32]
_SIDE = 240
"""Longest side of the pictures in which light and colour are measured."""


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
    peak = image.max(2)
    rows, columns = peak.max(1) > _BLACK, peak.max(0) > _BLACK
    if not rows.any():
        return 0, 0, 0, 0
    top, bottom = int(rows.argmax()), int(rows[::-1].argmax())
    left, right = int(columns.argmax()), int(columns[::-1].argmax())
    return top, bottom, left, right


_BLACK = 24
"""Code values that noise reaches in black."""


def lightness(image: Image) -> Plane:
    """Return L* of CIE Lab, `H×W` float32, 0…100."""
    return np.asarray(lab(image)[..., 0])


def lab(image: Image) -> NDArray[np.float32]:
    """Return CIE Lab (D65) of an sRGB picture, `H×W×3` float32: L* 0…100, a* and b* about ±100."""
    return np.asarray(cv.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2Lab))

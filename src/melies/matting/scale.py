"""Pictures made small for analysis."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float32]
"""`H×W` float32, 0…1."""


def reduce(image: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    """Resize to `width`×`height` for analysis.

    Halves by 2×2 averages while that stays above the target, then interpolates: several times faster than one
    area average of odd proportions, and nearly as free of aliasing.

    Args:
        image: `H×W` or `H×W×C`, uint8, uint16 or float32.
        width: Pixels, at least 1.
        height: Pixels, at least 1.
    """
    rows, columns = image.shape[:2]
    while (across := columns >= 2 * width) | (down := rows >= 2 * height):
        columns, rows = columns // 2 if across else columns, rows // 2 if down else rows
        image = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)
    if (columns, rows) != (width, height):
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    return image


def within(width: int, height: int, longest: int) -> tuple[int, int]:
    """Return the size divided by the smallest power of two that brings the longer side to `longest` or less."""
    while max(width, height) > longest:
        width, height = (width + 1) // 2, (height + 1) // 2
    return width, height


def unit(image: NDArray[Any]) -> Map:
    """Return uint8 or uint16 code values as float32 from 0 to 1."""
    return np.multiply(image, np.float32(1 / np.iinfo(image.dtype).max), dtype=np.float32)


def disc(radius: int) -> NDArray[np.uint8]:
    """Return a round kernel for morphology; radius 0 is a single pixel."""
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)

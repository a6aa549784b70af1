"""Pictures made small for analysis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

cv: Any = cv2
"""OpenCV without its stubs, which say that every function may return any kind of number."""

_BATCH = 8192

Map = NDArray[np.float32]
"""`H×W` float32, 0…1."""


def reduce(image: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    """Resize to `width`×`height` for analysis.

    Halves by 2×2 averages while that stays above the target both ways, then interpolates: many times faster than
    one area average of odd proportions, and nearly as free of aliasing.

    Args:
        image: `H×W` or `H×W×C`, uint8, uint16 or float32.
        width: Pixels, at least 1.
        height: Pixels, at least 1.
    """
    rows, columns = image.shape[:2]
    while columns >= 2 * width and rows >= 2 * height:
        columns, rows = columns // 2, rows // 2
        image = cv.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)
    if (columns, rows) != (width, height):
        image = cv.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    return image


def within(width: int, height: int, longest: int) -> tuple[int, int]:
    """Return the size divided by the smallest power of two that brings the longer side to `longest` or less."""
    while max(width, height) > longest:
        width, height = (width + 1) // 2, (height + 1) // 2
    return width, height


def unit(image: NDArray[Any]) -> Map:
    """Return uint8 or uint16 code values as float32 from 0 to 1."""
    values: Map = np.multiply(image, np.float32(1 / np.iinfo(image.dtype).max), dtype=np.float32)
    return values


def square(radius: int) -> NDArray[np.uint8]:
    """Return a square kernel for morphology, which is much faster than a round one; radius 0 is a single pixel."""
    return np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)


def indices(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the flat indices of what is true: `np.flatnonzero`, several times faster where that is little."""
    flat = np.ascontiguousarray(mask).reshape(-1)
    words = flat[: flat.size // 8 * 8].view(np.uint64)
    candidates = (8 * np.flatnonzero(words)[:, None] + np.arange(8)).reshape(-1)
    candidates = np.concatenate([candidates, np.arange(8 * words.size, flat.size)])
    found: NDArray[np.intp] = candidates[flat[candidates]]
    return found


def batches(places: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """Cut a list of pixels into pieces small enough for their arrays to stay in the cache."""
    for start in range(0, len(places), _BATCH):
        yield places[start : start + _BATCH]


def take(image: NDArray[Any], places: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return the pixels of an `H×W×3` picture with these flat indices, `N×3`, 0…1."""
    return unit(image.reshape(-1, 3).take(places, axis=0))


def put(image: NDArray[Any], places: NDArray[np.intp], values: NDArray[np.float32]) -> None:
    """Write pixels (`N×3`, 0…1) at flat indices of a contiguous `H×W×3` picture."""
    kind = np.dtype((np.void, 3 * image.itemsize))  # one item a pixel: numpy copies these four times faster
    np.put(image.reshape(-1, 3).view(kind), places, code(values, image.dtype).view(kind))


def code(values: NDArray[np.float32], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Turn 0…1 into code values of uint8 or uint16."""
    return (values * np.float32(np.iinfo(dtype).max) + np.float32(0.5)).astype(dtype)


def nchw(pictures: NDArray[Any]) -> NDArray[np.float32]:
    """Turn pictures, `N×H×W×C` of 0…255, into what networks take: `N×C×H×W` float32, 0…1."""
    return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), np.float32) / np.float32(255)

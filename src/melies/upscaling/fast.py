"""Enlarging without a network: Lanczos, sharpened beforehand so that shrinking the result gives the picture back."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.imaging import white_of
from melies.upscaling.resample import resample

cv: Any = cv2

_REACH = 8
_ROUNDS = 5

_RINGING = np.float32(0.3)
"""How much is kept of what goes beyond the values around: all would be halos, nothing would be dull."""


def enlarge(image: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    """Enlarge by Lanczos interpolation with back-projection (Irani and Peleg 1991).

    What shrinking the result would lose is added before, again and again. All of this is linear, and the same
    everywhere, so that the rounds become one small filter of the small picture.

    Args:
        image: `H×W` or `H×W×3`, uint8 or uint16.
        width: Wanted width in pixels, not smaller than now.
        height: Wanted height in pixels, not smaller than now.
    """
    kernels = _sharpener(width / image.shape[1]), _sharpener(height / image.shape[0])
    sharp = cv.sepFilter2D(image, cv2.CV_32F, *kernels, borderType=cv2.BORDER_REFLECT)
    made: NDArray[np.float32] = cv.resize(sharp, (width, height), interpolation=cv2.INTER_LANCZOS4)
    inside = np.clip(made, *bounds(image, width, height))
    made = inside + _RINGING * (made - inside)
    return np.rint(np.clip(made, 0, white_of(image), out=made), out=made).astype(image.dtype)


def bounds(image: NDArray[Any], width: int, height: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the least and the greatest value around each pixel of a picture, both enlarged."""
    around = np.ones((3, 3), np.uint8)
    least, greatest = (
        cv.resize(extreme(image, around), (width, height), interpolation=cv2.INTER_LINEAR)
        for extreme in (cv.erode, cv.dilate)
    )
    return least, greatest


@lru_cache(maxsize=16)
def _sharpener(ratio: float) -> NDArray[np.float32]:
    """The filter that makes up for what enlarging by `ratio` and shrinking again take from a row."""
    count = 4 * _REACH + 1
    point = np.zeros((1, count), np.float32)
    point[0, count // 2] = 1
    large = cv.resize(point, (max(count, round(count * ratio)), 1), interpolation=cv2.INTER_LANCZOS4)
    left = (resample(large, count, 1) - point)[0]
    total = term = point[0]
    for _ in range(_ROUNDS):
        term = -np.convolve(term, left, "same")
        total = total + term
    middle = total[count // 2 - _REACH : count // 2 + _REACH + 1]
    kernel: NDArray[np.float32] = (middle / middle.sum()).astype(np.float32)
    return kernel

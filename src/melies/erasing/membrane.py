"""Smooth values where none are known: the surface that a soap film makes between what is known."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

cv: Any = cv2

Values = NDArray[np.float32]
Mask = NDArray[np.bool_]

_ROUNDS = 12
"""Relaxations at each size; from coarse to fine, few are needed."""
_SMALLEST = 3
_CROSS = np.array([[0, 0.25, 0], [0.25, 0, 0.25], [0, 0.25, 0]], np.float32)


def membrane(values: Values, unknown: Mask) -> Values:
    """Fill what is unknown with the solution of Laplace's equation between what is known.

    Solved from coarse to fine: each size begins with the one before. Beyond the picture's edge nothing pulls.

    Args:
        values: `H×W` or `H×W×C`; what stands where they are unknown does not matter.
        unknown: `H×W`.

    Returns:
        A new array; all zero if nothing is known.
    """
    if not unknown.any():
        return values.copy()
    weight = np.where(unknown, np.float32(0), np.float32(1))
    if not weight.any():
        return np.zeros_like(values)
    flat = values if values.ndim == 3 else values[..., None]
    solved = _solve(np.where(unknown[..., None], np.float32(0), flat), weight)
    return solved if values.ndim == 3 else solved[..., 0]


def _solve(values: Values, weight: Values) -> Values:
    height, width = weight.shape
    unknown = weight == 0
    if not unknown.any():
        return values
    if min(height, width) <= _SMALLEST:
        mean = (values * weight[..., None]).sum((0, 1)) / weight.sum()
        return np.where(unknown[..., None], mean, values)
    size = (width + 1) // 2, (height + 1) // 2
    shares = cv.resize(weight, size, interpolation=cv2.INTER_AREA)
    sums = _planes(cv.resize(values * weight[..., None], size, interpolation=cv2.INTER_AREA))
    small = _solve(sums / np.maximum(shares, np.float32(1e-6))[..., None], np.ceil(shares))
    guess = _planes(cv.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))
    hole = unknown[..., None]
    values = np.where(hole, guess, values)
    for _ in range(_ROUNDS):
        values = np.where(hole, _planes(cv.filter2D(values, -1, _CROSS, borderType=cv2.BORDER_REPLICATE)), values)
    return values


def _planes(image: Values) -> Values:
    return image if image.ndim == 3 else image[..., None]

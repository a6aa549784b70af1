"""Filling many triangles at once, without a loop over them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_THIN = 1e-4
"""Twice the area, in square pixels, below which a triangle is left out."""
_ROUND = 1e-3
"""How far outside a triangle, in pixels, a pixel's centre still counts: neighbours leave no cracks."""


def paint(corners: Floats, values: Floats, width: int, height: int) -> Floats:
    """Fill triangles with values that run linearly between their corners.

    Every triangle is cut into rows of pixels, and all rows of all triangles are filled together.

    Args:
        corners: `T×3×2`, in pixels, counted from the centre of the top left one; later triangles cover earlier ones.
        values: `T×3×C`, at the corners.
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.

    Returns:
        `H×W×C`; NaN where there is no triangle.
    """
    picture = np.full((height * width, values.shape[2]), np.nan, np.float32)
    one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    double = one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]
    kept = np.flatnonzero(np.abs(double) > _THIN)
    corners, values, double = corners[kept], values[kept], double[kept]
    right, down = _slopes(one[kept], two[kept], double, values)

    top = np.maximum(np.ceil(corners[..., 1].min(1) - _ROUND), 0).astype(np.intp)
    bottom = np.minimum(np.floor(corners[..., 1].max(1) + _ROUND), height - 1).astype(np.intp)
    triangle, step = _runs(bottom - top + 1)
    y = (top[triangle] + step).astype(np.float32)
    low, high = _spans(corners[triangle], y)
    start = np.clip(np.ceil(low - _ROUND), 0, width)
    lengths = np.clip(np.floor(high + _ROUND), -1, width - 1) - start + 1
    origin = corners[triangle, 0]
    first = values[triangle, 0] + right[triangle] * (start - origin[:, 0])[:, None]
    first += down[triangle] * (y - origin[:, 1])[:, None]

    row, along = _runs(lengths.astype(np.intp))
    places = (y * np.float32(width) + start).astype(np.intp)[row] + along
    # Where an index comes twice, numpy keeps the last: triangles that come later lie on top.
    picture[places] = first[row] + right[triangle][row] * along.astype(np.float32)[:, None]
    return picture.reshape(height, width, -1)


def _runs(lengths: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """For runs of these lengths laid end to end: which run each item belongs to, and its place in it."""
    lengths = np.maximum(lengths, 0)
    run = np.repeat(np.arange(len(lengths)), lengths)
    return run, np.arange(len(run)) - (np.cumsum(lengths) - lengths)[run]


def _slopes(one: Floats, two: Floats, double: Floats, values: Floats) -> tuple[NDArray[Any], NDArray[Any]]:
    """How much the values change from pixel to pixel, to the right and down: `T×C` each."""
    first, second = values[:, 1] - values[:, 0], values[:, 2] - values[:, 0]
    right = (first * two[:, 1:] - second * one[:, 1:]) / double[:, None]
    down = (second * one[:, :1] - first * two[:, :1]) / double[:, None]
    return right, down


def _spans(corners: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Where rows of pixels enter and leave their triangles."""
    low, high = np.full(len(y), np.inf, np.float32), np.full(len(y), -np.inf, np.float32)
    for a, b in ((0, 1), (1, 2), (2, 0)):
        begin, end = corners[:, a], corners[:, b]
        rise = end[:, 1] - begin[:, 1]
        share = np.divide(y - begin[:, 1], rise, out=np.full_like(y, np.nan), where=rise != 0)
        share[(share < -_ROUND) | (share > 1 + _ROUND)] = np.nan
        x: Any = begin[:, 0] + np.clip(share, 0, 1) * (end[:, 0] - begin[:, 0])
        low, high = np.fmin(low, x), np.fmax(high, x)
    return low, high

"""Painting triangles: values at the corners, spread over a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from melies.faces.anatomy import Indices, Points, canonical

Values = NDArray[np.float32]
"""`H×W×K` or `N×K` float32."""

_FLAT = 1e-4
"""Twice the area of the smallest triangle that is painted, in pixels."""
_OVERLAP = 0.02
"""How far triangles reach over their edges, in pixels, so that no gap is left between them."""


def paint(canvas: Values, corners: Points, values: Values, triangles: Indices) -> None:
    """Paint triangles one over the other, each with its corners' values interpolated.

    The rows that all triangles cover are found at once, then the pixels of all rows: nothing is done by the triangle.

    Args:
        canvas: `H×W×K` float32, contiguous; what is covered is overwritten.
        corners: `N×2`, pixels of the canvas.
        values: `N×K`.
        triangles: `T×3`, indices of corners; the last ones lie on top. Flat ones, and those that are seen from behind
            (counter-clockwise), are left out.
    """
    height, width, channels = canvas.shape
    seen = _area(corners, triangles) > _FLAT
    triangles = triangles[seen]
    row_of, row, span, x = _cover(corners, triangles, width, height)
    slopes = _slopes(corners, triangles, values)
    made = slopes[row_of[span], 0] * x[:, None].astype(np.float32)
    made += (slopes[row_of, 1] * row[:, None].astype(np.float32) + slopes[row_of, 2])[span]
    canvas.reshape(-1, channels)[row[span] * width + x] = made


def by_depth(points: Points) -> Indices:
    """Return the face's triangles, clockwise as seen from the front, the furthest first."""
    triangles = canonical().triangles[:, ::-1]
    return triangles[np.argsort(-points[triangles, 2].sum(1), kind="stable")]


def locate(corners: Points, triangles: Indices, width: int, height: int) -> tuple[Indices, Indices, Values]:
    """Return which pixels of a picture lie in a mesh, and where.

    Args:
        corners: `N×2`, pixels.
        triangles: `T×3`, as in `paint`.
        width: Of the picture.
        height: Of the picture.

    Returns:
        The flat indices of `P` pixels, the corners around each (`P×3`) and their weights (`P×3`, of sum 1).
    """
    triangles = triangles[_area(corners, triangles) > _FLAT]
    row_of, row, span, x = _cover(corners, triangles, width, height)
    top = np.full(width * height, -1)
    top[row[span] * width + x] = row_of[span]
    pixels = np.flatnonzero(top >= 0)
    around = triangles[top[pixels]]
    a, b, c = (corners[around[:, k]] for k in range(3))
    point = np.stack([pixels % width, pixels // width], 1)
    parts = np.stack([_cross(b - point, c - point), _cross(c - point, a - point), _cross(a - point, b - point)], 1)
    return pixels, around, (parts / parts.sum(1, keepdims=True)).astype(np.float32)


def _cross(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0], np.float64)


def _area(corners: Points, triangles: Indices) -> NDArray[np.float64]:
    """Return twice the area of each triangle; negative from behind."""
    a, b, c = (corners[triangles[:, k]].astype(np.float64) for k in range(3))
    return _cross(b - a, c - a)


def _cover(corners: Points, triangles: Indices, width: int, height: int) -> tuple[Indices, Indices, Indices, Indices]:
    """Return the rows of all triangles (whose each is, and where), and their pixels (of which row, and where in it)."""
    shapes = corners[triangles].astype(np.float64)
    top = np.maximum(np.ceil(shapes[..., 1].min(1) - _OVERLAP), 0).astype(np.intp)
    below = np.minimum(np.floor(shapes[..., 1].max(1) + _OVERLAP) + 1, height).astype(np.intp)
    row_of, row = _spread(top, below)
    left, right = _spans(shapes[row_of], row)
    first = np.maximum(np.ceil(left), 0).astype(np.intp)
    after = np.minimum(np.floor(right) + 1, width).astype(np.intp)
    span, x = _spread(first, after)
    return row_of, row, span, x


def _spread(first: Indices, after: Indices) -> tuple[Indices, Indices]:
    """Return whose each number is, and the numbers: first, first + 1, … up to after (exclusive) of everyone."""
    counts = np.maximum(after - first, 0)
    whose = np.repeat(np.arange(len(counts)), counts)
    starts = np.cumsum(counts) - counts
    return whose, np.arange(len(whose)) + (first - starts)[whose]


def _spans(corners: NDArray[np.float64], row: Indices) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where each row enters and leaves its triangle: clockwise corners, `R×3×2`."""
    edge = np.roll(corners, -1, 1) - corners
    rise = edge[..., 1]
    down = row[:, None] - corners[..., 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        at = corners[..., 0] + edge[..., 0] * down / rise
    left = np.where(rise < 0, at, -np.inf).max(1) - _OVERLAP
    right = np.where(rise > 0, at, np.inf).min(1) + _OVERLAP
    lowest, highest = corners[..., 0].min(1) - _OVERLAP, corners[..., 0].max(1) + _OVERLAP
    return np.maximum(left, lowest), np.minimum(right, highest)


def _slopes(corners: Points, triangles: Indices, values: Values) -> Values:
    """Return `T×3×K`: how the values change along x and y, and what they are in the top left pixel."""
    a, b, c = (corners[triangles[:, k]].astype(np.float64) for k in range(3))
    area = _cross(b - a, c - a)[:, None]
    ab, ac = (b - a) / area, (c - a) / area
    first = values[triangles[:, 0]]
    one, two = values[triangles[:, 1]] - first, values[triangles[:, 2]] - first
    x = one * ac[:, 1:] - two * ab[:, 1:]
    y = two * ab[:, :1] - one * ac[:, :1]
    return np.stack([x, y, first - x * a[:, :1] - y * a[:, 1:]], 1).astype(np.float32)

"""Painting triangles: values at the corners, spread over a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from melies.faces.anatomy import Indices, Points

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
    height, width, _ = canvas.shape
    a, b, c = (corners[triangles[:, k]].astype(np.float64) for k in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    seen = area > _FLAT
    a, b, c, area, triangles = a[seen], b[seen], c[seen], area[seen], triangles[seen]
    ys = np.stack([a[:, 1], b[:, 1], c[:, 1]])
    top = np.maximum(np.ceil(ys.min(0) - _OVERLAP), 0).astype(np.intp)
    below = np.minimum(np.floor(ys.max(0) + _OVERLAP) + 1, height).astype(np.intp)
    row_of, row = _spread(top, below)
    left, right = _spans(np.stack([a, b, c], 1)[row_of], row)
    first = np.maximum(np.ceil(left), 0).astype(np.intp)
    after = np.minimum(np.floor(right) + 1, width).astype(np.intp)
    span, x = _spread(first, after)
    owner = row_of[span]
    slopes = _slopes(a, b, c, area, values[triangles])
    along = slopes[owner]
    made = along[:, 0] * x[:, None].astype(np.float32)
    made += (slopes[row_of, 1] * row[:, None].astype(np.float32) + slopes[row_of, 2])[span]
    canvas.reshape(-1, canvas.shape[2])[row[span] * width + x] = made


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


def _slopes(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    c: NDArray[np.float64],
    area: NDArray[np.float64],
    values: Values,
) -> Values:
    """Return `T×3×K`: how the values change along x and y, and what they are in the top left pixel."""
    ab, ac = (b - a) / area[:, None], (c - a) / area[:, None]
    one, two = values[:, 1] - values[:, 0], values[:, 2] - values[:, 0]
    x = one * ac[:, 1:] - two * ab[:, 1:]
    y = two * ab[:, :1] - one * ac[:, :1]
    origin = values[:, 0] - x * a[:, :1] - y * a[:, 1:]
    return np.stack([x, y, origin], 1).astype(np.float32)

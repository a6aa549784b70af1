"""Bicubic resampling that does not alias when it shrinks, as the papers on enlarging use it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

cv: Any = cv2

Float = NDArray[np.float32]

_BAND = 64
"""Rows of the result that are made at a time, so that a large picture is never held as float32 as a whole."""


def resample(image: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    """Scale with Keys' cubic (a = -0.5), widened where it shrinks; edges are mirrored.

    This is what MATLAB's `imresize` does, by which papers make their small pictures.

    Args:
        image: `H×W` or `H×W×C`, uint8, uint16 or float32.
        width: Wanted width in pixels.
        height: Wanted height in pixels.

    Returns:
        The same type; integers are rounded and clipped.
    """
    if image.shape[:2] == (height, width):
        return image
    made = np.empty((height, width, *image.shape[2:]), image.dtype)
    rows, row_weights = _taps(image.shape[0], height)
    columns, column_weights = _taps(image.shape[1], width)
    for start in range(0, height, _BAND):
        part = slice(start, start + _BAND)
        band = _combine(image, rows[:, part], row_weights[:, part])
        turned = _combine(band.swapaxes(0, 1), columns, column_weights)
        made[part] = _as(turned.swapaxes(0, 1), image.dtype)
    return made


def _combine(image: NDArray[Any], places: NDArray[np.intp], weights: Float) -> Float:
    """Sum weighted rows: row i of the result is the sum over taps of `weights[tap, i] * image[places[tap, i]]`."""
    shape = (-1, *[1] * (image.ndim - 1))
    total: Float | None = None
    for place, weight in zip(places, weights, strict=True):
        term = image[place].astype(np.float32) * weight.reshape(shape)
        total = term if total is None else np.add(total, term, out=total)
    assert total is not None
    return total


@lru_cache(maxsize=16)
def _taps(before: int, after: int) -> tuple[NDArray[np.intp], Float]:
    """Which of `before` pixels make up each of `after`, and with what weights; both `taps×after`."""
    wide = max(1.0, before / after)
    centre = (np.arange(after) + 0.5) * before / after - 0.5
    count = int(np.ceil(4 * wide)) + 1
    places = np.floor(centre - 2 * wide).astype(np.intp) + np.arange(1, count + 1)[:, None]
    away = np.abs(places - centre) / wide
    near = 1.5 * away**3 - 2.5 * away**2 + 1
    far = -0.5 * away**3 + 2.5 * away**2 - 4 * away + 2
    weights = np.where(away <= 1, near, np.where(away <= 2, far, 0))
    weights /= weights.sum(0)
    period = 2 * before
    mirrored = np.minimum(places % period, period - 1 - places % period)
    return mirrored, weights.astype(np.float32)


def _as(values: Float, dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype == np.float32:
        return values
    white = np.iinfo(dtype).max
    return np.clip(np.rint(values), 0, white).astype(dtype)

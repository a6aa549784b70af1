"""What the surroundings of a point look like in brightness alone, as a row of numbers that can be compared.

Gradients by direction around the point and on two rings about it (as in Tola, Lepetit and Fua, "DAISY", 2010), the
brightness there and its spread at several sizes, and, weakly, the place in the picture.
"""

from __future__ import annotations

from math import cos, pi, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.colouring.chroma import Plane, cv

Features = NDArray[np.float32]
"""`H×W×D` float32; smaller differences mean more alike."""

_DIRECTIONS = 8
_RINGS = ((0.0, 1.2, 1), (4.0, 1.6, 4), (9.0, 3.2, 8))
"""Radius in points, blur and number of places of the rings on which gradients are gathered."""
_WIDE = ((0.0, 1.0, 1), (3.0, 1.0, 4), (8.0, 3.0, 8), (18.0, 7.0, 8))
"""The same for brightness."""
_GRADIENTS, _BRIGHTNESS, _SPREAD = 0.5, 4.0, 4.0
"""How much each counts."""


def describe(bright: Plane, layout: float) -> Features:
    """Describe every point.

    Args:
        bright: `H×W` luma, 0…1.
        layout: How much the place in the picture counts, 0…1.
    """
    parts = [_GRADIENTS * part for part in _gradients(bright)]
    parts += [_BRIGHTNESS / len(_WIDE) * part for part in _levels(bright)]
    parts += [_SPREAD * _spread(bright, sigma) for sigma in (1.5, 5.0)]
    parts += [4 * layout * axis for axis in _places(*bright.shape)]
    return np.stack(parts, axis=-1)


def _gradients(bright: Plane) -> list[Plane]:
    smooth = cv.GaussianBlur(bright, (0, 0), 0.8)
    across = cv.Sobel(smooth, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv.Sobel(smooth, cv2.CV_32F, 0, 1, scale=1 / 8)
    angles = [2 * pi * k / _DIRECTIONS for k in range(_DIRECTIONS)]
    planes = cv.merge([np.maximum(np.float32(cos(a)) * across + np.float32(sin(a)) * down, 0) for a in angles])
    found = []
    for radius, sigma, count in _RINGS:
        gathered = cv.GaussianBlur(planes, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
        # Flat parts have no direction: what is below a hundredth of white counts as noise.
        gathered /= np.linalg.norm(gathered, axis=-1, keepdims=True) + np.float32(0.01)
        for moved in _around(gathered, radius, count):
            found += [plane / np.float32(count**0.5) for plane in cv.split(moved)]
    return found


def _levels(bright: Plane) -> list[Plane]:
    found = []
    for radius, sigma, count in _WIDE:
        gathered = cv.GaussianBlur(bright, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
        found += [moved / np.float32(count**0.5) for moved in _around(gathered, radius, count)]
    return found


def _spread(bright: Plane, sigma: float) -> Plane:
    mean, square = (cv.GaussianBlur(plane, (0, 0), sigma) for plane in (bright, bright * bright))
    spread: Plane = np.sqrt(np.maximum(square - mean * mean, 0))
    return spread


def _around(planes: NDArray[np.float32], radius: float, count: int) -> list[NDArray[np.float32]]:
    """The planes moved to `count` places on a circle."""
    if count == 1:
        return [planes]
    height, width = planes.shape[:2]
    margin = int(radius) + 1
    wide = cv.copyMakeBorder(planes, margin, margin, margin, margin, cv2.BORDER_REFLECT)
    places = [(radius * cos(2 * pi * k / count), radius * sin(2 * pi * k / count)) for k in range(count)]
    corners = [(margin + round(y), margin + round(x)) for x, y in places]
    return [wide[top : top + height, left : left + width] for top, left in corners]


def _places(height: int, width: int) -> list[Plane]:
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return [x / max(width, height), y / max(width, height)]

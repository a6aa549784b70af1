"""Dropping islands and filling holes: what a body cannot have."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.matting.scale import Map, cv, square


def clean(rough: Map, reach: int) -> Map:
    """Remove background islands and fill holes in bodies.

    An island goes when it is small beside the largest piece, unless the network is sure of it and it is near (a
    hand beside a face). A hole stays only when the network is sure that one sees through it and it is not tiny
    (between arm and body).

    Args:
        rough: `H×W` probabilities, 0…1.
        reach: How many pixels beyond a piece still belong to its soft edge.
    """
    solid = (rough > 0.5).view(np.uint8)
    if not solid.any():
        return np.zeros_like(rough)
    kept = _pieces(solid, rough)
    filled = _fill(kept, rough)
    result: Map = np.where(cv.dilate(kept, square(reach)) > 0, rough, np.float32(0))
    if filled is not kept:
        # The soft rim of a filled hole goes with it; the outer edge of the body is left as it was.
        patch = cv.dilate(filled - kept, square(2)) & cv.erode(filled, square(2))
        result[patch > 0] = 1
    return result


def _pieces(solid: NDArray[np.uint8], rough: Map) -> NDArray[np.uint8]:
    count, labels, stats, _ = cv.connectedComponentsWithStats(solid, connectivity=8)
    if count <= 2:
        return solid
    area = stats[:, cv2.CC_STAT_AREA].copy()
    sure = np.bincount(labels.ravel(), rough.ravel(), count) / np.maximum(area, 1)
    area[0] = 0
    largest = int(area.argmax())
    keep = (area >= 0.15 * area[largest]) & (sure > 0.75)
    keep |= (area >= 0.01 * area[largest]) & (sure > 0.9) & _beside(stats, largest, solid.shape)
    keep[largest] = True
    keep[0] = False
    pieces: NDArray[np.uint8] = keep.view(np.uint8)[labels]
    return pieces


def _beside(stats: NDArray[Any], largest: int, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Whether each piece's box comes within a twentieth of the frame of the largest one's."""
    left, top = stats[:, cv2.CC_STAT_LEFT], stats[:, cv2.CC_STAT_TOP]
    right, bottom = left + stats[:, cv2.CC_STAT_WIDTH], top + stats[:, cv2.CC_STAT_HEIGHT]
    across = np.maximum(left - right[largest], left[largest] - right)
    down = np.maximum(top - bottom[largest], top[largest] - bottom)
    near: NDArray[np.bool_] = np.maximum(across, down) < max(shape) / 20
    return near


def _fill(kept: NDArray[np.uint8], rough: Map) -> NDArray[np.uint8]:
    count, labels, stats, _ = cv.connectedComponentsWithStats(1 - kept, connectivity=4)
    if count <= 2:
        return kept
    height, width = kept.shape
    left, top, across, down, area = stats.T
    enclosed = (left > 0) & (top > 0) & (left + across < width) & (top + down < height)
    body = np.bincount(labels.ravel(), rough.ravel(), count) / np.maximum(area, 1)
    fill = enclosed & ((area < 0.004 * kept.size) | (body > 0.15))
    fill[0] = False  # label 0 is the body itself
    if not fill.any():
        return kept
    filled: NDArray[np.uint8] = kept | fill.view(np.uint8)[labels]
    return filled

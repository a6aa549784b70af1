"""Small shapes: boxes around points, soft polygons, smooth steps."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.faces.anatomy import Points
from melies.frame import Image
from melies.matting.scale import Map, cv

Box = tuple[slice, slice]
"""Rows and columns."""

Mask = NDArray[np.bool_]
"""`H×W`."""

_BITS = 4
"""Corners are drawn to a sixteenth of a pixel."""


def box_of(points: Points, margin: float, size: tuple[int, int]) -> Box | None:
    """Return the rows and columns around points, inside a picture; None if nothing of them is.

    Args:
        points: `N×2`, pixels.
        margin: Pixels around them.
        size: Width and height of the picture.
    """
    low = np.maximum(np.floor(points[:, :2].min(0) - margin), 0).astype(int)
    high = np.minimum(np.ceil(points[:, :2].max(0) + margin) + 1, size).astype(int)
    if (high - low < 2).any():
        return None
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def corner(box: Box) -> Points:
    """Return x and y of a box's top left pixel."""
    return np.array([box[1].start, box[0].start], np.float32)


def within(box: Box, outer: Box) -> Box:
    """Return a box as a part of one that holds it."""
    rows, columns = (slice(one.start - two.start, one.stop - two.start) for one, two in zip(box, outer, strict=True))
    return rows, columns


def places(box: Box) -> NDArray[np.float32]:
    """Return x and y of each pixel of a box, `H×W×2`."""
    x, y = (np.arange(side.start, side.stop, dtype=np.float32) for side in (box[1], box[0]))
    return np.stack(np.meshgrid(x, y), 2)


def polygon(outline: Points, box: Box, softness: float) -> Map:
    """Return how much of each pixel of a box lies inside an outline, 0…1.

    Args:
        outline: `N×2`, pixels of the picture; it is rounded between its points.
        box: Where.
        softness: Sigma of the edge, in pixels.
    """
    mask = np.zeros((box[0].stop - box[0].start, box[1].stop - box[1].start), np.uint8)
    cv.fillPoly(mask, [_fixed(rounded(outline) - corner(box))], 255, cv2.LINE_AA, _BITS)
    inside: Map = cv.GaussianBlur(mask.astype(np.float32) / np.float32(255), (0, 0), softness)
    return inside


def line(points: Points, box: Box, thick: float) -> Map:
    """Return a soft line through points, 0…1.

    Args:
        points: `N×2`, pixels of the picture.
        box: Where.
        thick: Pixels.
    """
    mask = np.zeros((box[0].stop - box[0].start, box[1].stop - box[1].start), np.uint8)
    cv.polylines(mask, [_fixed(points - corner(box))], False, 255, max(1, round(thick)), cv2.LINE_AA, _BITS)
    drawn: Map = cv.GaussianBlur(mask.astype(np.float32) / np.float32(255), (0, 0), max(0.5, thick / 2))
    return drawn


def hull(points: Points) -> Points:
    """Return the outline without hollows around points, of which the first two numbers count."""
    outline: Points = cv.convexHull(np.ascontiguousarray(points[:, :2])).reshape(-1, 2)
    return outline


def rounded(outline: Points) -> Points:
    """Return a closed outline with its corners cut twice (Chaikin 1974)."""
    for _ in range(2):
        after = np.roll(outline, -1, 0)
        outline = np.stack([0.75 * outline + 0.25 * after, 0.25 * outline + 0.75 * after], 1).reshape(-1, 2)
    return outline


def grown(mask: Mask, pixels: float) -> Mask:
    """Return a mask that reaches so much further, at least one pixel."""
    side = 2 * max(1, round(pixels)) + 1
    kernel = cv.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    wider: Mask = cv.dilate(mask.astype(np.uint8), kernel) > 0
    return wider


def blend(made: Image, box: Box, colours: NDArray[np.float32], alpha: Map) -> None:
    """Lay colours over a part of a picture.

    Args:
        made: `H×W×3` uint8 or uint16, written to.
        box: Which part.
        colours: `H×W×3` of the part, or one colour, 0…1.
        alpha: `H×W` of the part, how much of them, 0…1.
    """
    white = np.float32(np.iinfo(made.dtype).max)
    before = made[box].astype(np.float32)
    mixed = before + (colours * white - before) * alpha[..., None]
    made[box] = np.rint(np.clip(mixed, 0, white)).astype(made.dtype)


def ramp(value: Any, low: float, high: float) -> Any:
    """Return a smooth step from 0 at `low` to 1 at `high`, of a number or an array."""
    share = np.clip((value - low) / (high - low), 0, 1)
    return share * share * (3 - 2 * share)


def _fixed(points: Points) -> NDArray[np.int32]:
    return np.round(points * (1 << _BITS)).astype(np.int32)

"""The part of a picture around a face, as floats, to be painted on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.faces.anatomy import COUNT, OVAL, Points
from melies.faces.face import Face
from melies.imaging import blur, white_of
from melies.matting.scale import Map, code, cv, unit

_STEPS = 4
"""Into how many pieces each side of a polygon is bent."""
_FINE = 4
"""Bits behind the point of coordinates that OpenCV is given."""
LIGHT = np.array([0.2126, 0.7152, 0.0722], np.float32)


@dataclass(frozen=True)
class Area:
    """A soft-edged part of a patch.

    Attributes:
        rows: Where it lies.
        columns: Where it lies.
        weight: How much each of its pixels belongs to it, 0…1.
    """

    rows: slice
    columns: slice
    weight: Map


class Patch:
    """The part of a picture around a face; lengths are centimetres of the mean face.

    Attributes:
        picture: `H×W×3` float32, 0…1; painted in place.
        points: The mesh in the patch's pixels, `478×3`.
        unit: Pixels per centimetre.
        up: Where the top of the head is, a unit vector in the picture.
    """

    def __init__(self, image: NDArray[np.generic], face: Face, margin: float = 2.0) -> None:
        """Cut it from an `H×W×3` or `H×W×4` image of uint8 or uint16, `margin` around the face."""
        self.unit = face.pose.scale
        height, width = image.shape[:2]
        left, top, right, bottom = face.box
        reach = margin * self.unit
        self._left, self._top = (int(max(0, edge - reach)) for edge in (left, top))
        across = int(np.clip(np.ceil(right + reach), self._left, width))
        down = int(np.clip(np.ceil(bottom + reach), self._top, height))
        self._white = white_of(image)
        self.picture = unit(image[self._top : down, self._left : across, :3])
        self.points: Points = face.points - np.array([self._left, self._top, 0], np.float32)
        up = -face.pose.rotation[:2, 1]
        self.up = up / max(float(np.hypot(*up)), 1e-3)

    @property
    def empty(self) -> bool:
        """Whether nothing of the face is inside the picture."""
        return bool(min(self.picture.shape[:2]) < 2)

    def paste(self, image: NDArray[np.generic]) -> None:
        """Put it back where it was cut."""
        height, width = self.picture.shape[:2]
        done = code(np.clip(self.picture, 0, 1), image.dtype)
        image[self._top : self._top + height, self._left : self._left + width, :3] = done

    def area(
        self, shapes: list[Points], soft: float, holes: list[Points] | None = None, near: Area | None = None
    ) -> Area | None:
        """Fill polygons (`N×2`, in pixels), leave out others, and soften the edge by `soft` centimetres.

        Args:
            shapes: What is filled.
            soft: In centimetres.
            holes: What is left out.
            near: Where it will be looked at; further away it need not be right.

        Returns:
            None where all of it is outside.
        """
        sigma = soft * self.unit
        reach = 3 * sigma + 2
        height, width = self.picture.shape[:2]
        low = np.floor(np.min([shape.min(0) for shape in shapes], 0)[:2] - reach)
        high = np.ceil(np.max([shape.max(0) for shape in shapes], 0)[:2] + reach)
        if near is not None:
            low = np.maximum(low, np.array([near.columns.start, near.rows.start]) - reach)
            high = np.minimum(high, np.array([near.columns.stop, near.rows.stop]) + reach)
        left, top = np.clip(low, 0, (width, height)).astype(int)
        right, bottom = np.clip(high, 0, (width, height)).astype(int)
        if right - left < 1 or bottom - top < 1:
            return None
        # What is soft is drawn small.
        step = max(1, int(sigma / 2))
        columns, rows = -(-(right - left) // step), -(-(bottom - top) // step)
        mask = np.zeros((rows, columns), np.uint8)
        for polygons, value in ((shapes, 255), (holes or [], 0)):
            for polygon in polygons:
                corners = (polygon[:, :2] - (left, top) + 0.5) / step - 0.5
                cv.fillPoly(mask, [np.rint(corners * (1 << _FINE)).astype(np.int32)], value, cv2.LINE_AA, _FINE)
        weight = blur(unit(mask), sigma / step) if sigma > 0.3 else unit(mask)
        if step > 1:
            weight = cv.resize(weight, (columns * step, rows * step))[: bottom - top, : right - left]
        return Area(slice(top, bottom), slice(left, right), weight)

    @cached_property
    def light(self) -> float:
        """How bright the scene is for this face before anything is painted, about 1 in good light."""
        area = self.area([self.points[OVAL]], 0)
        if area is None:
            return 1.0
        # A few pixels tell as much as all of them.
        lit = self.picture[area.rows, area.columns][::4, ::4] @ LIGHT
        inside = lit[area.weight[::4, ::4] > 0.5]
        return float(np.clip(np.percentile(inside, 85) / 0.75, 0.1, 1)) ** 0.6 if inside.size else 1.0


def bent(points: Points, closed: bool = True) -> Points:
    """Put a smooth curve through the corners of a polygon, or of an open line (Catmull and Rom 1974)."""
    curve: Points = _bending(len(points), closed) @ points[:, :2]
    return curve


@cache
def _bending(count: int, closed: bool) -> NDArray[np.float32]:
    """The matrix from corners to the points of the curve through them."""
    sides = count if closed else count - 1
    matrix = np.zeros((sides * _STEPS + (not closed), count), np.float32)
    for side in range(sides):
        around = [side - 1, side, side + 1, side + 2]
        corners = [n % count if closed else min(max(n, 0), count - 1) for n in around]
        for step in range(_STEPS):
            t = step / _STEPS
            weights = (
                (-t + 2 * t**2 - t**3) / 2,
                (2 - 5 * t**2 + 3 * t**3) / 2,
                (t + 4 * t**2 - 3 * t**3) / 2,
                (-(t**2) + t**3) / 2,
            )
            for corner, weight in zip(corners, weights, strict=True):
                matrix[side * _STEPS + step, corner] += weight
    if not closed:
        matrix[-1, -1] = 1
    return matrix


def mirrored(indices: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the points on the other side of the face."""
    return _mirror()[indices]


@cache
def _mirror() -> NDArray[np.intp]:
    """For every point of the skin the one on the other side, and for the irises likewise."""
    from melies.faces.anatomy import SKIN, canonical

    places = canonical().points
    other = places * np.array([-1, 1, 1], np.float32)
    nearest = np.square(other[:, None] - places[None]).sum(-1).argmin(1)
    pairs = np.arange(COUNT)
    pairs[:SKIN] = nearest
    pairs[SKIN:] = [473, 474, 475, 476, 477, 468, 469, 470, 471, 472]
    return pairs

"""The flattened face: what artists paint on, and how it is laid over a face that is seen.

`anatomy.canonical().places` says where each point of the mesh lies in a square picture, 0…1 from the top left.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.faces import anatomy
from melies.faces.anatomy import SKIN, Points, canonical
from melies.frame import Image
from melies.imaging import blur, resize
from melies.masking.patch import LIGHT, Patch, bent
from melies.masking.texture import Texture
from melies.matting.scale import Map, cv

_LONGEST = 112
"""Side, in pixels, of the picture in which the triangles are looked up; places in between are interpolated."""


class Paint:
    """A picture in the layout of the flattened face, ready to be laid over faces.

    Args:
        image: `H×W×4`, uint8 or uint16; stretched to a square.
    """

    def __init__(self, image: Image) -> None:
        side = min(1024, max(image.shape[:2]))
        self._texture = Texture(resize(image, side, side))

    def put_on(self, patch: Patch, opacity: float, relief: float = 0.8) -> None:
        """Paint a face, but not its eyes nor what is between its lips.

        Args:
            patch: Where the face is.
            opacity: 0…1.
            relief: How much of the skin's own light and shade shows on the paint, 0…1.
        """
        area = patch.area([patch.points[:SKIN][_hull(patch.points)]], 0, _openings(patch))
        if area is None:
            return
        height, width = area.weight.shape
        places, seen = unfold(patch.points[:SKIN] - (area.columns.start, area.rows.start, 0), width, height)
        # A face is about fourteen centimetres wide.
        texture = self._texture.at_least(14 * patch.unit)
        x, y = cv.split(places * np.float32(len(texture)) - np.float32(0.5))
        *colours, cover = cv.split(cv.remap(texture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
        skin = patch.picture[area.rows, area.columns]
        lit = skin @ LIGHT
        usual = float(cv.mean(lit, (seen > 0.5).view(np.uint8))[0])
        shade = np.clip(1 + relief * (blur(lit, 0.05 * patch.unit) / max(usual, 0.02) - 1), 0.3, 1.5) * patch.light
        weight = area.weight * seen * np.float32(opacity)
        skin *= cv.merge([1 - cover * weight] * 3)
        weight *= shade
        skin += cv.merge([colour * weight for colour in colours])


def unfold(points: Points, width: int, height: int) -> tuple[NDArray[np.float32], Map]:
    """Say for every pixel which place of the flattened face is seen there; what is nearer hides what is behind.

    Args:
        points: `468×3`, in pixels of the picture.
        width: Of the picture.
        height: Of the picture.

    Returns:
        `H×W×2` places, 0…1, and `H×W`: 1 where there is face, softly falling to 0 at its edge.
    """
    scale = min(1.0, _LONGEST / max(width, height))
    columns, rows = max(2, round(width * scale)), max(2, round(height * scale))
    # A pixel's centre is a whole number in pictures of both sizes.
    small = (points[:, :2] + 0.5) * (columns / width, rows / height) - 0.5
    triangles = _facing(small, points[:, 2])
    index, second, third, triangle = _pixels(small[triangles], columns, rows)
    origin, *sides = (canonical().places[triangles[:, corner]] for corner in range(3))
    places: NDArray[np.float32] = np.zeros((rows * columns, 2), np.float32)
    seen: NDArray[np.float32] = np.zeros(rows * columns, np.float32)
    along = ((side - origin)[triangle] * share[:, None] for side, share in zip(sides, (second, third), strict=True))
    places[index] = sum(along, origin[triangle])
    seen[index] = 1
    places, seen = places.reshape(rows, columns, 2), seen.reshape(rows, columns)
    # Beyond the edge the nearest places go on, so that interpolation finds nothing foreign there.
    near = cv.blur(seen, (5, 5))
    around = cv.blur(places, (5, 5)) / np.maximum(near, np.float32(1e-3))[..., None]
    places = np.where(seen[..., None] > 0, places, around)
    size = (width, height)
    soft = np.clip(2 * blur(cv.resize(seen, size), 0.5 / scale) - 1, 0, 1)
    return cv.resize(places, size), soft


def _facing(points: Points, depth: NDArray[np.float32]) -> NDArray[np.intp]:
    """The triangles that face the viewer, the farthest first."""
    triangles = canonical().triangles
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    areas = _cross(b - a, c - a)
    front = np.flatnonzero(areas * _orientation() > 1e-6)
    return triangles[front[np.argsort(-depth[triangles[front]].mean(1), kind="stable")]]


def _orientation() -> float:
    mean = canonical()
    a, b, c = (mean.points[mean.triangles[:, corner], :2] for corner in range(3))
    return float(np.sign(_cross(b - a, c - a).sum()))


def _cross(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    product: NDArray[np.float32] = one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0]
    return product


def _pixels(
    corners: NDArray[np.float32], columns: int, rows: int
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]:
    """The pixels of all triangles (`T×3×2`): flat index, shares of the second and third corner, which triangle."""
    low = np.clip(np.ceil(corners.min(1)), 0, (columns, rows)).astype(np.int32)
    high = np.clip(np.floor(corners.max(1)) + 1, 0, (columns, rows)).astype(np.int32)
    across, down = np.maximum(high - low, 0).T
    counts = across * down
    triangle = np.repeat(np.arange(len(corners), dtype=np.int32), counts)
    begins = np.cumsum(counts, dtype=np.int32) - counts
    y, x = np.divmod(np.arange(len(triangle), dtype=np.int32) - begins[triangle], across[triangle])
    x += low[triangle, 0]
    y += low[triangle, 1]
    # Shares are affine in x and y; the six numbers are worked out once for each triangle.
    a, b, c = (corners[:, corner] for corner in range(3))
    whole = _cross(b - a, c - a)
    slopes = np.column_stack([(c - a)[:, 1], (a - c)[:, 0], (a - b)[:, 1], (b - a)[:, 0]]) / whole[:, None]
    starts = np.column_stack([-_dot(slopes[:, :2], a), -_dot(slopes[:, 2:], a)])
    second = slopes[triangle, 0] * x + slopes[triangle, 1] * y + starts[triangle, 0]
    third = slopes[triangle, 2] * x + slopes[triangle, 3] * y + starts[triangle, 1]
    inside = np.flatnonzero((second >= -1e-3) & (third >= -1e-3) & (second + third <= 1 + 1e-3))
    return y[inside] * np.int32(columns) + x[inside], second[inside], third[inside], triangle[inside]


def _dot(one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
    product: NDArray[Any] = (one * other).sum(1)
    return product


def _hull(points: Points) -> NDArray[np.intp]:
    """Which points are the outline of what is seen of the face."""
    hull: NDArray[np.intp] = cv.convexHull(np.ascontiguousarray(points[:SKIN, :2]), returnPoints=False)[:, 0].astype(
        np.intp
    )
    return hull


def _openings(patch: Patch) -> list[Points]:
    """The eyes, and the mouth where it is open."""
    points = patch.points
    holes = [bent(points[anatomy.RIGHT_EYE]), bent(points[anatomy.LEFT_EYE])]
    if np.hypot(*(points[13] - points[14])[:2]) > 0.15 * patch.unit:
        holes.append(bent(points[anatomy.LIPS_INNER]))
    return holes


def template(side: int = 1024) -> Image:
    """Draw the layout for artists: the mesh in grey, eyes, brows, lips and the outline in colours; `side×side×4`."""
    places = canonical().places * np.float32(side)
    picture = np.zeros((side, side, 4), np.uint8)

    def line(points: Points, colour: tuple[int, int, int], width: int) -> None:
        cv.polylines(picture, [np.rint(points * 16).astype(np.int32)], True, (*colour, 255), width, cv2.LINE_AA, 4)

    for triangle in canonical().triangles:
        line(places[triangle], (150, 150, 150), 1)
    for shape in (anatomy.LIPS_OUTER, anatomy.LIPS_INNER):
        line(bent(places[shape]), (200, 30, 60), 2)
    for shape in (anatomy.RIGHT_EYE, anatomy.LEFT_EYE):
        line(bent(places[shape]), (30, 90, 200), 2)
    for shape in (anatomy.RIGHT_BROW, anatomy.LEFT_BROW):
        line(bent(places[shape]), (120, 70, 20), 2)
    line(bent(places[anatomy.OVAL]), (20, 140, 60), 2)
    return picture

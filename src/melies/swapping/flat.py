"""The face unrolled into a square: there, every face has its eyes, nose and mouth in the same places.

Textures, light and what covers a face are worked out on it, so that they stay where they belong while the head moves.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.faces import anatomy
from melies.faces.anatomy import Points
from melies.matting.scale import cv
from melies.swapping.paint import paint

Floats = NDArray[np.float32]

_GAP = 0.06
"""How far the mean face's mouth, which is shut, is opened here, so that there is room for teeth."""
_MOUTH = 0.0975
"""Half its width."""


@cache
def places() -> Points:
    """Return where each of the 468 points of the skin lies, `468×2`, 0…1: the model's own layout with an open mouth."""
    flat = anatomy.canonical().places.astype(np.float64)
    x, y = flat.T
    line, chin, top = y[anatomy.LIPS_INNER].mean(), y[anatomy.CHIN], y.min()
    width = np.clip(1 - np.square((x - 0.5) / _MOUTH), 0, 1)
    below = (y > line) & ~np.isin(np.arange(len(x)), anatomy.LIPS_INNER[:11])
    below |= np.isin(np.arange(len(x)), anatomy.LIPS_INNER[11:])
    y = y + np.where(below, _GAP * width * np.clip((chin - y) / (chin - line), 0, 1), 0)
    result = np.column_stack([x, 0.01 + 0.98 * (y - top) / (chin - top)]).astype(np.float32)
    result.flags.writeable = False
    return result


class Flat:
    """The unrolled face as a square of pixels.

    Args:
        side: Its side in pixels.
    """

    def __init__(self, side: int) -> None:
        self.side = side
        triangles = anatomy.canonical().triangles
        corners = (places() * np.float32(side) - np.float32(0.5))[triangles]
        units = np.broadcast_to(np.array([[0, 0], [1, 0], [0, 1]], np.float32), (len(triangles), 3, 2))
        which = np.broadcast_to(np.arange(len(triangles), dtype=np.float32)[:, None, None], (len(triangles), 3, 1))
        painted = paint(corners, np.concatenate([units, which], 2), side, side).reshape(-1, 3)
        self._covered = np.flatnonzero(~np.isnan(painted[:, 0]))
        painted = painted[self._covered]
        self._corners = triangles[np.rint(painted[:, 2]).astype(np.intp)]
        self._shares = np.column_stack([1 - painted[:, 0] - painted[:, 1], painted[:, :2]])
        self.inside = np.zeros((side, side), bool)
        self.inside.reshape(-1)[self._covered] = True

    def spread(self, values: Floats, empty: float = 0.0) -> Floats:
        """Lay values of the points, `N×C`, over the square, `side×side×C`; `empty` stands outside of the face."""
        picture = np.full((self.side * self.side, values.shape[1]), empty, np.float32)
        picture[self._covered] = np.einsum("nk,nkc->nc", self._shares, values[self._corners])
        return picture.reshape(self.side, self.side, -1)

    def unroll(self, image: NDArray[np.float32], points: Points) -> Floats:
        """Fetch the face from a picture.

        Args:
            image: `H×W×C` float32.
            points: `478×3` or `468×2`, in its pixels.

        Returns:
            `side×side×C`; what lies beyond the picture's edge repeats that.
        """
        return fetch(image, self.spread(points[: anatomy.SKIN, :2]))

    def polygon(self, *outlines: NDArray[np.intp]) -> NDArray[np.uint8]:
        """Draw outlines given as points of the skin, filled: `side×side`, 0 or 255."""
        mask = np.zeros((self.side, self.side), np.uint8)
        drawn = [np.rint((places()[one] * self.side - 0.5) * 16).astype(np.int32) for one in outlines]
        for outline in drawn:
            cv.fillPoly(mask, [outline], 255, shift=4)
        return mask

    def features(self) -> NDArray[np.uint8]:
        """Draw eyes, brows and mouth, filled: `side×side`, 0 or 255."""
        return self.polygon(
            anatomy.LIPS_OUTER, anatomy.RIGHT_EYE, anatomy.LEFT_EYE, anatomy.RIGHT_BROW, anatomy.LEFT_BROW
        )


@cache
def flat(side: int) -> Flat:
    """Return the square of this side; it is made once."""
    return Flat(side)


def fetch(image: Floats, where: Floats) -> Floats:
    """Take a picture's values at places, `H×W×2` in its pixels; beyond its edge they repeat."""
    fetched: Floats = cv.remap(image, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return fetched


def facing(points: Points) -> Floats:
    """Say how much the skin at each point looks at the viewer: `468×1`, 1 straight, 0 from the side, negative away.

    Args:
        points: `478×3`, as in `Face.points`.
    """
    triangles = anatomy.canonical().triangles
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    normals = np.cross(b - a, c - a)
    summed = np.zeros((anatomy.SKIN, 3), np.float32)
    for corner in range(3):
        for axis in range(3):
            summed[:, axis] += np.bincount(triangles[:, corner], normals[:, axis], anatomy.SKIN).astype(np.float32)
    length = np.maximum(np.linalg.norm(summed, axis=1), 1e-6)
    looks: Floats = (-summed[:, 2] / length).astype(np.float32)[:, None]
    return looks


def lie(points: Points, values: Floats, width: int, height: int) -> Floats:
    """Lay values of the skin's points over a picture, as with `places` to say what of the unrolled face is seen where.

    Args:
        points: `478×3`, in pixels.
        values: `468×C`.
        width: Of the picture.
        height: Of the picture.

    Returns:
        `H×W×C`; NaN where there is no face, or only its back.
    """
    triangles = anatomy.canonical().triangles
    corners = points[triangles]
    one, two = corners[:, 1, :2] - corners[:, 0, :2], corners[:, 2, :2] - corners[:, 0, :2]
    seen = np.flatnonzero(one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0] < 0)
    order = seen[np.argsort(-corners[seen, :, 2].mean(1), kind="stable")]
    return paint(np.ascontiguousarray(corners[order, :, :2]), values[triangles[order]], width, height)


def smoothstep(values: Floats, low: float, high: float) -> Floats:
    """Rise smoothly from 0 at `low` to 1 at `high`."""
    share = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    risen: Floats = share * share * (3 - 2 * share)
    return risen


def opponent(picture: Floats) -> Floats:
    """Turn RGB into Y, Cr and Cb, each 0…1: brightness and colour apart, and adding still adds light."""
    turned: Floats = cv.cvtColor(picture, cv2.COLOR_RGB2YCrCb)
    return turned

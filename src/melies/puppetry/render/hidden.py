"""The far cheek of a portrait that looks aside: what it does not show is skin when the head turns back."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.faces.anatomy import OVAL, SKIN, Indices, Points, canonical
from melies.frame import Image
from melies.imaging import Plane
from melies.matting.scale import Map, cv, unit
from melies.puppetry.parts import FEATURES
from melies.puppetry.render.backdrop import take
from melies.puppetry.render.mesh import Values, by_depth, paint
from melies.puppetry.render.shading import facing
from melies.puppetry.render.shapes import Box, Mask, blend, box_of, corner, hull, polygon, ramp
from melies.puppetry.render.unfold import around, silhouettes

_UNSEEN = (0.1, 0.45)
"""Cosine of the angle at which skin is seen, up to which the portrait does not show it, and from which on it does."""
_TURNED = (0.02, 0.08)
"""By how much this cosine has grown, on the mean, when the unseen begins to show, and when it does."""
_CHEEK = 2.5
"""How far from the middle of the mean face cheeks begin, in centimetres."""
_SMOOTH = 0.02
"""Sigma over which a colour of skin is taken, in faces."""
_BESIDE = 0.3
"""How far beside the unseen what strays there is looked for, in faces."""
_EDGE = 0.02
"""How far beyond the mesh a face may still be seen, in faces."""
_SOFT = 0.004
"""How soft the face's edge is, in faces."""
_TAPER = 8
"""Over how many points beside the unseen the face may swell out more and more."""
_SWELL = 0.12
"""How far it may in the end, in faces."""
_WITHIN = 0.1
"""Share of a pixel between cheek and chin from which on it belongs to the jaw."""
_SURE = 0.3
"""Share of skin around a point from which on its colour is known."""


class Hidden:
    """What a portrait hides of its face, in the colours of the skin beside it.

    Where the mesh is seen from behind, eye or lips may lie before it in the picture: they must not come along, neither
    in the face nor beside it.

    Args:
        image: `H×W×3`.
        rest: `478×3`, the face in it, in its pixels.
        matte: `H×W` of the same depth: how much of each pixel is somebody.
    """

    def __init__(self, image: Image, rest: Points, matte: Plane) -> None:
        self._before = facing(rest)
        far = np.abs(canonical().points[:SKIN, 0]) > _CHEEK
        unseen = (1 - ramp(self._before, *_UNSEEN)) * far if silhouettes(rest) else np.zeros(SKIN)
        self._unseen = np.asarray(unseen, np.float32)
        if self._unseen.any():
            self._colours = _spread(*_skin(image, rest, matte), self._unseen)
        self._size = float(np.ptp(rest[:SKIN, :2], 0).max())
        face = np.zeros((*image.shape[:2], 1), np.float32)
        paint(face, rest[:SKIN, :2], np.ones((SKIN, 1), np.float32), by_depth(rest))
        self._face = cv.dilate(face[..., 0], _square(_EDGE * self._size))

    def paint(self, made: Image, now: Points, place: Values) -> None:
        """Paint what comes to be seen.

        Args:
            made: `H×W×3`, the picture so far, written to.
            now: `478×3`, where the face is in it.
            place: `H×W×2`, which pixel of the portrait has come to each.
        """
        if not self._unseen.any():
            return
        grown = np.average(facing(now) - self._before, weights=self._unseen)
        turned = ramp(grown, *_TURNED)
        shown = self._unseen * turned
        box = box_of(now[:SKIN][self._unseen > 0], _BESIDE * self._size, made.shape[1::-1])
        if box is None or not shown.any():
            return
        near = turned * (self._unseen > 0)
        for _ in range(_TAPER):
            near = np.maximum(near, around() @ near)
        # One more than how near the unseen is: nothing is where there is no face.
        values = np.column_stack([self._colours, shown, 1 + near]).astype(np.float32)
        canvas = np.zeros((box[0].stop - box[0].start, box[1].stop - box[1].start, 5), np.float32)
        paint(canvas, now[:SKIN, :2] - corner(box), values, by_depth(now))
        self._tidy(made, box, canvas, place[box], now[:SKIN])
        inside = cv.erode((canvas[..., 4] > 0).astype(np.float32), _square(_SOFT * self._size))
        blend(made, box, canvas[..., :3], canvas[..., 3] * cv.GaussianBlur(inside, (0, 0), _SOFT * self._size))

    def _tidy(self, made: Image, box: Box, canvas: Values, place: Values, now: Points) -> None:
        """Replace what strays from the face beside the unseen by what is beside that, mirrored.

        Between cheek and chin it is skin: a jaw is not hollow.
        """
        beside = canvas[..., 4] == 0
        if not beside.any() or beside.all():
            return
        nearest = _nearest(~beside)
        near = canvas[..., 4][nearest] - 1
        y, x = np.indices(beside.shape)
        far = np.hypot(nearest[0] - y, nearest[1] - x) > _SWELL * self._size * (1 - near)
        jaw = polygon(hull(now[_below()]), box, 1.0) * (beside & (near > 0))
        blend(made, box, canvas[..., :3][nearest], cv.GaussianBlur(jaw, (0, 0), 1))
        beside &= jaw < _WITHIN
        strayed = beside & (near > 0) & far & (take(self._face, np.ascontiguousarray(place)) > 0)
        outside = beside & ~strayed
        if strayed.any() and outside.any():
            height, width = beside.shape
            rows, columns = _nearest(outside)
            across = np.clip(2 * rows - y, 0, height - 1), np.clip(2 * columns - x, 0, width - 1)
            soft = cv.GaussianBlur(strayed.astype(np.float32), (0, 0), 1)
            blend(made, box, unit(made[box])[across], soft)


@cache
def _below() -> Indices:
    """Return the points of the lower half of the face."""
    return np.flatnonzero(canonical().points[:SKIN, 1] > 0)


def _nearest(mask: Mask) -> tuple[Indices, Indices]:
    """Return row and column of the pixel of a mask that is nearest to each."""
    _, labels = cv.distanceTransformWithLabels((~mask).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    known = np.zeros((2, int(labels.max()) + 1), np.intp)
    known[:, labels[mask]] = np.nonzero(mask)
    return known[0][labels], known[1][labels]


def _skin(image: Image, rest: Points, matte: Plane) -> tuple[Values, Map]:
    """Return the colour of the skin around each point of the face, `468×3`, and how much of it there is."""
    mask = np.zeros(matte.shape, np.uint8)
    cv.fillPoly(mask, [np.round(rest[OVAL, :2]).astype(np.int32)], 1)
    for part in FEATURES:
        hull = cv.convexHull(np.round(rest[part, :2]).astype(np.int32))
        cv.fillConvexPoly(mask, hull, 0)
    sigma = _SMOOTH * float(np.ptp(rest[:SKIN, :2], 0).max())
    mask[matte < np.iinfo(matte.dtype).max] = 0
    share = cv.erode(mask, _square(sigma)).astype(np.float32)
    place = np.ascontiguousarray(rest[None, :SKIN, :2])
    blurred = take(cv.GaussianBlur(np.dstack([unit(image) * share[..., None], share]), (0, 0), sigma), place)[0]
    return blurred[:, :3] / np.maximum(blurred[:, 3:], np.float32(1e-3)), blurred[:, 3]


def _spread(colours: Values, share: Map, unseen: Map) -> Values:
    """Return colours that are known at some points at all of them: as smooth as the mesh allows."""
    known = (share > _SURE) & (unseen < 1)
    if not known.any():
        return colours
    matrix: NDArray[np.float64] = np.where(known[:, None], np.eye(SKIN), np.eye(SKIN) - around())
    return np.asarray(np.linalg.solve(matrix, np.where(known[:, None], colours, 0)), np.float32)


def _square(reach: float) -> Plane:
    side = 2 * max(1, round(reach)) + 1
    return np.ones((side, side), np.uint8)

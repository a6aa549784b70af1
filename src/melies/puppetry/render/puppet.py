"""`Puppet`: a portrait, ready to be painted with its face moved."""

from __future__ import annotations

import cv2
import numpy as np

from melies.faces.anatomy import LEFT_EYE, LIPS_OUTER, OVAL, RIGHT_EYE, SKIN, Indices, Points
from melies.frame import Image
from melies.imaging import Plane
from melies.matting.scale import cv
from melies.puppetry.move import Move
from melies.puppetry.render.around import Around
from melies.puppetry.render.backdrop import Backdrop, head
from melies.puppetry.render.eyes import Eyes
from melies.puppetry.render.hidden import Hidden
from melies.puppetry.render.mesh import Values, by_depth, paint
from melies.puppetry.render.mouth import Mouth
from melies.puppetry.render.shading import Shading
from melies.puppetry.render.shapes import Box, box_of, corner, places, within
from melies.puppetry.render.unfold import silhouettes, unfolded
from melies.upscaling.enlarger import filled

_CELLS = 90
"""How many cells of the coarse grid lie across a face."""

_FRINGE = 0.015
"""How far beyond the matte the head reaches, in faces."""
_MARGIN = 0.35
"""How far the head may move beyond where it is at rest, in faces."""
_CREASES = (LIPS_OUTER, RIGHT_EYE, LEFT_EYE)


class Puppet:
    """A portrait cut into a head and what is behind it, to be painted as the head moves.

    Args:
        image: `H×W×3` or `H×W×4`, uint8 or uint16.
        points: `478×3`, the face in it, in pixels: `Face.points`.
    """

    def __init__(self, image: Image, points: Points) -> None:
        self._image = image
        face = float(np.ptp(points[:SKIN, :2], 0).max())
        self._step = max(1, round(face / _CELLS))
        wide = _head_box(image, points)
        matte = head(np.ascontiguousarray(_with_hidden_colours(image[wide])[..., :3]), _FRINGE * face)
        self._box = self._moving(wide, matte, points, _MARGIN * face)
        self._offset = np.array([*corner(self._box), 0], np.float32)
        self._rest = points - self._offset
        crop = _with_hidden_colours(image[self._box])
        colours = np.ascontiguousarray(crop[..., :3])
        height, width = crop.shape[:2]
        self._place = places((slice(0, height), slice(0, width)))
        self._around = self._around_at(self._rest, width, height)
        self._backdrop = Backdrop(crop, matte[within(self._box, wide)])
        self._hidden = Hidden(colours, self._rest, matte[within(self._box, wide)])
        self._shading = Shading(self._rest, width, height, self._step)
        self._eyes = Eyes(colours, self._rest)
        self._mouth = Mouth(colours, self._rest)

    def render(self, move: Move) -> Image:
        """Return the whole picture with the face moved, of the same size and type."""
        if move.strength == 0:
            return self._image
        there = self._rest + move.strength * (move.points - self._offset - self._rest)
        now = unfolded(self._rest, np.asarray(there, np.float32))
        place: Values = self._place - self._back(now)
        made = self._image.copy()
        part = self._backdrop.render(place)
        self._hidden.paint(part[..., :3], now, place)
        self._shading.paint(part[..., :3], now, place, move)
        self._eyes.paint(part[..., :3], now, place)
        self._mouth.paint(part[..., :3], now, place, move)
        made[self._box] = part
        return made

    def _moving(self, wide: Box, matte: Plane, points: Points, margin: float) -> Box:
        """Return the part of a box where somebody is who moves with the face."""
        height, width = matte.shape
        moves = self._around_at(points - np.array([*corner(wide), 0], np.float32), width, height).moves
        there = cv.resize(matte, moves.shape[::-1], interpolation=cv2.INTER_AREA) > 0
        y, x = np.nonzero(moves & there)
        if not x.size:
            return wide
        moving = np.stack([x, y], 1) * np.float32(self._step) + corner(wide)
        tight = box_of(np.concatenate([moving, points[OVAL, :2]]), margin, (wide[1].stop, wide[0].stop))
        assert tight is not None
        rows, columns = (slice(max(one.start, two.start), one.stop) for one, two in zip(tight, wide, strict=True))
        return rows, columns

    def _around_at(self, points: Points, width: int, height: int) -> Around:
        return Around(self._on_grid(points), -(-width // self._step), -(-height // self._step))

    def _on_grid(self, points: Points) -> Points:
        """Pixels of the crop to places of the coarse grid, whose cells are `step` pixels wide."""
        half = np.array([1, 1, 0], np.float32) * np.float32((self._step - 1) / 2)
        return np.asarray((points - half) / np.float32(self._step), np.float32)

    def _back(self, now: Points) -> Values:
        """Return how far back from each pixel is what comes to be seen there."""
        triangles = by_depth(now)
        moved = np.asarray(now - self._rest, np.float32)[:SKIN, :2]
        around = self._around.back(self._on_grid(now)) * np.float32(self._step)
        coarse = around.copy()
        paint(coarse, self._on_grid(now)[:SKIN, :2], moved, triangles)
        if self._step == 1:
            return coarse
        height, width = self._place.shape[:2]
        size = coarse.shape[1] * self._step, coarse.shape[0] * self._step
        fine: Values = cv.resize(coarse, size, interpolation=cv2.INTER_LINEAR)[:height, :width]
        for part in (*_CREASES, *silhouettes(now)):
            box = box_of(now[part], 0.2 * float(np.ptp(now[part, 0])) + self._step, (width, height))
            if box is not None:
                fine[box] = self._repainted(around, now[:SKIN, :2], moved, triangles, box)
        return fine

    def _repainted(self, around: Values, now: Points, moved: Points, triangles: Indices, box: Box) -> Values:
        """Paint a box again, pixel by pixel: where skin passes before something else, a coarse grid would smear it."""
        first = (corner(box) - (self._step - 1) / 2) / self._step
        matrix = np.array([[1 / self._step, 0, first[0]], [0, 1 / self._step, first[1]]])
        size = box[1].stop - box[1].start, box[0].stop - box[0].start
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        canvas: Values = cv.warpAffine(around, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        corners: Points = now - corner(box)
        shapes = corners[triangles]
        inside = np.logical_and(shapes.max(1) > -1, shapes.min(1) < np.array(size)).all(1)
        paint(canvas, corners, moved, triangles[inside])
        return canvas


def _with_hidden_colours(image: Image) -> Image:
    """Return a copy in which transparent pixels have the colours around them, so that edges that move are clean."""
    if image.shape[2] == 3:
        return image.copy()
    return np.dstack([filled(image[..., :3], image[..., 3]), image[..., 3]])


def _head_box(image: Image, points: Points) -> Box:
    """Return where the head may be with its hair, and the neck."""
    height, width = image.shape[:2]
    face = float(np.ptp(points[OVAL, :2], 0).max())
    x, y = points[OVAL, :2].mean(0)
    left, right = max(0, int(x - 1.55 * face)), min(width, int(x + 1.55 * face))
    top, bottom = max(0, int(y - 1.55 * face)), min(height, int(y + 1.55 * face))
    return slice(top, bottom), slice(left, right)

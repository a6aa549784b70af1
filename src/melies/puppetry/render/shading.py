"""Wrinkles: where the performer's skin becomes darker or lighter than at rest, the portrait's does too.

The expression ratio image of Liu, Shan and Zhang, "Expressive Expression Mapping with Ratio Images" (2001), in the
flattened mean face; only what is as fine as a wrinkle is kept, so that the light in the performer's room stays there.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from melies.faces.anatomy import OVAL, SKIN, Indices, Points, canonical
from melies.frame import Image
from melies.matting.scale import Map, cv, reduce, unit
from melies.puppetry.move import Move
from melies.puppetry.parts import FEATURES
from melies.puppetry.render.backdrop import take
from melies.puppetry.render.mesh import Values, locate, paint
from melies.puppetry.render.shapes import box_of, corner, ramp

_SIDE = 128
"""Of the flattened face, in pixels."""
_FINE, _COARSE = 1.2, 7.0
"""Sigmas between which shading belongs to wrinkles, in pixels of the flattened face."""
_GAIN = 0.8
_MOST = 0.25
"""The strongest darkening, as a logarithm; lightening counts half."""
_STRANGE = (0.25, 0.45)
"""Change, as a logarithm, between which it is thought to be hair, glasses or a hand and no longer skin."""
_HAIR = (0.35, 0.6)
"""How much darker than the middle of the skin, as a logarithm, is thought to be hair or its shadow."""
_BESIDE = 15
"""Width of what is left out around hair, in pixels of the flattened face."""
_FACING = (0.25, 0.55)
"""Cosine of the angle at which skin is seen, between which its shading begins to count."""
_NOSTRILS = np.array([64, 294, 2, 97, 326, 1])
_DARK = 0.04
"""Brightness added before ratios are taken: what is black has no shading."""


class Shading:
    """The shading that a performer brings to a portrait.

    Args:
        rest: `478×3`, the portrait's face.
        width: Of the portrait.
        height: Of the portrait.
        step: Pixels between those for which shading is looked up.
    """

    def __init__(self, rest: Points, width: int, height: int, step: int) -> None:
        self._step = step
        self._places = np.full((height, width, 2), -1, np.float32)
        paint(self._places, rest[:SKIN, :2], canonical().places * _SIDE - np.float32(0.5), _clockwise())
        self._neutral: Image | None = None
        self._calm: tuple[Map, Map] | None = None

    def paint(self, made: Image, now: Points, place: Values, move: Move) -> None:
        """Darken and lighten the skin.

        Args:
            made: `H×W×3`, the picture so far, written to.
            now: `478×3`, where the face is in it.
            place: `H×W×2`, which pixel of the portrait has come to each.
            move: The performer, in this frame and at rest; without them nothing is done.
        """
        box = box_of(now[OVAL], 0, made.shape[1::-1])
        if box is None or move.driver is None or move.driver_points is None:
            return
        if move.neutral is None or move.neutral_points is None:
            return
        if move.neutral is not self._neutral or self._calm is None:
            self._neutral, self._calm = move.neutral, _flattened(move.neutral, move.neutral_points)
        ratio = _wrinkles(_flattened(move.driver, move.driver_points), self._calm) * np.float32(_GAIN * move.strength)
        flat = take(self._places, np.ascontiguousarray(place[box][:: self._step, :: self._step]))
        factor = np.exp(cv.remap(ratio, flat, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT))
        size = (box[1].stop - box[1].start, box[0].stop - box[0].start)
        factor = _grown(factor, self._step, *size)
        depth = cv2.CV_8U if made.dtype == np.uint8 else cv2.CV_16U
        made[box] = cv.multiply(made[box], cv.cvtColor(factor, cv2.COLOR_GRAY2RGB), dtype=depth)


def _grown(values: Map, step: int, width: int, height: int) -> Map:
    """Return values known at every so many pixels at all of them."""
    if step == 1:
        return values
    matrix = np.array([[step, 0, 0], [0, step, 0]], np.float32)
    grown: Map = cv.warpAffine(values, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return grown


def _flattened(image: Image, points: Points) -> tuple[Map, Map]:
    """Return the logarithm of the skin's brightness in the flattened face, and how well each place is seen."""
    flat, seen = np.zeros(_SIDE * _SIDE, np.float32), np.zeros(_SIDE * _SIDE, np.float32)
    box = box_of(points[:SKIN], 2, image.shape[1::-1])
    if box is None:
        return flat.reshape(_SIDE, _SIDE), seen.reshape(_SIDE, _SIDE)
    pixels, around, weights = _texels()
    patch = cv.cvtColor(np.ascontiguousarray(image[box][..., :3]), cv2.COLOR_RGB2GRAY)
    scale = min(1.0, 1.5 * _SIDE / max(patch.shape))
    small = reduce(patch, *(max(1, round(side * scale)) for side in patch.shape[1::-1]))
    share = np.array(small.shape[1::-1], np.float32) / patch.shape[1::-1]
    corners = np.concatenate([(points[:SKIN, :2] - corner(box) + 0.5) * share - 0.5, facing(points)[:, None]], 1)
    texels = np.einsum("pk,pkn->pn", weights, corners.astype(np.float32)[around])
    values = take(unit(small), np.ascontiguousarray(texels[:, None, :2]))[:, 0]
    flat[pixels] = np.log(values + np.float32(_DARK))
    seen[pixels] = ramp(texels[:, 2], *_FACING)
    light = flat.reshape(_SIDE, _SIDE)
    return light, seen.reshape(_SIDE, _SIDE) * _bare(light)


def _bare(light: Map) -> Map:
    """Return where skin is seen, 0…1, and not the hair that hangs over it or its shadow: those move without it."""
    inner = _skin() > 0.5
    below = np.median(light[inner]) - cv.GaussianBlur(light, (0, 0), _FINE)
    covered = ramp(below, *_HAIR).astype(np.float32) * inner
    near = cv.dilate(covered, cv.getStructuringElement(cv2.MORPH_ELLIPSE, (_BESIDE, _BESIDE)))
    bare: Map = 1 - cv.GaussianBlur(near, (0, 0), 2 * _FINE)
    return bare


def _wrinkles(now: tuple[Map, Map], calm: tuple[Map, Map]) -> Map:
    """Return the logarithm of how much lighter the skin is than at rest, as fine as wrinkles only."""
    change = now[0] - calm[0]
    weight = now[1] * calm[1] * _skin()
    total = cv.GaussianBlur(weight, (0, 0), _COARSE) + np.float32(1e-3)
    broad = cv.GaussianBlur(change * weight, (0, 0), _COARSE) / total
    fine = change - broad
    strange = cv.GaussianBlur(ramp(np.abs(fine), *_STRANGE) * weight, (0, 0), 2 * _FINE)
    fine = cv.GaussianBlur(fine * weight * np.maximum(1 - 2 * strange, 0), (0, 0), _FINE)
    limited: Map = np.float32(_MOST) * np.tanh(fine / np.float32(_MOST))
    return np.asarray(np.minimum(limited, np.float32(0.5) * limited), np.float32)


def _clockwise() -> Indices:
    return canonical().triangles[:, ::-1]


@cache
def _texels() -> tuple[Indices, Indices, Values]:
    """Return which pixels of the flattened face are skin, and the points around each with their weights."""
    return locate(canonical().places * _SIDE - np.float32(0.5), _clockwise(), _SIDE, _SIDE)


def facing(points: Points) -> Map:
    """Return the cosine at which each point's skin is seen."""
    a, b, c = (points[_clockwise()[:, k]] for k in range(3))
    normals = np.cross(b - a, c - a)
    summed = _corners() @ normals.astype(np.float32)
    cosine: Map = summed[:, 2] / np.maximum(np.linalg.norm(summed, axis=1), 1e-6)
    return cosine


@cache
def _corners() -> Values:
    """Return which triangles meet in each point, `468×898`."""
    triangles = _clockwise()
    meet = np.zeros((SKIN, len(triangles)), np.float32)
    meet[triangles, np.arange(len(triangles))[:, None]] = 1
    return meet


@cache
def _skin() -> Map:
    """Return where skin can wrinkle: not in eyes, brows and mouth, nor at the face's outline."""
    places = canonical().places * _SIDE
    mask = np.zeros((_SIDE, _SIDE), np.uint8)
    cv.fillPoly(mask, [np.round(places[OVAL]).astype(np.int32)], 1)
    mask = cv.erode(mask, np.ones((31, 31), np.uint8))
    for part in (*FEATURES, _NOSTRILS):
        hull = np.zeros_like(mask)
        cv.fillConvexPoly(hull, cv2.convexHull(np.round(places[part]).astype(np.int32)), 1)
        mask[cv.dilate(hull, np.ones((5, 5), np.uint8)) > 0] = 0
    soft: Map = cv.GaussianBlur(mask.astype(np.float32), (0, 0), 1.5)
    return soft

"""Eyes: a ball behind the lids, an iris that turns on it, and lids that slide over it and close."""

from __future__ import annotations

from itertools import product

import cv2
import numpy as np

from melies.erasing.membrane import membrane
from melies.faces.anatomy import LEFT_EYE, LEFT_IRIS, RIGHT_EYE, RIGHT_IRIS, SKIN, Indices, Points
from melies.frame import Image
from melies.matting.scale import Map, cv, unit
from melies.puppetry.render.backdrop import take
from melies.puppetry.render.mesh import Values
from melies.puppetry.render.shapes import Box, Mask, blend, box_of, corner, grown, hull, line, places, polygon, ramp

_CLOSING = (0.15, 0.6)
"""Share of the rest opening that is gone, between which the lid's own skin is faded in."""
_OPENED = (0.03, 0.15)
"""Change of the opening, as a share of that at rest, from which the eye is painted in layers."""
_IRIS = (0.8, 1.7)
"""How large an iris may be, in the radius that the mesh gives it: painted ones are larger than life."""
_SHIFTS = (-0.3, -0.15, 0.0, 0.15, 0.3)
"""How far its centre may be beside the mesh's, in that radius."""
_WHITER = 0.15
"""How much whiter it must be outside."""
_ODD = 0.2
"""How much whiter for every such radius by which it is elsewhere, larger or smaller."""
_RINGS = 10
"""How finely its edge is looked for: steps in the mesh's radius."""
_LASHES = 0.12
"""How much of the eye's height its upper lashes take."""
_EVEN = 0.06
"""Sigma over which the colours around an eye are taken for its lids, in widths of the eye."""
_CORNERS = 0.3
"""How far from its corners they are not, in the same."""
_SOFT = 0.05
"""How soft the edge of their skin is, in the same."""
_WITHIN = 0.9
"""Share of a pixel in the face from which on it shows skin."""
_TURNED = (0.01, 0.04)
"""The same for the iris's way, in widths of the eye."""


class Eyes:
    """Both eyes of a portrait.

    Args:
        image: `H×W×3`, the portrait.
        rest: `478×3`, its face.
    """

    def __init__(self, image: Image, rest: Points) -> None:
        both = ((RIGHT_EYE, RIGHT_IRIS), (LEFT_EYE, LEFT_IRIS))
        self._eyes = [_Eye(image, rest, rim, iris) for rim, iris in both if _seen(image, rest[rim])]

    def paint(self, made: Image, now: Points, place: Values) -> None:
        """Paint what has changed of the eyes.

        Args:
            made: `H×W×3`, the picture so far, written to.
            now: `478×3`, where the face is in it.
            place: `H×W×2`, which pixel of the portrait has come to each.
        """
        for eye in self._eyes:
            eye.paint(made, now, place)


def _seen(image: Image, rim: Points) -> bool:
    """Whether an eye is in the picture, and large enough to be taken apart."""
    high, wide = image.shape[:2]
    inside = (rim[:, :2] > 1).all() and (rim[:, :2] < (wide - 2, high - 2)).all()
    return bool(inside) and float(np.linalg.norm(rim[0, :2] - rim[8, :2])) >= 5


class _Eye:
    def __init__(self, image: Image, rest: Points, rim: Indices, iris: Indices) -> None:
        self._rim, self._iris = rim, iris
        self._rest = rest[:, :2]
        self._wide, self._high = _opening(self._rest[rim])
        box = box_of(rest[rim], 0.5 * self._wide, image.shape[1::-1])
        assert box is not None
        self._corner = corner(box)
        patch = unit(image[box])
        where = places(box)
        fine = max(0.6, 0.02 * self._wide)
        inside = polygon(_below_lashes(self._rest[rim]), box, 0.5) > 0.95
        whole = polygon(self._rest[rim], box, 0.5) > 0.95
        meshed = float(np.linalg.norm(self._rest[iris[1:]] - self._rest[iris[0]], axis=1).mean())
        self._centre, self._radius = _edge_of_iris(patch, inside, where, self._rest[iris[0]], max(meshed, 1.0))
        far = np.linalg.norm(where - self._centre, axis=2) / self._radius
        self._ball = _ball(patch, inside & (far > 1.15), inside)
        self._disc = _disc(patch, whole & (far < 1.1), where - self._corner, self._centre - self._corner)
        face = polygon(hull(self._rest[:SKIN]), box, fine)
        reach = grown(polygon(self._rest[rim], box, 0.5) > 0.05, 0.12 * self._wide)
        seen = ~grown(face <= _WITHIN, 0.12 * self._wide)
        soft = max(fine, _SOFT * self._wide)
        self._skin_share: Map = cv.GaussianBlur(grown(reach, fine).astype(np.float32), (0, 0), soft) * face
        corners = np.linalg.norm(where[..., None, :] - self._rest[rim[[0, 8]]], axis=3).min(2) < _CORNERS * self._wide
        self._skin = _lid_skin(patch, seen & ~reach, reach, corners, _EVEN * self._wide)
        edge = patch[inside] if inside.any() else patch.reshape(-1, 3)
        self._lash = np.percentile(edge, 10, axis=0).astype(np.float32)

    def paint(self, made: Image, now: Points, place: Values) -> None:
        rim = now[self._rim, :2]
        box = box_of(rim, 0.5 * self._wide, made.shape[1::-1])
        wide, high = _opening(rim)
        if box is None or wide < 0.3 * self._wide:
            return
        open_ = high / wide / max(self._high / self._wide, 1e-3)
        matrix, shift = _similarity(self._rest[self._rim], rim)
        look = now[self._iris[0], :2] - (matrix @ self._rest[self._iris[0]] + shift)
        rolled = float(np.linalg.norm(look)) / wide
        change = max(float(ramp(abs(open_ - 1), *_OPENED)), float(ramp(rolled, *_TURNED)))
        if change == 0:
            return
        closing = float(ramp(1 - open_, *_CLOSING))
        if closing > 0:
            source = np.ascontiguousarray(place[box]) - self._corner
            blend(made, box, take(self._skin, source), take(self._skin_share, source) * np.float32(closing))
        shown = polygon(_below_lashes(rim), box, max(0.5, 0.012 * wide)) * np.float32(change * ramp(open_, 0.06, 0.2))
        blend(made, box, self._eyeball(box, matrix, shift, look), shown)
        if closing > 0:
            blend(made, box, self._lash, line(rim[:9], box, 0.035 * wide) * np.float32(0.7 * closing))

    def _eyeball(self, box: Box, matrix: Points, shift: Points, look: Points) -> Values:
        """Return the eye as it would be seen without lids: its white, and the iris turned on it."""
        back = np.linalg.inv(matrix).T
        where = places(box) - shift
        white = take(self._ball, (where @ back - self._corner).astype(np.float32))
        turned = (where - look) @ back
        iris = take(self._disc, (turned - self._corner).astype(np.float32))
        far = np.linalg.norm(turned - self._centre, axis=2)
        edge = max(0.7, 0.1 * self._radius)
        disc = 1 - ramp(far, self._radius - edge, self._radius + edge)
        made: Values = white + (iris - white) * disc[..., None].astype(np.float32)
        return made


def _lid_skin(patch: Values, seen: Mask, reach: Mask, corners: Mask, even: float) -> Values:
    """Return the skin of lids that are closed: as smooth as what is above and below the eye allows.

    Lashes and the shadows beside an eye's corners would be drawn across the lid, and single pixels as streaks.
    """
    known = seen & ~corners if (seen & ~corners).any() else seen
    if not known.any():
        return membrane(patch, reach)
    share = cv.GaussianBlur(known.astype(np.float32), (0, 0), even)[..., None]
    colours = cv.GaussianBlur(np.where(known[..., None], patch, 0).astype(np.float32), (0, 0), even)
    hole = ~known & (reach | corners | ~seen)
    return membrane((colours / np.maximum(share, np.float32(1e-3))).astype(np.float32), hole)


def _opening(rim: Points) -> tuple[float, float]:
    """Return the width and the height of an eye."""
    wide = float(np.linalg.norm(rim[0] - rim[8])) + 1e-3
    high = float(np.linalg.norm(rim[2:7] - rim[14:9:-1], axis=1).mean())
    return wide, high


def _below_lashes(rim: Points) -> Points:
    """Return the rim with the upper lid's edge, which belongs to the skin, left out."""
    inner = rim.copy()
    inner[1:8] += _LASHES * (rim[15:8:-1] - rim[1:8])
    return inner


def _similarity(rest: Points, now: Points) -> tuple[Points, Points]:
    """Return the turn, scale and shift that carry an eye's corners to where they are now: `matrix @ x + shift`."""
    before, after = rest[8] - rest[0], now[8] - now[0]
    square = float(before @ before)
    cosine = float(before @ after) / square
    sine = float(before[0] * after[1] - before[1] * after[0]) / square
    matrix = np.array([[cosine, -sine], [sine, cosine]], np.float32)
    return matrix, now[[0, 8]].mean(0) - matrix @ rest[[0, 8]].mean(0)


def _edge_of_iris(patch: Values, inside: Mask, where: Points, centre: Points, meshed: float) -> tuple[Points, float]:
    """Return the iris's centre and radius: where the eye becomes whiter to both sides (after Daugman 1993).

    The mesh knows irises of life; painted and drawn ones may be larger, and elsewhere.
    """
    seen = patch[inside]
    # What has a hue of its own, as a blue iris has, is less white than what is as grey as the lightest part.
    tinted = seen / np.maximum(np.percentile(seen, 90, axis=0) if len(seen) else 1, 0.05)
    white = 2 * tinted.min(1) - tinted.max(1)
    pixels = where[inside]
    best, found, radius = _WHITER, centre, meshed
    for shift in product(_SHIFTS, _SHIFTS):
        middle = centre + meshed * np.array(shift, np.float32)
        across, down = (pixels - middle).T
        ring = np.round(np.hypot(across, down) / meshed * _RINGS).astype(int)
        sides = []
        for beside in (across < -np.abs(down), across > np.abs(down)):
            count = np.bincount(ring[beside], minlength=2 * _RINGS + 3)
            sides.append((count, np.bincount(ring[beside], white[beside], len(count)) / np.maximum(count, 1)))
        for at in range(round(_IRIS[0] * _RINGS), round(_IRIS[1] * _RINGS)):
            rises = [
                float(mean[at + 1 : at + 3].mean() - mean[at - 2 : at].mean())
                for count, mean in sides
                if count[at - 2 : at + 3].all()
            ]
            rise = min(rises, default=0.0) - _ODD * (float(np.hypot(*shift)) + abs(at / _RINGS - 1))
            if rise > best:
                best, found, radius = rise, middle, meshed * at / _RINGS
    return found, radius


def _ball(patch: Values, known: Mask, inside: Mask) -> Values:
    """Return the white of the eye, without the iris and beyond the lids."""
    if np.count_nonzero(known) < 4:
        bright = patch[inside].max(0) if inside.any() else patch.reshape(-1, 3).mean(0)
        return np.broadcast_to(bright, patch.shape).astype(np.float32)
    return membrane(patch, ~known)


def _disc(patch: Values, known: Mask, where: Points, centre: Points) -> Values:
    """Return the iris, its hidden part taken from the other side of its centre."""
    if not known.any():
        return patch
    other = (2 * centre - where).astype(np.float32)
    mirrored = take(patch, other)
    there = cv.remap(known.astype(np.float32), other, None, cv2.INTER_NEAREST) > 0
    filled = np.where((~known & there)[..., None], mirrored, patch)
    return membrane(filled, ~(known | there))

"""Make-up: each kind keeps the light and the texture of the skin it is put on.

All of it is laid out from the mesh in centimetres of the mean face, drawn as soft-edged polygons of the picture.
Guo and Sim, "Digital Face Makeup by Example" (2009) name the layers: structure, detail and colour.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.faces import anatomy
from melies.faces.anatomy import Points
from melies.imaging import blur
from melies.masking.patch import LIGHT, Area, Patch, bent, mirrored
from melies.matting.scale import Map, cv

Colour = NDArray[np.float32]
"""`3` RGB, 0…1."""
Finish = Literal["matte", "satin", "gloss"]

_UPPER_LID = anatomy.RIGHT_EYE[:9]
"""From the outer corner of the right eye to the inner one."""
_BROW_BELOW = np.array((46, 53, 52, 65, 55))
_CHEEK = np.array((117, 118, 101, 36, 205, 187, 123))
_RELIEF = {"matte": 0.7, "satin": 1.0, "gloss": 1.35}
"""How much of the lips' own light and shade is kept."""


def sides(indices: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return points on the right side of the face and their like on the left."""
    return indices, mirrored(indices)


def lipstick(patch: Patch, colour: Colour, opacity: float, finish: Finish = "satin") -> None:
    """Colour the lips, but not what is between them."""
    points = patch.points
    inner = bent(points[anatomy.LIPS_INNER])
    gap = float(np.hypot(*(points[13] - points[14])[:2]))
    area = patch.area([bent(points[anatomy.LIPS_OUTER])], 0.07, [inner] if gap > 0.15 * patch.unit else [])
    if area is None:
        return
    skin = patch.picture[area.rows, area.columns]
    lit = _lightness(skin)
    middle = _mean(lit, area.weight)
    shade = np.clip(1 + _RELIEF[finish] * (lit / middle - 1), 0.25, 2.5)
    shine = 0.4 * _ramp(lit / middle, 1.1, 1.7) if finish == "gloss" else 0
    painted = cv.merge([shade * part + shine for part in colour * patch.light])
    # Teeth that stick out over the rim are bright and pale.
    red = _redness(skin)
    pale = _ramp(lit / middle, 1.3, 1.7) * _ramp(0.75 * red - _mean(red, area.weight), -0.1, 0)
    _mix(patch, area, painted, opacity * (1 - pale))


def eyeliner(patch: Patch, colour: Colour, opacity: float, wing: float = 0.5) -> None:
    """Draw a line along the upper lids, thicker outwards and drawn out into a wing (0: none)."""
    for lid in sides(_UPPER_LID):
        rim = bent(patch.points[lid], closed=False)
        along = np.linspace(0, 1, len(rim), dtype=np.float32)[:, None]
        outwards = rim[0] - rim[-1]
        tip = rim[0] + wing * (0.22 * outwards + 0.16 * float(np.hypot(*outwards)) * patch.up)
        above = rim + patch.up * patch.unit * (0.03 + 0.13 * (1 - along) ** 0.8)
        below = rim - patch.up * patch.unit * 0.025
        shape = np.concatenate([tip[None], above, below[::-1]]) if wing else np.concatenate([above, below[::-1]])
        _tint(patch, patch.area([shape], 0.025), colour, opacity, 0.25)


def eyeshadow(patch: Patch, colour: Colour, opacity: float) -> None:
    """Colour the lids, fading towards the brows."""
    for lid, brow, eye in zip(sides(_UPPER_LID), sides(_BROW_BELOW), _eyes(patch), strict=True):
        rim = bent(patch.points[lid], closed=False)
        edge = bent(patch.points[brow], closed=False)
        edge = edge[np.linspace(0, len(edge) - 1, len(rim)).round().astype(int)]
        for height, share in ((0.35, 0.6), (0.7, 0.6)):
            shape = np.concatenate([rim, (rim + height * (edge - rim))[::-1]])
            _tint(patch, _without(patch.area([shape], 0.14), patch, [eye]), colour, opacity * share, 0.9)


def blush(patch: Patch, colour: Colour, opacity: float) -> None:
    """Warm the cheeks."""
    face = bent(patch.points[anatomy.OVAL])
    for cheek in sides(_CHEEK):
        area = _within(patch.area([patch.points[cheek]], 0.75), patch, face)
        _tint(patch, area, colour, 0.6 * opacity, 1.0)


def brows(patch: Patch, colour: Colour, opacity: float) -> None:
    """Colour the brows: their hairs take most of it, the skin between them less."""
    for brow in (anatomy.RIGHT_BROW, anatomy.LEFT_BROW):
        area = patch.area([bent(patch.points[brow])], 0.1)
        if area is None:
            continue
        lit = _lightness(patch.picture[area.rows, area.columns])
        hairs = 1 - _ramp(lit / max(_mean(lit, area.weight), 1e-3), 0.85, 1.25)
        _tint(patch, Area(area.rows, area.columns, area.weight * (0.45 + 0.55 * hairs)), colour, opacity, 0.8)


def iris(patch: Patch, colour: Colour, opacity: float) -> None:
    """Colour the irises as contact lenses do: the pupil stays black, what shines in the eye stays white."""
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False, dtype=np.float32)
    circle: Points = np.column_stack([np.cos(turn), np.sin(turn)])
    eyes = ((anatomy.RIGHT_IRIS, anatomy.RIGHT_EYE), (anatomy.LEFT_IRIS, anatomy.LEFT_EYE))
    for ring, lids in eyes:
        centre, rim = patch.points[ring[0], :2], patch.points[ring[1:], :2]
        radius = float(np.hypot(*(rim - centre).T).mean())
        seen = _ramp(_gap(patch, lids) / (2 * radius), 0.2, 0.45)
        area = patch.area(
            [centre + np.float32(0.97 * radius) * circle], 0.03, [centre + np.float32(0.32 * radius) * circle]
        )
        area = _within(area, patch, bent(patch.points[lids]), 0.03)
        if area is None or not seen.any():
            continue
        lit = _lightness(patch.picture[area.rows, area.columns])
        middle = _mean(lit, area.weight)
        shade = np.clip(lit / middle, 0, 2) ** 0.8
        shining = _ramp(lit, middle + 0.25, middle + 0.45)
        # Dark eyes leave no light to colour, so the colour brings a share of its own, the less the darker they are.
        bright = patch.light * (0.45 + 0.5 * min(middle / 0.35, 1.0))
        painted = cv.merge([shade * part for part in colour * bright])
        _mix(patch, area, painted, seen * opacity * (1 - shining))


def smooth_skin(patch: Patch, amount: float) -> None:
    """Even out the skin, but keep its edges and its finest texture (He, Sun and Tang 2013, self-guided)."""
    kept = (anatomy.RIGHT_BROW, anatomy.LEFT_BROW, anatomy.LIPS_OUTER, anatomy.RIGHT_EYE, anatomy.LEFT_EYE)
    area = patch.area([bent(patch.points[anatomy.OVAL])], 0.2, [bent(patch.points[shape]) for shape in kept])
    if area is None:
        return
    skin = patch.picture[area.rows, area.columns]
    even = _guided(skin, max(1, round(0.3 * patch.unit)), 0.003)
    texture = skin - blur(skin, max(0.5, 0.04 * patch.unit))
    texture *= np.float32(1 - 0.5 * amount)
    _mix(patch, area, cv.add(even, texture), amount)


def _guided(picture: NDArray[np.float32], radius: int, eps: float) -> NDArray[np.float32]:
    """The guided filter with the picture as its own guide, each channel by itself."""
    height, width = picture.shape[:2]
    # Its coefficients are smooth, so that they may be found on a smaller picture (He and Sun 2015).
    step = max(1, radius // 2)
    small = cv.resize(picture, (-(-width // step), -(-height // step)), interpolation=cv2.INTER_AREA)
    size = (2 * (radius // step) + 1, 2 * (radius // step) + 1)
    mean = cv.blur(small, size)
    variance = cv.blur(small * small, size) - mean * mean
    gain = variance / (variance + np.float32(eps))
    gain, offset = (cv.resize(cv.blur(one, size), (width, height)) for one in (gain, mean - gain * mean))
    gain *= picture
    gain += offset
    smooth: NDArray[np.float32] = gain
    return smooth


def _eyes(patch: Patch) -> tuple[Points, Points]:
    """The openings of the eyes."""
    return bent(patch.points[anatomy.RIGHT_EYE]), bent(patch.points[anatomy.LEFT_EYE])


def _gap(patch: Patch, lids: NDArray[np.intp]) -> Map:
    """How far the lids of an eye are apart, in pixels: a map of one."""
    apart = patch.points[lids[1:8], :2] - patch.points[lids[:8:-1], :2]
    gap: Map = np.hypot(*apart.T).mean(keepdims=True)
    return gap


def _tint(patch: Patch, area: Area | None, colour: Colour, opacity: float, relief: float) -> None:
    """Lay a colour over an area, with `relief` times the light and shade that is there."""
    if area is None:
        return
    lit = _lightness(patch.picture[area.rows, area.columns])
    shade = np.clip(1 + relief * (lit / max(_mean(lit, area.weight), 1e-3) - 1), 0.2, 2)
    _mix(patch, area, cv.merge([shade * part for part in colour * patch.light]), opacity)


def _mix(patch: Patch, area: Area, painted: NDArray[np.float32], opacity: float | Map) -> None:
    part = patch.picture[area.rows, area.columns]
    share = np.multiply(area.weight, opacity, dtype=np.float32)
    part[...] = cv.blendLinear(painted.astype(np.float32, copy=False), part, share, 1 - share)


def _within(area: Area | None, patch: Patch, shape: Points, soft: float = 0.1) -> Area | None:
    """Keep what lies inside another shape."""
    if area is None:
        return None
    return Area(area.rows, area.columns, area.weight * _cover(area, patch, shape, soft))


def _without(area: Area | None, patch: Patch, shapes: list[Points], soft: float = 0.02) -> Area | None:
    """Keep what lies outside other shapes."""
    if area is None:
        return None
    weight = area.weight
    for shape in shapes:
        weight = weight * (1 - _cover(area, patch, shape, soft))
    return Area(area.rows, area.columns, weight)


def _cover(area: Area, patch: Patch, shape: Points, soft: float) -> Map:
    """How much of another shape is at each pixel of an area."""
    cover = np.zeros_like(area.weight)
    other = patch.area([shape], soft, near=area)
    if other is None:
        return cover
    rows, columns = _common(area.rows, other.rows), _common(area.columns, other.columns)
    here, there = ((_counted(rows, one.rows.start), _counted(columns, one.columns.start)) for one in (area, other))
    cover[here] = other.weight[there]
    return cover


def _common(one: slice, other: slice) -> slice:
    """What two stretches of pixels share."""
    start = max(one.start, other.start)
    return slice(start, max(start, min(one.stop, other.stop)))


def _counted(part: slice, start: int) -> slice:
    """The same stretch, counted from elsewhere."""
    return slice(part.start - start, part.stop - start)


def _lightness(picture: NDArray[np.float32]) -> Map:
    lit: Map = picture @ LIGHT
    return lit


def _redness(picture: NDArray[np.float32]) -> Map:
    """How far red stands out of a pixel's light, 0…1."""
    red, green, blue = cv.split(picture)
    stands: Map = (red - (green + blue) / 2) / np.maximum(np.maximum(red, green), np.maximum(blue, np.float32(0.02)))
    return stands


def _mean(values: Map, weight: Map) -> float:
    """The weighted mean, at least a little more than nothing."""
    return max(float((values * weight).sum() / max(float(weight.sum()), 1e-6)), 0.02)


def _ramp(values: Map, low: float, high: float) -> Map:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    ramp: Map = t * t * (3 - 2 * t)
    return ramp

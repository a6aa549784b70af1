"""What is between the lips: the performer's mouth, or one made up, behind the portrait's own teeth if it shows them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.erasing.membrane import membrane
from melies.faces.anatomy import LIPS_INNER, LIPS_OUTER, RIGID, Points
from melies.faces.pose import fit
from melies.frame import Image
from melies.matting.scale import Map, cv, unit
from melies.puppetry.move import Move
from melies.puppetry.render.backdrop import take
from melies.puppetry.render.mesh import Values, paint
from melies.puppetry.render.shapes import Box, blend, box_of, corner, grown, line, places, polygon, ramp

_UPPER, _LOWER = LIPS_INNER[0:11], LIPS_INNER[[0, *range(19, 9, -1)]]
_SHADE = 0.85
"""How light a performer's mouth stays right below the upper lip, which has shaded it in the film already."""
_PHILTRUM = 2
"""A point below the nose, which keeps its place on the skull as teeth do."""
_CLOSING = (0.3, 0.9)
"""Share of the rest opening that is gone, between which the lips of a portrait that shows its teeth meet."""
_GUMS = 0.04
"""How far teeth may be seen beyond the mesh's lips, in widths of the mouth."""
_SQUEEZED = (0.2, 0.8)
"""Pixels by which lips are closed more tightly than at rest, between which the line between them is softened."""
_SOFT, _LINE = 0.8, 2.0
"""Sigma by which it is, and its width, in pixels."""
_AJAR = (0.01, 0.05)
"""Openings, in widths of the mouth, beyond the one at rest, between which its inside is faded in."""
_CHEEKS = (np.array([50, 205, 101, 36]), np.array([280, 425, 330, 266]))
_THROAT = np.array([0.11, 0.02, 0.02], np.float32)
"""What a dark mouth has beside the lips' own colour."""
_WARMTH = np.array([0.1, 0.55], np.float32)
"""Least red and yellow in a mouth, as shares of those of the skin."""
_PALE = 10.0
"""Chroma (L*a*b*) of lips and skin below which a mouth is as pale: a black-and-white portrait has a grey one."""
_SEAM = np.array([0.6, 0.4, 0.4], np.float32)
"""The line between closed lips, as shares of their colour."""
_TOOTH = 0.13
"""Height of the upper teeth, in widths of the mouth."""


_LIT, _RED = 0.6, 0.85
"""How light, and how red for that, is at least what may be a performer's lips, against their mean: teeth are paler."""
_PARTED, _AGAPE = (0.15, 0.25), (0.45, 0.6)
"""Openings, in widths of the mouth, from which the mesh draws a small mouth too large, and up to which."""
_RIM = 0.02
"""How much is left out beside what looks like a performer's lips, in widths of the mouth."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


class Mouth:
    """The inside of a portrait's mouth.

    Args:
        image: `H×W×3`, the portrait.
        rest: `478×3`, its face.
    """

    def __init__(self, image: Image, rest: Points) -> None:
        self._image, self._rest = image, rest
        self._white = np.float32(np.iinfo(image.dtype).max)
        self._wide, self._gap = _opening(rest)
        self._box = box_of(rest[LIPS_OUTER], 0.3 * self._wide + 4, image.shape[1::-1])
        if self._box is None:
            return
        patch = unit(image[self._box])
        inside = polygon(rest[LIPS_INNER, :2], self._box, 0.5)
        lips = np.maximum(polygon(rest[LIPS_OUTER, :2], self._box, 0.5) - inside, 0)
        self._lips = _Colours(patch, lips)
        skin = np.maximum(1 - polygon(rest[LIPS_OUTER, :2], self._box, 1.5), 1e-6)
        self._skin = _Colours(patch, skin)
        self._tint = np.float32(min(1.0, max(self._lips.chroma, self._skin.chroma) / _PALE))
        within = _Colours(patch, inside + np.float32(1e-6))
        self._own = self._gap > 0.06 and within.mean[0] > 0.9 * self._lips.mean[0]
        self._teeth = _inset(inside)
        self._shut = membrane(patch, grown(inside > 0.05, _GUMS * self._wide))
        self._grain = _grain(image, rest)

    def paint(self, made: Image, now: Points, place: Values, move: Move) -> None:
        """Paint the inside of the mouth.

        Args:
            made: `H×W×3`, the picture so far, written to.
            now: `478×3`, where the face is in it.
            place: `H×W×2`, which pixel of the portrait has come to each.
            move: The performer.
        """
        if self._box is None:
            return
        if self._own:
            self._close(made, now, place)
        wide, gap = _opening(now)
        self._smooth(made, now)
        shown = float(ramp(abs(gap - self._gap), *_AJAR) * ramp(gap, 0.005, 0.03))
        box = box_of(now[LIPS_INNER], 3 + 0.05 * wide, made.shape[1::-1])
        if box is None or shown == 0:
            return
        alpha = polygon(now[LIPS_INNER, :2], box, max(0.6, 0.01 * wide)) * np.float32(shown)
        across = _across(now, box)
        inside = self._cavity(across, gap, wide)
        if self._own:
            inside = self._with_own_teeth(inside, now, box)
        elif move.mouth == "driver" and move.driver is not None and move.driver_points is not None and move.covered < 1:
            theirs = self._performers(inside, move.driver, move.driver_points, now, box, across)
            inside = theirs + (inside - theirs) * np.float32(move.covered)
        inside = _paled(inside, self._tint)
        inside *= 1 + _tiled(self._grain, *inside.shape[:2])[..., None]
        blend(made, box, inside, alpha)

    def _close(self, made: Image, now: Points, place: Values) -> None:
        """Lay lips over the teeth as they meet, and the line between them."""
        assert self._box is not None
        closing = np.float32(ramp(1 - _opening(now)[1] / self._gap, *_CLOSING))
        box = box_of(now[LIPS_OUTER], 3, made.shape[1::-1])
        if closing == 0 or box is None:
            return
        soft = max(0.8, 0.02 * self._wide)
        lips = take(self._shut, np.ascontiguousarray(place[box]) - corner(self._box))
        blend(made, box, lips, polygon(now[LIPS_OUTER, :2], box, soft) * closing)
        seam: Points = (now[_UPPER, :2] + now[_LOWER, :2]) * np.float32(0.5)
        dark = _paled(self._lips.rgb * _SEAM, self._tint)
        blend(made, box, dark, line(seam, box, 0.02 * self._wide) * closing)

    def _smooth(self, made: Image, now: Points) -> None:
        """Soften the line between lips that are closed more tightly than at rest: it is squeezed into a pixel."""
        share = np.float32(ramp(_seen(self._rest) - _seen(now), *_SQUEEZED))
        box = box_of(now[LIPS_INNER], 4, made.shape[1::-1])
        if share == 0 or box is None:
            return
        seam: Points = (now[_UPPER, :2] + now[_LOWER, :2]) * np.float32(0.5)
        blend(made, box, cv.GaussianBlur(unit(made[box]), (0, 0), _SOFT), line(seam, box, _LINE) * share)

    def _cavity(self, across: Values, gap: float, wide: float) -> Values:
        """Make a mouth up: dark red, a tongue below, and the upper teeth unless the portrait has its own."""
        down, along = across[..., 0], np.clip(across[..., 1], -1, 1)
        lips = self._lips.rgb
        middle = np.sqrt(1 - along * along)
        dark = np.float32(0.1) * lips + np.float32(lips.max()) * _THROAT
        colour = dark * (np.float32(0.6) + np.float32(0.7) * down)[..., None]
        tongue = ramp(down, 0.55, 0.95) * middle * np.float32(0.75 * ramp(gap, 0.1, 0.35))
        colour += (lips * np.float32(0.62) - colour) * tongue[..., None]
        if not self._own:
            high = min(0.42, _TOOTH / max(gap, 1e-3)) * np.sqrt(middle)
            soft = max(0.02, 1.5 / max(1.0, gap * wide))
            teeth = (1 - ramp(down, high - soft, high + soft)) * ramp(middle, 0.25, 0.6)
            between = 1 - np.float32(0.18) * np.abs(np.cos(along * np.float32(8))) ** 12
            shade = (np.float32(0.55) + np.float32(0.45) * ramp(down / np.maximum(high, 1e-3), 0, 0.7)) * middle
            ivory = self._skin.bright * np.float32(0.92) * (shade * between)[..., None]
            colour += (ivory - colour) * (teeth * np.float32(0.9))[..., None]
        return np.asarray(colour, np.float32)

    def _with_own_teeth(self, inside: Values, now: Points, box: Box) -> Values:
        """Lay the portrait's own teeth over: they keep their place on the skull while the lips move."""
        assert self._box is not None
        pose = fit(self._rest[RIGID], now[RIGID])
        back = np.linalg.inv(pose.scale * pose.rotation[:2, :2]).astype(np.float32)
        away = places(box) - now[_PHILTRUM, :2]
        place: Values = np.ascontiguousarray(away @ back.T + self._rest[_PHILTRUM, :2])
        teeth = cv.remap(self._teeth, place - corner(self._box), None, cv2.INTER_LINEAR)[..., None]
        made: Values = inside + (unit(take(self._image, place)) - inside) * teeth
        return made

    def _performers(
        self, inside: Values, driver: Image, points: Points, now: Points, box: Box, across: Values
    ) -> Values:
        """Lay the performer's mouth over, in the portrait's colours."""
        _, gap = _opening(points)
        shown = float(ramp(gap, 0.03, 0.08))
        source = box_of(points[LIPS_OUTER], 4, driver.shape[1::-1])
        if shown == 0 or source is None:
            return inside
        patch = unit(np.ascontiguousarray(driver[source][..., :3]))
        wide, _ = _opening(now)
        sigma = 0.5 * max(0.0, _opening(points)[0] / wide - 1)
        if sigma > 0.3:
            patch = cv.GaussianBlur(patch, (0, 0), sigma)
        inner = polygon(points[LIPS_INNER, :2], source, 0.5)
        lips = _Colours(patch, np.maximum(polygon(points[LIPS_OUTER, :2], source, 0.5) - inner, 0))
        canvas = np.zeros((*inside.shape[:2], 2), np.float32)
        paint(canvas, *_strip(now, box, points[:, :2] - corner(source)), _TRIANGLES)
        patch = _without_lips(patch, inner, lips, *_opening(points))
        seen = _matched(take(patch, canvas), lips, self._lips, self._skin)
        depth = np.minimum(3 * across[..., 0], 1 - 0.3 * across[..., 0])
        deep = np.float32(_SHADE) + np.float32(1 - _SHADE) * ramp(depth, 0, 1)
        made: Values = inside + (seen * deep[..., None] - inside) * np.float32(shown)
        return made


class _Colours:
    """Mean and spread of some pixels' colours, in L*a*b*."""

    def __init__(self, patch: Values, weight: Map) -> None:
        lab = cv.cvtColor(np.ascontiguousarray(patch[..., :3]), cv2.COLOR_RGB2Lab).reshape(-1, 3)
        share = (weight / np.float32(max(float(weight.sum()), 1e-6))).reshape(-1)
        self.mean = np.asarray(share @ lab, np.float32)
        self.spread = np.sqrt(share @ np.square(lab - self.mean)) + np.float32(1)
        self.chroma = float(np.hypot(*self.mean[1:]))
        self.rgb = np.asarray(share @ patch[..., :3].reshape(-1, 3), np.float32)
        bright = np.array([[[min(95.0, self.mean[0] + self.spread[0]), self.mean[1] * 0.25, self.mean[2] * 0.6]]])
        self.bright: NDArray[np.float32] = cv.cvtColor(bright.astype(np.float32), cv2.COLOR_Lab2RGB)[0, 0]


def _paled(colours: Values, tint: np.float32) -> Values:
    """Return colours with so much of their chroma: 0 is grey."""
    grey = (colours @ _LUMA)[..., None]
    return np.asarray(grey + (colours - grey) * tint, np.float32)


def _matched(seen: Values, theirs: _Colours, lips: _Colours, skin: _Colours) -> Values:
    """Return pixels from between lips of these colours as they look between other lips (after Reinhard et al. 2001).

    Teeth are never brighter than the skin around them, and as warm: nothing in a mouth is green or blue.
    """
    lab = cv.cvtColor(seen, cv2.COLOR_RGB2Lab)
    bright = max(float(theirs.mean[0]), 1.0)
    light = np.clip(lab[..., :1] / bright, 0, 1)  # what is black has no hue to change
    most = (skin.mean[0] + skin.spread[0]) / max(float(np.percentile(lab[..., 0], 98)), 1.0)
    lab[..., 0] *= min(float(np.clip(lips.mean[0] / bright, 0.4, 1.6)), float(most))
    lab[..., 1:] += np.float32(0.7) * (lips.mean[1:] - theirs.mean[1:]) * light
    lab[..., 1:] = np.maximum(lab[..., 1:], np.maximum(skin.mean[1:], 0) * _WARMTH * light)
    matched: Values = cv.cvtColor(lab, cv2.COLOR_Lab2RGB)
    return matched


def _without_lips(patch: Values, inner: Map, lips: _Colours, wide: float, gap: float) -> Values:
    """Return a performer's mouth with what lies between the lips going on over them.

    The mesh draws small round mouths too large: what looks like the lips within its line does not count.
    """
    round_ = np.float32(ramp(gap, *_PARTED) * (1 - ramp(gap, *_AGAPE)))
    lab = cv.cvtColor(patch, cv2.COLOR_RGB2Lab)
    light = lab[..., 0] / max(float(lips.mean[0]), 1.0)
    pale = lab[..., 1] / max(float(lips.mean[1]), 5.0) < _RED * light
    lip = ((light > _LIT) & ~pale).astype(np.uint8)
    lip = grown(cv.morphologyEx(lip, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0, _RIM * wide)
    between = (inner > 0.5) & ~(lip & ~((light > _LIT) & pale))
    if round_ == 0 or not between.any():
        return patch
    made: Values = patch + (membrane(patch, ~between) - patch) * round_
    return made


def _opening(points: Points) -> tuple[float, float]:
    """Return the width of the mouth in pixels, and how far it is open in its widths."""
    wide = float(np.linalg.norm(points[61] - points[291])) + 1e-3
    gaps = np.linalg.norm(points[_UPPER[3:8]] - points[_LOWER[3:8]], axis=1)
    return wide, float(gaps.mean()) / wide


def _seen(points: Points) -> float:
    """Return how far the lips are apart in the picture, in pixels."""
    return float(np.linalg.norm((points[_UPPER] - points[_LOWER])[:, :2], axis=1).mean())


def _triangles() -> NDArray[np.intp]:
    """Return the strip between the lips: upper 0…10, lower 11…21, clockwise."""
    pairs = [((i, i + 1, i + 12), (i, i + 12, i + 11)) for i in range(10)]
    return np.array(pairs, np.intp).reshape(-1, 3)


_TRIANGLES = _triangles()


def _strip(now: Points, box: Box, values: Values) -> tuple[Points, Values]:
    """Return the strip's corners in a box, a little beyond the lips' edge, and their values."""
    index = np.concatenate([_UPPER, _LOWER])
    corners = now[index, :2] - corner(box)
    apart = corners[:11] - corners[11:]
    size = np.linalg.norm(apart, axis=1, keepdims=True)
    down = now[_LOWER[5], :2] - now[_UPPER[5], :2]
    down = down / max(float(np.linalg.norm(down)), 1e-3)
    reach = np.where(size > 1e-3, apart / np.maximum(size, 1e-3), -down) * (2 + 0.04 * _opening(now)[0])
    return np.concatenate([corners[:11] + reach, corners[11:] - reach]).astype(np.float32), values[index]


def _across(now: Points, box: Box) -> Values:
    """Return for each pixel how far down it is between the lips, 0…1, and along them, -1…1."""
    values = np.zeros((478, 2), np.float32)
    along = np.linspace(-1, 1, 11, dtype=np.float32)
    values[_UPPER, 1] = values[_LOWER, 1] = along
    values[_LOWER, 0] = 1
    canvas = np.full((box[0].stop - box[0].start, box[1].stop - box[1].start, 2), 0.5, np.float32)
    corners, made = _strip(now, box, values)
    made[[0, 10, 11, 21], 0] = 0.5
    paint(canvas, corners, made, _TRIANGLES)
    return canvas


def _inset(inside: Map) -> Map:
    """Return where teeth are seen for sure, with a soft edge."""
    solid: Map = cv.GaussianBlur(cv.erode(inside, np.ones((3, 3), np.uint8)), (0, 0), 0.7)
    return solid


def _grain(image: Image, rest: Points) -> Map:
    """Return the portrait's grain on the nearer cheek: how its brightness strays from its smooth part, as a share."""
    areas = [np.ptp(rest[cheek, :2], axis=0).prod() for cheek in _CHEEKS]
    box = box_of(rest[_CHEEKS[int(np.argmax(areas))]], 0, image.shape[1::-1])
    if box is None:
        return np.zeros((1, 1), np.float32)
    grey = cv.cvtColor(unit(image[box]), cv2.COLOR_RGB2GRAY)
    fine = grey - cv.GaussianBlur(grey, (0, 0), 1.2)
    limit = np.float32(3 * np.median(np.abs(fine)))
    return np.asarray(np.clip(fine, -limit, limit) / max(float(grey.mean()), 0.05), np.float32)


def _tiled(tile: Map, height: int, width: int) -> Map:
    """Return a tile laid side by side, over this size."""
    tiled: Map = tile[np.arange(height) % tile.shape[0]][:, np.arange(width) % tile.shape[1]]
    return tiled

"""Finding people with small networks: the whole frame at once, or each closely where they are small in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from math import pi, remainder

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Image
from melies.matting.body import SAME, Body, Run, cut_out, detect
from melies.matting.clean import clean
from melies.matting.scale import Map, cv, reduce, unit
from melies.square import Square, best

_MOST = 6
"""The most people that are followed one by one."""
_FIRST = 12
"""The most candidates that are looked at in the first frame, and …"""
_LATER = 2
"""… in each one after it."""
_LIKELY = 0.5
"""Score from which the detector's finds are candidates."""
_PRESENT = 0.9
"""Presence that makes a candidate a person."""
_SURE = 0.9
"""Mean opacity of a body that makes a candidate a person: what is none gets a mask that hesitates."""
_STILL_PRESENT = 0.5
"""Presence that keeps one."""
_REACH = 12
"""How far beyond a body its soft edge reaches, in pixels of 256."""
_LEAST = 12.0
"""Half the side, in pixels, of the smallest square around somebody."""


@dataclass(frozen=True, slots=True)
class Networks:
    """What is asked where people are.

    Attributes:
        whole: A picture, `1×256×256×3`, 0…1, to the probability of people, `1×256×256×1`.
        body: A square around somebody, `1×256×256×3`, 0…1, to landmarks, presence and mask.
        detector: A square, `1×224×224×3`, -1…1, to boxes and scores.
    """

    whole: Run
    body: Run
    detector: Run


class People:
    """Map where people are.

    When somebody fills much of the frame, one look at the whole is enough. Otherwise each person gets a look of
    their own, in a square that follows them; every frame has one more look at a tile of the frame, for those who
    come in, and at where somebody was lost. In the first such frame all tiles are searched.

    Args:
        networks: The networks.

    Attributes:
        near: Whether the last map was of one look at the whole; otherwise it holds nothing but bodies.
    """

    def __init__(self, networks: Networks) -> None:
        self.near = False
        self._networks = networks
        self._places: list[Square] = []
        self._searched = 0

    def step(self, image: Image, half: Image) -> Map:
        """Return the probabilities for the next frame, `256×256` or of the size of `half`.

        Args:
            image: `H×W×3`, the frame.
            half: The same, smaller where the frame is large.
        """
        (whole,) = self._networks.whole(unit(reduce(half, 256, 256))[None])
        whole = whole[0, ..., 0]
        self.near = _fills(whole[::4, ::4], self.near)
        if self.near:
            self._places, self._searched = [], 0
            return whole
        view = _View(image, half)
        group = _Group(half.shape[1], half.shape[0], view.scale)
        lost = self._follow(view, group)
        self._search(view, group, lost)
        self._places = [_settled(body) for body in group.bodies]
        return group.map

    def _follow(self, view: _View, group: _Group) -> list[Square]:
        """Add whoever is still where they were expected, and return where somebody was lost."""
        lost = []
        for place in self._places:
            body = cut_out(self._networks.body, view.cut(place, 256), place)
            if body.presence >= _STILL_PRESENT and view.holds(body.following):
                group.add(body)
            else:
                lost.append(replace(place, angle=0.0))
        return lost

    def _search(self, view: _View, group: _Group, lost: list[Square]) -> None:
        """Search where somebody was lost, and one tile or, at first, all of them."""
        tiles = _tiles(view.width, view.height)
        looks = lost + ([tiles[self._searched % len(tiles)]] if self._searched else tiles)
        most = _LATER if self._searched else _FIRST
        self._searched += 1
        detector = self._networks.detector
        found = [one for place in looks for one in detect(detector, view.cut(place, 224), place, _LIKELY)]
        known = [body.following for body in group.bodies]
        new = [place for _, place in best(found, SAME) if not any(place.near(other, SAME) for other in known)]
        for place in new[:most]:
            body = self._confirm(view, place)
            if body is not None and len(group.bodies) < _MOST:
                group.add(body)

    def _confirm(self, view: _View, place: Square) -> Body | None:
        """Look twice, so that the square sits well, and see whether both looks show the same person."""
        first = cut_out(self._networks.body, view.cut(place, 256), place)
        if first.presence < _STILL_PRESENT or not view.holds(first.following):
            return None
        second = cut_out(self._networks.body, view.cut(first.following, 256), first.following)
        same = second.following.near(second.place, 0.5) and view.holds(second.following)
        return second if same and second.presence >= _PRESENT and second.sure >= _SURE else None


class _View:
    """A frame, of which the smaller copy is used where it is fine enough."""

    def __init__(self, image: Image, half: Image) -> None:
        self._image, self._half = image, half
        self.height, self.width = image.shape[:2]
        self.scale = half.shape[1] / image.shape[1]

    def cut(self, place: Square, side: int) -> Map:
        small = place.scaled(self.scale)
        return small.cut(self._half, side) if 2 * small.radius >= side else place.cut(self._image, side)

    def holds(self, place: Square) -> bool:
        """Whether somebody may be there: not a few pixels, and not next to the frame."""
        inside = abs(2 * place.x - self.width) < self.width + place.radius
        return inside and abs(2 * place.y - self.height) < self.height + 2 * place.radius and place.radius >= _LEAST


class _Group:
    """Bodies, and the map that they make together."""

    def __init__(self, width: int, height: int, scale: float) -> None:
        self.bodies: list[Body] = []
        self.map = np.zeros((height, width), np.float32)
        self._solid: list[NDArray[np.bool_]] = []
        self._scale = scale

    def add(self, body: Body) -> None:
        """Add a body, unless it and another are mostly the same: then two squares show one person."""
        mask = body.place.scaled(self._scale).paste(clean(body.mask, _REACH), *self.map.shape[::-1])
        solid = mask > 0.5
        area = np.count_nonzero(solid)
        if area and not any(_shared(solid, other) > 0.6 * min(area, other.sum()) for other in self._solid):
            self.bodies.append(body)
            self._solid.append(solid)
            np.maximum(self.map, mask, out=self.map)


def _shared(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(one & other))


def _settled(body: Body) -> Square:
    """Where to look in the next frame: the square stays while it fits, because each shift stirs the edges."""
    place, following = body.place, body.following
    still = place.near(following, 0.06) and abs(remainder(place.angle - following.angle, 2 * pi)) < 0.15
    return place if still else following


def _fills(whole: Map, before: bool) -> bool:
    """Whether somebody fills much of the frame, with some hysteresis."""
    least = 0.9 if before else 1.0
    count, labels, stats, _ = cv.connectedComponentsWithStats((whole > 0.5).view(np.uint8))
    sure = np.bincount(labels.ravel(), whole.ravel(), count) / np.maximum(stats[:, cv2.CC_STAT_AREA], 1)
    long = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]) / whole.shape[0]
    share = stats[:, cv2.CC_STAT_AREA] / whole.size
    fills = (long >= 0.6 * least) & (share >= 0.15 * least) & (sure >= 0.8 * least)
    return bool(fills[1:].any())


def _tiles(width: int, height: int) -> list[Square]:
    """Overlapping squares of the shorter side and of half of it, larger where the frame is very long."""
    short, long = min(width, height), max(width, height)
    tiles = []
    for side in dict.fromkeys((max(short, long // 4), max(1, short // 2, long // 8))):
        xs, ys = (_centres(length, side) for length in (width, height))
        tiles += [Square(x, y, side / 2) for x, y in product(xs, ys)]
    return tiles


def _centres(length: int, side: int) -> list[float]:
    if side >= length:
        return [length / 2]
    centres: list[float] = np.linspace(side / 2, length - side / 2, -(-4 * length // (3 * side))).tolist()
    return centres

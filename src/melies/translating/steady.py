"""Steadiness over time: what a network made of a thing stays on it while the thing moves.

The last result is moved along the motion of the source and mixed in, the more the better the motion agrees both ways
and the source itself looks the same after being moved (after Ruder, Dosovitskiy and Brox, "Artistic style transfer for
videos", GCPR 2016, who use the same masks when they optimise a frame). And it is kept within the mean of what is made
now around each place, give or take a multiple of the standard deviation there, which is how temporal anti-aliasing in
games is kept from leaving ghosts (Salvi, "An Excursion in Temporal Supersampling", GDC 2016): motion can be wrong where
everything looks alike. Nor may it be much lighter, darker or of another colour than what is made now, on the whole,
around a place: networks see far, so that what moves changes what is made of things beside it that stand still: a glow.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from melies.frame import Image
from melies.imaging import to_depth
from melies.matting.scale import Map, cv, reduce
from melies.motion import Field, Flow, grey, pixels, warp
from melies.translating.mix import Picture

_LONGEST = 320
"""Motion is found in pictures whose longer side is at most this."""
_MOST = 0.9
"""How much of the past counts at full strength where it is sure: a change of light is followed in a few frames."""
_TOLERANCE = 12.0
"""How different (of 255) a thing may look after being moved: at this much it counts a third."""
_APART = 0.5, 0.01
"""How far from where it began, in squared pixels, a motion may lead there and back: so much, and this share of the
squared lengths of both ways (Sundaram, Brox and Keutzer, ECCV 2010)."""
_LENIENT = 2.0
"""Where it leads so many times as far from there, it counts a third."""
_NEAR = 90
"""The surroundings in which what is made now is looked at reach a share of its short side: one of this many."""
_SPREAD = 1.5
"""How many standard deviations of its surroundings the past may be from their mean, and"""
_SPARE = 0.04
"""how much further, 0…1: plain places flicker as well."""
_WIDE = 30
"""The mean of surroundings that reach this share of the short side may be only as much as `_SPARE` apart from now's."""
_LEAST = 0.3
"""Where less than this share of a picture can be followed, what seems to be followed there is not trusted either."""

_ANOTHER = 0.15
"""Where more than this share of a layout is of another class than before, it is another picture: plain areas seem to be
followed however far they went."""


class Steady:
    """Steady what is made of one shot, frame by frame.

    Args:
        strength: 0…1; 0 changes nothing. It may be changed between frames.
        glows: Whether what moves changes what is made of things beside it. Where it does not, as where layouts are
            painted, hard borders that flicker are held better without regard to it.
    """

    def __init__(self, strength: float, *, glows: bool = True) -> None:
        self.strength = strength
        self._glows = glows
        self._flow = Flow("medium")
        self._past: _Past | None = None
        self._room = np.empty((3, 0, 0, 3), np.float32)

    def __call__(self, source: Image, made: Picture, layout: NDArray[np.uint8] | None = None) -> Picture:
        """Return the next result, steadied.

        Args:
            source: `H×W×3`, uint8 or uint16: what it was made of, or what shows how things move.
            made: `H×W×3`, 0…1, of any size.
            layout: `H×W` of the same size: the numbers of the classes that it was made of. What was of another class is
                not mixed in, however much the source looks the same.

        Returns:
            A picture of the size of `made`, which is not changed; the caller's own.
        """
        if not self.strength:
            self._past = None
            return made
        small = _small(source)
        luma = grey(small)
        steadied = made
        if self._past is not None and self._past.made.shape == made.shape:
            steadied = self._blended(self._past, small, luma, made, layout)
        self._past = _Past(small, luma, steadied.copy(), layout)
        return steadied

    def _blended(
        self, past: _Past, small: Image, luma: NDArray[np.uint8], made: Picture, layout: NDArray[np.uint8] | None
    ) -> Picture:
        field = self._flow(luma, past.luma)
        share = _alike(warp(past.small, field), small) * _sure(field, self._flow(past.luma, luma))
        if share.mean() < _LEAST:
            return made
        height, width = made.shape[:2]
        size = width, height
        grow = np.array([width / small.shape[1], height / small.shape[0]], np.float32)
        large = cv.resize(field * grow, size, interpolation=cv.INTER_LINEAR)
        share = cv.resize(share * np.float32(_MOST * self.strength), size, interpolation=cv.INTER_LINEAR)
        if layout is not None and past.layout is not None:
            if np.mean(past.layout != layout) > _ANOTHER:
                return made
            there = cv.remap(past.layout, large + pixels(height, width), None, cv.INTER_NEAREST)
            share *= _soft((there == layout).astype(np.float32))
        if self._room.shape[1:] != made.shape:
            self._room = np.empty((3, *made.shape), np.float32)
        moved = _bounded(warp(past.made, large, cubic=True), made, self._room)
        if self._glows:
            moved = _without_glow(moved, made, self._room)
        blended: Picture = cv.blendLinear(moved, np.ascontiguousarray(made), share, 1 - share)
        return blended


class _Past(NamedTuple):
    """The frame before: how it looked, small, what was made of it, and the classes that this was made of."""

    small: Image
    luma: NDArray[np.uint8]
    made: Picture
    layout: NDArray[np.uint8] | None


def _alike(one: Image, other: Image) -> Map:
    """How much two pictures look the same at each place, 0…1."""
    red, green, blue = cv.split(cv.absdiff(one, other))
    apart = cv.max(cv.max(red, green), blue).astype(np.float32)
    same: Map = np.exp(-np.square(cv.blur(apart, (3, 3)) / np.float32(_TOLERANCE)))
    return same


def _sure(forward: Field, backward: Field) -> Map:
    """How far a motion can be trusted at each place, 0…1: how near to it the way there and back ends."""
    height, width = forward.shape[:2]
    back = warp(backward, forward)
    far, share = _APART
    allowed = np.float32(far) + np.float32(share) * (_squared(forward) + _squared(back))
    near = np.exp(_squared(forward + back) / (np.float32(-_LENIENT) * allowed))
    # What comes from beyond the border was not seen.
    inside = cv.remap(np.ones_like(near), forward + pixels(height, width), None, cv.INTER_LINEAR)
    sure: Map = cv.blur(near, (3, 3)) * inside
    return sure


def _squared(field: Field) -> Map:
    right, down = cv.split(field)
    length: Map = right * right + down * down
    return length


def _soft(good: Map) -> Map:
    """Shrink what is good, 0 or 1, away from what is not, and let it fade out within."""
    softened: Map = cv.blur(cv.erode(good, np.ones((3, 3), np.uint8)), (3, 3))
    return softened


def _bounded(moved: Picture, made: Picture, room: NDArray[np.float32]) -> Picture:
    """Bring the past within what there is now around each place, give or take a little, in place.

    Args:
        moved: `H×W×3`; it is changed.
        made: The same size.
        room: `3×H×W×3`, to work in: so much memory asked for anew takes longer than the work.
    """
    reach = max(1, round(min(made.shape[:2]) / _NEAR)) * 2 + 1
    mean, spread, least = room
    cv.blur(made, (reach, reach), mean)
    cv.sqrBoxFilter(made, cv.CV_32F, (reach, reach), spread)
    spread -= np.multiply(mean, mean, out=least)
    np.sqrt(np.maximum(spread, 0, out=spread), out=spread)
    spread *= np.float32(_SPREAD)
    spread += np.float32(_SPARE)
    np.subtract(mean, spread, out=least)
    most = np.add(mean, spread, out=mean)
    return np.clip(moved, least, most, out=moved)


def _without_glow(moved: Picture, made: Picture, room: NDArray[np.float32]) -> Picture:
    """Bring the past near to the whole of what there is now around each place, in place; as for `_bounded`."""
    apart, whole, kept = room
    reach = max(1, round(min(made.shape[:2]) / _WIDE)) * 2 + 1
    cv.blur(np.subtract(moved, made, out=apart), (reach, reach), whole)
    whole -= np.clip(whole, -_SPARE, _SPARE, out=kept)
    moved -= whole
    return moved


def _small(source: Image) -> Image:
    height, width = source.shape[:2]
    factor = min(1.0, _LONGEST / max(height, width))
    small = reduce(source, max(1, round(width * factor)), max(1, round(height * factor)))
    return np.ascontiguousarray(to_depth(small, np.dtype(np.uint8)))

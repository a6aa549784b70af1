"""Steadiness over time: what a network made of a thing stays on it while the thing moves.

The last result is moved along the motion of the source and mixed in, where the motion can be trusted both ways and
the source itself looks the same after being moved (after Ruder, Dosovitskiy and Brox, "Artistic style transfer for
videos", GCPR 2016, who use the same masks when they optimise a frame). And it may differ from what is made now no more
than that differs from its own surroundings, which is how temporal anti-aliasing in games is kept from leaving ghosts
(Karis, "High Quality Temporal Supersampling", SIGGRAPH 2014): motion can be wrong where everything looks alike.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from melies.frame import Image
from melies.imaging import to_depth
from melies.matting.scale import Map, cv, reduce
from melies.motion import Flow, grey, pixels, trusted, warp
from melies.translating.mix import Picture

_LONGEST = 256
"""Motion is found in pictures whose longer side is at most this."""
_MOST = 0.9
"""How much of the past counts at full strength where it is sure: a change of light is followed in a few frames."""
_TOLERANCE = 12.0
"""How different (of 255) a thing may look after being moved: at this much it counts a third."""
_NEAR = 48
"""The surroundings in which what is made now is looked at reach a share of its short side: one of this many."""
_SPARE = 0.08
"""How much further than its surroundings, 0…1, the past may be from what is made now: plain places flicker as well."""
_LEAST = 0.3
"""Where less than this share of a picture can be followed, what seems to be followed there is not trusted either."""

_ANOTHER = 0.15
"""Where more than this share of a layout is of another class than before, it is another picture: plain areas seem to be
followed however far they went."""


class Steady:
    """Steady what is made of one shot, frame by frame.

    Args:
        strength: 0…1; 0 changes nothing. It may be changed between frames.
    """

    def __init__(self, strength: float) -> None:
        self.strength = strength
        self._flow = Flow("medium")
        self._past: _Past | None = None

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
        good = trusted(field, self._flow(past.luma, luma))
        share = _alike(warp(past.small, field), small) * _soft(good.astype(np.float32))
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
        moved = _bounded(warp(past.made, large, cubic=True), made)
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


def _soft(good: Map) -> Map:
    """Shrink what is good, 0 or 1, away from what is not, and let it fade out within."""
    softened: Map = cv.blur(cv.erode(good, np.ones((3, 3), np.uint8)), (3, 3))
    return softened


def _bounded(moved: Picture, made: Picture) -> Picture:
    """Bring the past within what there is now around each place, give or take a little."""
    reach = max(1, round(min(made.shape[:2]) / _NEAR)) * 2 + 1
    around = np.ones((reach, reach), np.uint8)
    least, most = cv.erode(made, around) - np.float32(_SPARE), cv.dilate(made, around) + np.float32(_SPARE)
    return np.clip(moved, least, most, out=np.ascontiguousarray(moved))


def _small(source: Image) -> Image:
    height, width = source.shape[:2]
    factor = min(1.0, _LONGEST / max(height, width))
    small = reduce(source, max(1, round(width * factor)), max(1, round(height * factor)))
    return np.ascontiguousarray(to_depth(small, np.dtype(np.uint8)))

"""Steadiness over time: what a network made of a thing stays on it while the thing moves.

The last result is moved along the motion of the source and mixed in, where the motion can be trusted both ways and
the source itself looks the same after being moved (after Ruder, Dosovitskiy and Brox, "Artistic style transfer for
videos", GCPR 2016, who use the same masks when they optimise a frame).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from melies.frame import Image
from melies.imaging import to_depth
from melies.matting.scale import Map, cv, reduce
from melies.motion import Flow, grey, trusted, warp
from melies.translating.mix import Picture

_LONGEST = 256
"""Motion is found in pictures whose longer side is at most this."""
_MOST = 0.9
"""How much of the past counts at full strength where it is sure: a change of light is followed in a few frames."""
_TOLERANCE = 12.0
"""How different (of 255) a thing may look after being moved: at this much it counts a third."""


class Steady:
    """Steady what is made of one shot, frame by frame.

    Args:
        strength: 0…1; 0 changes nothing. It may be changed between frames.
    """

    def __init__(self, strength: float) -> None:
        self.strength = strength
        self._flow = Flow("medium")
        self._past: tuple[Image, NDArray[np.uint8], Picture] | None = None

    def __call__(self, source: Image, made: Picture) -> Picture:
        """Return the next result, steadied.

        Args:
            source: `H×W×3`, uint8 or uint16: what it was made of, or what shows how things move.
            made: `H×W×3`, 0…1, of any size.

        Returns:
            A picture of the size of `made`, which is not changed; the caller's own.
        """
        if not self.strength:
            self._past = None
            return made
        small = _small(source)
        luma = grey(small)
        steadied = made
        if self._past is not None and self._past[2].shape == made.shape:
            steadied = self._blended(small, luma, made)
        self._past = small, luma, steadied.copy()
        return steadied

    def _blended(self, small: Image, luma: NDArray[np.uint8], made: Picture) -> Picture:
        assert self._past is not None
        past_small, past_luma, past = self._past
        field = self._flow(luma, past_luma)
        back = self._flow(past_luma, luma)
        red, green, blue = cv.split(cv.absdiff(warp(past_small, field), small))
        apart = cv.max(cv.max(red, green), blue).astype(np.float32)
        same = np.exp(-np.square(cv.blur(apart, (3, 3)) / np.float32(_TOLERANCE)))
        share: Map = np.where(trusted(field, back), same, np.float32(0)) * np.float32(_MOST * self.strength)
        height, width = made.shape[:2]
        size = width, height
        grow = np.array([width / small.shape[1], height / small.shape[0]], np.float32)
        large = cv.resize(field * grow, size, interpolation=cv.INTER_LINEAR)
        moved = warp(past, large, cubic=True)
        share = cv.resize(share, size, interpolation=cv.INTER_LINEAR)
        blended: Picture = cv.blendLinear(np.ascontiguousarray(moved), np.ascontiguousarray(made), share, 1 - share)
        return blended


def _small(source: Image) -> Image:
    height, width = source.shape[:2]
    factor = min(1.0, _LONGEST / max(height, width))
    small = reduce(source, max(1, round(width * factor)), max(1, round(height * factor)))
    return np.ascontiguousarray(to_depth(small, np.dtype(np.uint8)))

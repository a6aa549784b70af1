"""Things before a face: what is neither skin nor what was seen at that place of the face before."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.matting.scale import cv, square
from melies.swapping.flat import Floats, flat, smoothstep
from melies.swapping.skin import BARE, spots

_MEMORY = 3.0
"""Over how many seconds the face is learned."""
_SPREAD = np.array([0.45, 0.09, 0.12], np.float32)
"""The least that a place of the face varies, in logarithms of brightness, red to green and blue to green."""
_VARIED, _LOW = 4.0, 0.4
"""How many times more it is than most of the face does, and the smallest share of `_SPREAD` it is: pale skin varies
little."""
_PARTS = 3.0
"""How many times more eyes, brows and mouth do."""
_WEAK, _STRONG = 1.6, 2.4
"""How many of these a thing differs from the face, and somewhere in it."""
_SKIN = 1.5
"""How many of these skin differs from skin."""
_LEAST = 0.012
"""The smallest thing, as a share of the unrolled square."""
_MOST = 0.6
"""The share of the face from which a difference is a change of light rather than a thing."""
_KNOWN = 0.15
"""Seconds after which it is known how a place looks."""
_DARK = 0.03
_DIM = 0.12
"""How bright a place must be for half of what its colour says to count."""


class Front:
    """Learns how a face looks, and finds what comes before it.

    What is before it from the beginning is learned as a part of it; when that goes, skin is known for skin, but eyes,
    brows and lips that come out are taken for things.
    """

    def __init__(self) -> None:
        self._face: Floats | None = None
        self._seen = np.zeros((BARE, BARE, 1), np.float32)
        self._time = 0.0

    def __call__(self, texture: Floats, trust: Floats, time: float) -> Floats:
        """Return how surely something is before each place of the face, `BARE×BARE`, 0…1.

        Args:
            texture: `BARE×BARE×3`, the unrolled face, RGB 0…1.
            trust: `BARE×BARE×1`, 0…1: where it is turned to the viewer, and no hand is known to be.
            time: In seconds.
        """
        now = _colours(texture)
        if self._face is None:
            self._face, self._time = now, time
        passed = float(np.clip(time - self._time, 1 / 120, 1))
        self._time = time
        known = (trust[..., 0] > 0.5) & (self._seen[..., 0] > _KNOWN) & flat(BARE).inside
        thing = self._things(now, known)
        if thing.sum() > _MOST * known.sum():
            thing[:] = False
            self._seen[:] = 0
        free = trust * (1 - cv.dilate(thing.astype(np.float32), square(2)))[..., None]
        self._seen = np.minimum(self._seen + passed * free, _MEMORY)
        self._face += free * passed / np.maximum(self._seen, passed) * (now - self._face)
        soft: Floats = cv.GaussianBlur(cv.dilate(thing.astype(np.float32), square(1)), (0, 0), 1)
        return smoothstep(soft, 0.2, 0.8)

    def _things(self, now: Floats, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Where something is: it differs from the face, some of it much, is no skin, and is of one piece."""
        assert self._face is not None
        if known.sum() < BARE:
            return np.zeros((BARE, BARE), bool)
        change = now - self._face
        light = np.median(change[known], 0)  # all of the face in another light is still the face
        change -= light
        dim = np.exp(np.minimum(now, self._face)[..., :1])
        change[..., 1:] *= dim / (dim + np.float32(_DIM))
        off = np.linalg.norm(change / (_spread(change[known]) * _tolerance()), axis=2)
        core = self._face[spots(BARE) & known]
        core = core if len(core) else self._face[known]
        other = np.linalg.norm((now - light - np.median(core, 0)) / _spread(core), axis=2) > _SKIN
        weak = (known & other & (off > _WEAK)).astype(np.uint8)
        weak = cv.morphologyEx(weak, cv2.MORPH_OPEN, square(2))
        count, labels, sizes, _ = cv.connectedComponentsWithStats(weak)
        strong = np.bincount(labels[off > _STRONG], minlength=count)
        kept = (sizes[:, cv2.CC_STAT_AREA] > _LEAST * BARE**2) & (strong > 0.3 * sizes[:, cv2.CC_STAT_AREA])
        kept[0] = False
        outlines, _ = cv.findContours(kept[labels].astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        filled = cv.drawContours(np.zeros((BARE, BARE), np.uint8), outlines, -1, 1, cv2.FILLED)
        things: NDArray[np.bool_] = (filled > 0) & known
        return things


def _colours(texture: Floats) -> Floats:
    """Brightness, red to green and blue to green, as logarithms: shade changes only the first."""
    red, green, blue = (np.log(part + np.float32(_DARK)) for part in cv.split(cv.GaussianBlur(texture, (0, 0), 1.2)))
    return np.dstack([green, red - green, blue - green])


def _spread(colours: Floats) -> Floats:
    """How much colours, `N×3`, vary: of pale skin hardly at all."""
    varied = np.median(np.abs(colours - np.median(colours, 0)), 0)
    spread: Floats = np.clip(_VARIED * varied, _LOW * _SPREAD, _SPREAD)
    return spread


@cache
def _tolerance() -> Floats:
    """By how much more each place of a face may vary than skin does, `BARE×BARE×1`."""
    layout = flat(BARE)
    parts = layout.features()
    soft = cv.GaussianBlur(cv.dilate(parts, square(3)).astype(np.float32) / 255, (0, 0), 2)
    more: Floats = 1 + np.float32(_PARTS - 1) * soft[..., None]
    return more

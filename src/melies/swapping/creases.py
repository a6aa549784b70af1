"""Furrows and folds that come and go with the performer's expression, carried to the new face.

Liu, Shan and Zhang, "Expressive Expression Mapping with Ratio Images" (SIGGRAPH 2001).
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from melies.matting.scale import cv
from melies.swapping.flat import Floats, flat
from melies.swapping.skin import BARE

_FINE, _BROAD = 1.2, 6.0
"""Between what widths, in pixels of `BARE`, brightness makes a crease: finer is grain, broader is light."""
_REST = 5.0
"""Over how many seconds the face at rest is learned."""
_DARKER, _BRIGHTER = -0.5, 0.08
"""The most that a crease darkens and brightens, as logarithms. A furrow is dark: what is much brighter than the face at
rest is skin out of which a furrow went that was taken for rest, as in a film that begins with a grimace."""
_AROUND = 0.02
"""How far from lids, brows and lips creases are looked for, as a share of the face: they do not lie quite still."""


class Creases:
    """Learns how a face looks at rest, and says what its expression does to the skin."""

    def __init__(self) -> None:
        self._rest: Floats | None = None
        self._seen = np.zeros((BARE, BARE), np.float32)
        self._time = 0.0

    def __call__(self, bright: Floats, trust: Floats, time: float) -> Floats:
        """Return how many times brighter each place is than at rest, `BARE×BARE`; 1 where there is no crease.

        Args:
            bright: `BARE×BARE`, the face's Y, 0…1.
            trust: `BARE×BARE`, 0…1: where it is seen well.
            time: In seconds.
        """
        fine, broad = (np.log(cv.GaussianBlur(bright, (0, 0), sigma) + 0.02) for sigma in (_FINE, _BROAD))
        now = (fine - broad).astype(np.float32)
        if self._rest is None:
            self._rest, self._time = now.copy(), time
        passed = np.clip(time - self._time, 1 / 120, 1)
        self._seen = np.minimum(self._seen + np.float32(passed) * trust, np.float32(_REST))
        self._rest += trust * np.float32(passed) / np.maximum(self._seen, np.float32(passed)) * (now - self._rest)
        self._time = time
        crease = np.clip(now - self._rest, _DARKER, _BRIGHTER) * trust * _skin()
        ratio: Floats = np.exp(crease)
        return ratio


@cache
def _skin() -> Floats:
    """Where creases are looked for, `BARE×BARE`, 0…1."""
    square = flat(BARE)
    parts = square.features()
    reach = 2 * round(_AROUND * BARE) + 1
    parts = cv.dilate(parts, cv.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    inner = cv.erode(square.inside.astype(np.uint8), np.ones((15, 15), np.uint8), borderValue=0)
    soft: Floats = cv.GaussianBlur(inner * (parts == 0).astype(np.float32), (0, 0), 2)
    return soft

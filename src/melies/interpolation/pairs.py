"""Two pictures and what lies between them, worked out when it is first asked for."""

from __future__ import annotations

import threading
from fractions import Fraction
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Frame, Image
from melies.imaging import to_depth
from melies.interpolation.methods import Course, Method
from melies.interpolation.mixing import mix, opaque_colours
from melies.interpolation.spans import Moment
from melies.metrics import ssim
from melies.motion import Flow, grey, warp

cv: Any = cv2

UNLIKE = 0.4
"""Structural similarity below which two pictures have nothing in common: of small copies, after one was moved onto the
other. Cuts in films have 0 to 0.3, and frames a third of a second apart in fast motion 0.5 and more."""

SMALL = 128
"""Their width."""


class Pair:
    """What is to be seen between two pictures; several threads may ask at once.

    Args:
        first: `H×W×3` or `H×W×4`.
        second: Of the same kind.
        method: How to get from one to the other.
    """

    def __init__(self, first: Image, second: Image, method: Method) -> None:
        self._first = first
        self._second = second
        self._method = method
        self._course: Course | None = None
        self._looked = False
        self._looking = threading.Lock()

    def frame(self, moment: Moment, base: Fraction) -> Frame:
        """Return the picture at a moment, on the clock `base`: the first one where there is no way to the second."""
        with self._looking:
            if not self._looked:
                self._course = None if held(self._first, self._second) else self._method(self._first, self._second)
                self._looked = True
        image = self._first
        if self._course is not None:
            image = mix(self._first, self._second, self._course(float(moment.share)))
        return Frame(image, moment.pts, base, moment.duration)


def held(first: Image, second: Image) -> bool:
    """Say whether the first picture stays until the second comes: they are equal, or have nothing in common."""
    if np.array_equal(first, second):
        return True
    here, there = _small(first), _small(second)
    return ssim(warp(there, Flow()(grey(here), grey(there))), here) < UNLIKE


def _small(image: Image) -> NDArray[np.uint8]:
    size = SMALL, max(1, round(image.shape[0] * SMALL / image.shape[1]))
    small = cv.resize(opaque_colours(image), size, interpolation=cv2.INTER_AREA)
    return cast(NDArray[np.uint8], to_depth(small, np.dtype(np.uint8)))

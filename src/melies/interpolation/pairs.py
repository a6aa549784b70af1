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

cv: Any = cv2

UNLIKE = 0.2
"""Structural similarity of small copies below which two pictures have nothing to do with each other."""

SMALL = 32


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
    return np.array_equal(first, second) or ssim(_small(first), _small(second)) < UNLIKE


def _small(image: Image) -> NDArray[np.uint8]:
    small = cv.resize(opaque_colours(image), (SMALL, SMALL), interpolation=cv2.INTER_AREA)
    return cast(NDArray[np.uint8], to_depth(small, np.dtype(np.uint8)))

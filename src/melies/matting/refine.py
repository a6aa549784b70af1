"""From a small rough map to a matte at full size that follows the picture's edges."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Image
from melies.imaging import Plane
from melies.matting import guided
from melies.matting.scale import Map, batches, code, cv, indices, square, take, unit


@dataclass(frozen=True, slots=True)
class Refiner:
    """Settings of the refinement.

    Attributes:
        radius: Half the window of the guided filter, in pixels of the rough map.
        eps: Regularisation of the guided filter.
        black: Opacity at or below which a pixel is background.
        white: Opacity at or above which a pixel is foreground.
    """

    radius: int = 4
    eps: float = 1e-4
    black: float = 0.1
    white: float = 0.9

    def full(self, image: Image, picture: Image, rough: Map) -> Plane:
        """Return the matte of the whole frame.

        Args:
            image: `H×W×3` uint8 or uint16, the frame.
            picture: The same, small: `h×w×3`.
            rough: `h×w` probabilities, 0…1.

        Returns:
            `H×W` of the frame's type.
        """
        solid = (rough > 0.5).view(np.uint8)
        kernel, around = square(2 * self.radius + 1), square(1)
        # Beyond two windows from the rough edge the fit is constant, and the rough map already right.
        outer = cv.dilate(solid, kernel)
        if not outer.any():
            return np.zeros(image.shape[:2], image.dtype)
        part = _bounds(outer, 2 * self.radius)
        guide = unit(np.ascontiguousarray(picture[part]))
        fit = np.zeros((*rough.shape, 4), np.float32)
        fit[part] = guided.coefficients(guide, np.ascontiguousarray(rough[part]), self.radius, self.eps)
        small = np.zeros_like(rough)
        small[part] = self._levels(guided.evaluate(fit[part], guide))
        # Full-size work is for the pixels that the small matte leaves undecided, and their neighbours.
        inner = cv.erode(solid, kernel) | (cv.erode((small >= 1).view(np.uint8), around) & outer)
        outer &= cv.dilate((small > 0).view(np.uint8) | inner, around)
        return self._paint(image, fit, inner, outer & (1 - inner))

    def _paint(
        self, image: Image, fit: NDArray[np.float32], solid: NDArray[np.uint8], undecided: NDArray[np.uint8]
    ) -> Plane:
        height, width = image.shape[:2]
        white = np.iinfo(image.dtype).max
        alpha: Plane = cv.resize(solid.astype(image.dtype) * white, (width, height), interpolation=cv2.INTER_NEAREST)
        open_ = cv.resize(undecided, (width, height), interpolation=cv2.INTER_NEAREST)
        for places in batches(indices(open_.view(np.bool_))):
            there = guided.sample(fit, places, (height, width))
            values = self._levels(guided.evaluate(there, take(image, places)))
            np.put(alpha, places, code(values, image.dtype))
        return alpha

    def _levels(self, values: Map) -> Map:
        stretched: Map = (values - np.float32(self.black)) * np.float32(1 / (self.white - self.black))
        return np.clip(stretched, np.float32(0), np.float32(1))


def _bounds(mask: NDArray[np.uint8], margin: int) -> tuple[slice, slice]:
    """The rows and columns that hold everything in a mask, and a margin."""
    left, top, width, height = cv.boundingRect(mask)
    return (
        slice(max(0, top - margin), top + height + margin),
        slice(max(0, left - margin), left + width + margin),
    )

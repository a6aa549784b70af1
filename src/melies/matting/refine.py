"""From a small rough map to a matte at full size that follows the picture's edges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Image
from melies.matting import guided
from melies.matting.scale import Map, disc, unit


@dataclass(frozen=True, slots=True)
class Refiner:
    """Settings of the refinement.

    Attributes:
        reach: Share of the longer side around the rough edge within which the picture decides.
        eps: Regularisation of the guided filter.
        black: Opacity at or below which a pixel is background.
        white: Opacity at or above which a pixel is foreground.
    """

    reach: float = 0.014
    eps: float = 1e-4
    black: float = 0.1
    white: float = 0.9

    def full(self, image: Image, picture: Image, rough: Map) -> Image:
        """Return the matte of the whole frame.

        Args:
            image: `H×W×3` uint8 or uint16, the frame.
            picture: The same, small: `h×w×3`.
            rough: `h×w` probabilities, 0…1.

        Returns:
            `H×W` of the frame's type.
        """
        radius = max(1, round(self.reach * max(rough.shape)))
        guide = unit(picture)
        fit = guided.coefficients(guide, rough, radius, self.eps)
        # Beyond two windows from the rough edge the fit is constant, and the rough map already right.
        solid = (rough > 0.5).view(np.uint8)
        kernel = disc(2 * radius + 1)
        inner, outer = cv2.erode(solid, kernel), cv2.dilate(solid, kernel)
        small = self._levels(guided.apply(fit, guide))
        # Full-size work is for the pixels that the small matte leaves undecided, and their neighbours.
        around = np.ones((3, 3), np.uint8)
        inner |= cv2.erode((small >= 1).view(np.uint8) & outer, around)
        outer &= cv2.dilate((small > 0).view(np.uint8) | inner, around)
        return self._paint(image, fit, inner, outer)

    def _paint(
        self, image: Image, fit: NDArray[np.float32], inner: NDArray[np.uint8], outer: NDArray[np.uint8]
    ) -> Image:
        height, width = image.shape[:2]
        top = np.iinfo(image.dtype).max
        alpha = cv2.resize(inner.astype(image.dtype) * top, (width, height), interpolation=cv2.INTER_NEAREST)
        open_ = cv2.resize(outer & ~inner & 1, (width, height), interpolation=cv2.INTER_NEAREST)
        rows, columns = np.divmod(np.flatnonzero(open_), width)
        if len(rows):
            there = guided.sample(fit, rows, columns, (height, width))
            values = self._levels(guided.apply(there, unit(image[rows, columns])))
            alpha[rows, columns] = (values * top + np.float32(0.5)).astype(image.dtype)
        return alpha

    def _levels(self, values: NDArray[Any]) -> Map:
        return np.clip((values - np.float32(self.black)) / np.float32(self.white - self.black), 0, 1)

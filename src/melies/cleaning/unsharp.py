"""Unsharp masking that knows what is noise and where to stop."""

from __future__ import annotations

from math import ceil

import cv2
import numpy as np

from melies.cleaning.pictures import Plane, cv
from melies.imaging import blur


def sharpened(bright: Plane, amount: float, radius: float, threshold: float, halo: float) -> Plane:
    """Return a plane with its fine detail added to it once more.

    Detail is weighed by its energy against that of noise, as by a Wiener filter, and the result is held within the
    darkest and the lightest that were around, so that no halo appears.

    Args:
        bright: `H×W`, 0…1.
        amount: How often the detail is added.
        radius: Standard deviation of the Gaussian that takes detail away, in pixels.
        threshold: Standard deviation of the detail that is taken for noise, 0…1.
        halo: How far the result may leave the range of its surroundings, as a share of that range.
    """
    detail = bright - blur(bright, radius)
    if threshold:
        energy = cv.blur(np.square(detail), (5, 5))
        detail *= np.maximum(energy - threshold**2, 0) / np.maximum(energy, 1e-12)
    around = cv.getStructuringElement(cv2.MORPH_RECT, (2 * ceil(2 * radius) + 1,) * 2)
    low, high = cv.erode(bright, around), cv.dilate(bright, around)
    margin = halo * (high - low)
    limited: Plane = np.clip(bright + amount * detail, low - margin, high + margin)
    return limited

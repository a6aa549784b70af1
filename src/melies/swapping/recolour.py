"""The colours of one person's film given to the faces of another."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.matting.scale import cv
from melies.swapping.extract import FaceSet

_MOST = 1.25
"""By how much contrast is raised or lowered at most: most of it is the face's own, and not the light's."""


def in_light_of(faces: FaceSet, other: FaceSet) -> NDArray[np.uint8]:
    """Return faces with the colour and, within limits, the contrast that the other's faces have, in L*a*b*.

    After Reinhard et al. 2001, with medians: hair over a forehead and a beard would shift a mean, and more so a
    standard deviation. One change of colour for all faces, so that light that changes within a film still does.

    Args:
        faces: Whose pictures are changed.
        other: Whose colours they are given.

    Returns:
        `N×S×S×3` uint8, like `faces.images`.
    """
    lab = _lab(faces)
    middle, spread = _statistics(lab, faces)
    goal, goal_spread = _statistics(_lab(other), other)
    contrast = np.clip(goal_spread / np.maximum(spread, 1e-3), 1 / _MOST, _MOST)
    changed = (lab - middle) * contrast + goal
    side = faces.size
    colours = cv.cvtColor(changed.reshape(-1, side, 3).astype(np.float32), cv2.COLOR_LAB2RGB)
    result: NDArray[np.uint8] = np.rint(np.clip(colours, 0, 1) * 255).astype(np.uint8).reshape(faces.images.shape)
    return result


def _lab(faces: FaceSet) -> NDArray[np.float32]:
    column = faces.images.reshape(-1, faces.size, 3).astype(np.float32) / 255
    lab: NDArray[np.float32] = cv.cvtColor(column, cv2.COLOR_RGB2LAB).reshape(faces.images.shape)
    return lab


def _statistics(lab: NDArray[np.float32], faces: FaceSet) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The median of each channel, and the median distance from it."""
    inside = lab[faces.masks > 0]
    middle = np.median(inside, 0)
    return middle, np.median(np.abs(inside - middle), 0)

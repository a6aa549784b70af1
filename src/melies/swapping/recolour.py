"""The colours of one person's film given to the faces of another."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.matting.scale import cv
from melies.swapping.extract import FaceSet


def in_light_of(faces: FaceSet, other: FaceSet) -> NDArray[np.uint8]:
    """Return faces with the mean and spread of colour, in L*a*b*, that the other's faces have (Reinhard et al. 2001).

    One change of colour for all of them, so that light that changes within a film still does.

    Args:
        faces: Whose pictures are changed.
        other: Whose colours they are given.

    Returns:
        `N×S×S×3` uint8, like `faces.images`.
    """
    lab = _lab(faces)
    mean, spread = _statistics(lab, faces)
    goal, goal_spread = _statistics(_lab(other), other)
    changed = (lab - mean) * (goal_spread / np.maximum(spread, 1e-3)) + goal
    side = faces.size
    colours = cv.cvtColor(changed.reshape(-1, side, 3).astype(np.float32), cv2.COLOR_LAB2RGB)
    result: NDArray[np.uint8] = np.rint(np.clip(colours, 0, 1) * 255).astype(np.uint8).reshape(faces.images.shape)
    return result


def _lab(faces: FaceSet) -> NDArray[np.float32]:
    column = faces.images.reshape(-1, faces.size, 3).astype(np.float32) / 255
    lab: NDArray[np.float32] = cv.cvtColor(column, cv2.COLOR_RGB2LAB).reshape(faces.images.shape)
    return lab


def _statistics(lab: NDArray[np.float32], faces: FaceSet) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    inside = lab[faces.masks > 0]
    return inside.mean(0, dtype=np.float64).astype(np.float32), inside.std(0, dtype=np.float64).astype(np.float32)

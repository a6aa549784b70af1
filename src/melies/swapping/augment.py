"""Faces made a little different each time, so that a small set teaches as much as a large one."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.matting.scale import cv, nchw
from melies.swapping.extract import FaceSet

GRID = 5
"""Points along a side of the grid that is pulled about."""
PULL = 0.0125
"""How far a point of the grid is pulled, in sides of the crop: the standard deviation."""
TURN, GROW, SHIFT = 0.1, 0.05, 0.025
"""How far a face is turned at most, in radians, enlarged, and moved, in sides of the crop."""
TINT = 0.1
"""How much brighter or darker a colour becomes at most."""
PLAIN = 1 / 3
"""The share of faces that are not pulled about: what the network is shown once it has learned (as in DeepFaceLab)."""

Batch = NDArray[np.float32]


class Lesson(NamedTuple):
    """Some faces to learn from, `N×C×S×S` float32, 0…1.

    Attributes:
        seen: What the network is shown: turned, pulled about and tinted; 3 channels.
        wanted: What it should make of that: turned only; 3 channels.
        masks: What of it counts; 1 channel.
        features: Where eyes and mouth are; 1 channel.
    """

    seen: Batch
    wanted: Batch
    masks: Batch
    features: Batch


def lesson(rng: np.random.Generator, faces: FaceSet, count: int, wanted: NDArray[np.uint8] | None = None) -> Lesson:
    """Draw faces at random and change them at random.

    A network that shall undo a random warp has to know the face: that is what makes it put the right face on the shape
    that somebody else's expression has (the trick of the first face swaps, 2017).

    Args:
        rng: Random numbers.
        faces: What to draw from.
        count: How many.
        wanted: The pictures to come to, like `faces.images`, which they are if None.
    """
    wanted = faces.images if wanted is None else wanted
    size = faces.size
    chosen = rng.integers(0, len(faces), count)
    seen, goals = np.empty((count, size, size, 3), np.float32), np.empty((count, size, size, 3), np.float32)
    masks, features = np.empty((2, count, size, size), np.float32)
    for place, index in enumerate(chosen):
        matrix = _similarity(rng, size)
        shown = _moved(faces.images[index], matrix)
        seen[place] = shown if rng.random() < PLAIN else _pulled(rng, shown)
        goals[place] = _moved(wanted[index], matrix)
        masks[place], features[place] = _moved(faces.masks[index], matrix), _moved(faces.features[index], matrix)
    tints = 1 + TINT * rng.uniform(-1, 1, (count, 1, 1, 3)).astype(np.float32)
    return Lesson(nchw(np.clip(seen * tints, 0, 255)), nchw(goals), nchw(masks[..., None]), nchw(features[..., None]))


def _similarity(rng: np.random.Generator, size: int) -> NDArray[np.float64]:
    turn, grow, across, down = rng.uniform(-1, 1, 4)
    middle = (size - 1) / 2
    matrix: NDArray[np.float64] = cv.getRotationMatrix2D((middle, middle), np.degrees(TURN * turn), 1 + GROW * grow)
    matrix[:, 2] += SHIFT * size * np.array([across, down])
    return matrix


def _moved(picture: NDArray[np.uint8], matrix: NDArray[np.float64]) -> NDArray[np.uint8]:
    moved: NDArray[np.uint8] = cv.warpAffine(picture, matrix, picture.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    return moved


def _pulled(rng: np.random.Generator, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    size = picture.shape[0]
    pull = rng.normal(0, PULL * size, (GRID, GRID, 2)).astype(np.float32)
    field = cv.resize(pull, (size, size), interpolation=cv2.INTER_CUBIC)
    rows, columns = np.indices((size, size), np.float32)
    pulled: NDArray[np.uint8] = cv.remap(
        picture, columns + field[..., 0], rows + field[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return pulled

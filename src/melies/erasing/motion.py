"""How the background moves between two frames, also where something stands before it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.erasing.membrane import Mask, membrane
from melies.frame import Image
from melies.motion import SMALLEST, Field, Flow, Grey, pixels, trusted, warp

cv: Any = cv2

MARGIN = 8
"""How far around what is to be erased motion is mixed with its, in pixels."""
_UNLIKE = 16
"""By how much, of 255, a neighbourhood may differ after it was moved."""
_CALM = np.float32(0.1)
"""Deviations from the overall motion below this many pixels are noise."""
_OTHER = 2.0
"""Deviations from it of more pixels, and of more than four times the usual, are something else that moves."""
_FITTED = 2000
"""From how many pixels the overall motion is found."""
_ROUNDS = 8
_ENOUGH = 100
"""Fewer pixels do not say whether the light changed."""
_LIFT = np.float32(16)
"""Added to values before they are compared, so that noise in the dark does not count."""
_SAME = np.float32(0.002)
"""A smaller change of light from frame to frame is none."""
_RELATIVE, _ABSOLUTE = np.float32(0.02), np.float32(1.0)
"""How far there and back may be apart, as in `melies.motion.trusted`, but wider: in holes both are estimates."""


class Background:
    """Find the motion of what is behind holes, both ways between two frames.

    Flow is measured on pictures whose holes were smoothed over, replaced in and near the holes by an affine motion
    fitted to the surroundings (iteratively reweighted least squares), and by the membrane through what deviates from
    it (as Xu et al., CVPR 2019, and Gao et al., ECCV 2020, complete flow, with a net and with gradients).
    """

    def __init__(self) -> None:
        self._flow = Flow("medium")

    def between(self, here: Grey, there: Grey, hole: Mask, other: Mask) -> tuple[Field, Field]:
        """Return the motion from here to there and back, NaN where both contradict each other.

        Args:
            here: `H×W` uint8.
            there: The same size.
            hole: `H×W`, what is to be erased here and `MARGIN` pixels around it.
            other: And there.
        """
        if min(here.shape) < SMALLEST:
            return np.zeros((*here.shape, 2), np.float32), np.zeros((*here.shape, 2), np.float32)
        clean, next_ = _smoothed(here, hole), _smoothed(there, other)
        forward, backward = self._flow(clean, next_).copy(), self._flow(next_, clean).copy()
        doubt = hole | ~trusted(forward, backward) | _unlike(clean, next_, forward)
        doubt_back = other | ~trusted(backward, forward) | _unlike(next_, clean, backward)
        forward = complete(forward, doubt, other)
        backward = complete(backward, doubt_back, hole)
        return _where_agreed(forward, backward), _where_agreed(backward, forward)


def _unlike(here: Grey, there: Grey, field: Field) -> Mask:
    """Where what is found there does not look like what is here."""
    unlike: Mask = cv.blur(cv.absdiff(here, warp(there, field)), (5, 5)) > _UNLIKE
    return unlike


def _overall(matrix: NDArray[np.float32], height: int, width: int) -> Field:
    """An affine motion as a field."""
    field: Field = pixels(height, width) @ matrix[:2] + matrix[2]
    return field


def complete(field: Field, unknown: Mask, other: Mask) -> Field:
    """Continue a field of motion into where it is unknown.

    Args:
        field: `H×W×2`.
        unknown: `H×W`.
        other: `H×W`, the hole in the picture that the motion leads to: what goes there is not known either.

    Returns:
        The field with the unknown part replaced; zero if next to nothing is known.
    """
    known = ~unknown & ~other
    overall = _overall(affine(pixels(*unknown.shape)[known], field[known]), *unknown.shape)
    unknown = unknown | (warp(other.astype(np.float32), overall) > 0)
    rest = field - overall
    away = np.hypot(rest[..., 0], rest[..., 1])
    unknown = unknown | (away > max(_OTHER, 4 * float(np.median(away[~unknown]))) if not unknown.all() else unknown)
    rest = membrane(rest, unknown)
    size = np.hypot(rest[..., 0], rest[..., 1])
    rest *= (np.maximum(size - _CALM, 0) / np.maximum(size, np.float32(1e-6)))[..., None]
    completed: Field = np.where(unknown[..., None], overall + rest, field)
    return completed


def affine(places: NDArray[np.float32], moves: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fit an affine motion to most of the given ones.

    Args:
        places: `N×2`.
        moves: `N×2`.

    Returns:
        `3×2`: a move is `(x, y, 1) @ it`.
    """
    if len(places) < 12:
        return np.zeros((3, 2), np.float32)
    step = max(1, len(places) // _FITTED)
    moves = moves[::step].astype(np.float64)
    terms = np.column_stack([places[::step], np.ones(len(moves))]).astype(np.float64)
    middle = terms[:, :2].mean(0)
    terms[:, :2] -= middle
    away = moves - np.median(moves, axis=0)
    solution: NDArray[np.float64] = np.zeros((3, 2))
    for _ in range(_ROUNDS):
        error = away[:, 0] ** 2 + away[:, 1] ** 2
        weight = 1 / (1 + error / max(2 * float(np.median(error)), 1e-4)) ** 2
        weighted = terms * weight[:, None]
        # A little ridge: what is known may lie in one line.
        solution[...] = np.linalg.solve(weighted.T @ terms + 1e-3 * np.diag([1, 1, 0]), weighted.T @ moves)
        away = moves - terms @ solution
    solution[2] -= middle @ solution[:2]
    return solution.astype(np.float32)


def _smoothed(picture: Grey, hole: Mask) -> Grey:
    """Take what is to be erased out of a picture, so that its motion is not measured."""
    if not hole.any():
        return picture
    side = 2 * MARGIN - 1
    tight = cv.erode(hole.view(np.uint8), np.ones((side, side), np.uint8)) > 0
    return np.rint(membrane(picture.astype(np.float32), tight)).astype(np.uint8)


def _where_agreed(field: Field, back: Field) -> Field:
    """Leave NaN where going there and back does not lead home."""
    returned = warp(back, field)
    apart = _squared(field + returned)
    lengths = _squared(field) + _squared(returned)
    return np.where((apart <= _RELATIVE * lengths + _ABSOLUTE)[..., None], field, np.float32(np.nan))


def _squared(field: Field) -> NDArray[np.float32]:
    """The squared length of each move."""
    lengths: NDArray[np.float32] = field[..., 0] ** 2 + field[..., 1] ** 2
    return lengths


def light_change(here: Image, there: Image, forward: Field, hole: Mask, other: Mask) -> NDArray[np.float32]:
    """Return how much brighter the second picture is, as the logarithm of a factor for each channel.

    Args:
        here: `H×W×3` uint8.
        there: The same size.
        forward: The motion between them, NaN where it is not known.
        hole: `H×W`, what does not count here.
        other: And there.
    """
    unknown = np.isnan(forward[..., 0]) | hole
    places = np.where(unknown[..., None], np.float32(0), forward)
    good = ~unknown & (warp(other.astype(np.float32), places) == 0)
    if np.count_nonzero(good) < _ENOUGH:
        return np.zeros(3, np.float32)
    moved = warp(there, places)[good].astype(np.float32)
    ratio = np.sort(np.log((moved + _LIFT) / (here[good] + _LIFT)), axis=0)
    quarter = len(ratio) // 4
    change: NDArray[np.float32] = ratio[quarter : len(ratio) - quarter].mean(0)
    return np.where(np.abs(change) < _SAME, np.float32(0), change)

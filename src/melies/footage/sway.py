"""How the whole picture moves through a shot, measured in small grey pictures: for naming moves, not undoing them."""

from __future__ import annotations

from array import array

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.footage.material import Motion
from melies.matting.scale import cv
from melies.motion import Grey
from melies.stabilizing.track import Points, affine

GRID = 4, 6
"""Rows and columns of the parts of the picture that are looked at apart."""
_CORNERS = 120
_FEWEST = 8
"""Corners that must agree."""
_NEAR = 0.9
"""How far, in pixels, a corner may be from where the motion of most takes it."""
_BACK = 0.7
"""How far, in pixels, a corner may be from where it was, followed there and back."""
_SOFT = 1.2
"""Sigma of the blur, in pixels, under which noise does not pass for change."""
_FLAT = 0.5
"""Code values (root mean square) that the motion must change in a part of the picture before that says anything."""
_GOES, _LESS = 0.5, 0.6
"""A smaller share than the first says that a part of the picture stands, if its change is below the second."""
_MEASURES = 10
"""Numbers of each step."""

Way = tuple[float, float, float, float]
"""Right, down, turn and grow, see `Motion`."""


class Sway:
    """Follow the picture through a shot.

    Args:
        size: Width and height of the small pictures.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self._size = np.array(size)
        self._middle = (self._size - 1) / 2
        self._unit = max(size) / 2
        self._apart = max(3.0, max(size) / 28)
        self._past: tuple[float, Grey, Grey] | None = None
        self._rows = array("d")
        self._along, self._expected, self._changed = np.zeros(GRID), np.zeros(GRID), np.zeros(GRID)

    @property
    def time(self) -> float:
        """When the last picture was seen, in seconds; minus infinity before the first."""
        return -np.inf if self._past is None else self._past[0]

    def add(self, time: float, here: Grey) -> None:
        """Look at the next picture, `H×W` uint8, shown at `time` seconds."""
        soft = cv.GaussianBlur(here, (0, 0), _SOFT)
        if self._past is not None:
            before, past, past_soft = self._past
            way, found = self._way(past, here)
            rest, change = self._compare(past_soft, soft, way)
            self._rows.extend((time, time - before, *way, found, rest, change, cv.mean(here)[0]))
        self._past = time, here, soft

    def motion(self) -> Motion:
        """Return what was measured up to now."""
        table = np.frombuffer(self._rows, np.float64).reshape(-1, _MEASURES)
        time, lasts, right, down, turn, grow, found, rest, change, luma = table.T
        clear = self._expected > _FLAT**2 * max(1, len(table))
        share = np.divide(self._along, self._expected, out=np.full(GRID, np.nan), where=clear)
        # Where something stands still, little changes; where much does, that is noise, or somebody passes by.
        share[(share < _GOES) & (self._changed > _LESS * self._expected)] = np.nan
        return Motion(time, lasts, right, down, turn, grow, found.astype(bool), rest, change, luma, share)

    def _way(self, past: Grey, here: Grey) -> tuple[Way, bool]:
        """The motion that most corners agree on: RANSAC, then reweighted least squares."""
        before, after = self._follow(past, here)
        if len(before) < _FEWEST:
            return (0.0, 0.0, 0.0, 0.0), False
        near = _NEAR / self._unit
        _, voted = cv.estimateAffinePartial2D(
            before, after, method=cv2.RANSAC, ransacReprojThreshold=near, maxIters=500, confidence=0.995
        )
        if voted is None or voted.sum() < max(_FEWEST, len(before) // 5):
            return (0.0, 0.0, 0.0, 0.0), False
        keep = voted[:, 0].astype(bool)
        step = affine(before[keep], after[keep], near)
        across, down = step.spread / step.spread.sum()
        turn = across * step.linear[1, 0] - down * step.linear[0, 1]
        grow = across * step.linear[0, 0] + down * step.linear[1, 1]
        return (float(step.centre[0]), float(step.centre[1]), float(turn), float(grow)), True

    def _follow(self, past: Grey, here: Grey) -> tuple[Points, Points]:
        """Find corners again, there and back (pyramidal Lucas–Kanade); return where they were and are, in units."""
        corners = cv.goodFeaturesToTrack(past, _CORNERS, 0.002, self._apart, blockSize=5)
        if corners is None or len(corners) < _FEWEST:
            return np.zeros((0, 2)), np.zeros((0, 2))
        moved, seen, _ = cv.calcOpticalFlowPyrLK(past, here, corners, None, winSize=(11, 11), maxLevel=3)
        back, seen_back, _ = cv.calcOpticalFlowPyrLK(
            here, past, moved, corners.copy(), winSize=(11, 11), maxLevel=0, flags=cv2.OPTFLOW_USE_INITIAL_FLOW
        )
        inside = ((moved >= 0) & (moved <= self._size - 1)).all(-1)
        good = (seen & seen_back).astype(bool) & inside & (np.abs(back - corners).max(-1) < _BACK)
        keep = good[:, 0]
        return self._units(corners[keep, 0]), self._units(moved[keep, 0])

    def _units(self, pixels: NDArray[np.float32]) -> Points:
        return np.asarray((pixels - self._middle) / self._unit, np.float64)

    def _compare(self, past: Grey, here: Grey, way: Way) -> tuple[float, float]:
        """Hold what changed against what the motion should have changed, part by part, where both pictures are seen.

        Returns:
            Mean absolute difference after the motion is undone, and before.
        """
        right, down, turn, grow = way
        linear = np.array([[1 + grow, -turn], [turn, 1 + grow]])
        offset = self._middle + self._unit * np.array([right, down]) - linear @ self._middle
        matrix = np.column_stack([linear, offset])
        size = past.shape[::-1]
        moved = cv.warpAffine(past, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        seen = cv.warpAffine(np.full_like(past, 255), matrix, size, flags=cv2.INTER_NEAREST)
        expected = cv.subtract(moved, past, mask=seen, dtype=cv2.CV_32F)
        changed = cv.subtract(here, past, mask=seen, dtype=cv2.CV_32F)
        # What passes through changes a part of the picture by more than any motion of all of it.
        most = 2 * np.abs(expected)
        within = np.clip(changed, -most, most)
        for total, product in (
            (self._along, expected * within),
            (self._expected, np.square(expected)),
            (self._changed, np.square(within)),
        ):
            total += cv.resize(product, GRID[::-1], interpolation=cv2.INTER_AREA)
        whole = max(1, cv.countNonZero(seen))
        return float(cv.norm(changed, expected, cv2.NORM_L1)) / whole, float(cv.norm(changed, cv2.NORM_L1)) / whole

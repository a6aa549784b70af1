"""How the whole picture moves through a shot, measured in small grey pictures: for naming moves, not undoing them."""

from __future__ import annotations

from array import array
from collections import deque

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
_LATE = 128
"""Steps of which the parts of the picture are kept apart, ten seconds: a shot may turn out that late to have ended."""

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
        columns, rows = size
        self._rows_of, self._columns_of = _means(GRID[0], rows), _means(GRID[1], columns).T
        self._past: tuple[float, Grey, Grey] | None = None
        self._rows = array("d")
        self._before = np.zeros((3, *GRID))
        self._parts: deque[tuple[float, float, NDArray[np.float32]]] = deque()

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
            rest, change, parts = self._compare(past_soft, soft, way)
            self._parts.append((before, time, parts))
            if len(self._parts) > _LATE:
                self._before += self._parts.popleft()[2]
            self._rows.extend((time, before, *way, found, rest, change, cv.mean(here)[0]))
        self._past = time, here, soft

    def motion(self, start: float = -np.inf, end: float = np.inf) -> Motion:
        """Return what was measured of a stretch of time, given in seconds, that is not earlier than what was forgotten.

        Args:
            start: Where it begins; a step that begins before does not count.
            end: Where it ends; nor does a step that ends then or later.
        """
        table = np.frombuffer(self._rows, np.float64).reshape(-1, _MEASURES)
        table = table[(table[:, 1] >= start) & (table[:, 0] < end)]
        time, before, right, down, turn, grow, found, rest, change, luma = table.T
        late = [parts for begun, ended, parts in self._parts if begun >= start and ended < end]
        along, expected, changed = self._before + np.sum(late, 0)
        clear = expected > _FLAT**2 * max(1, len(table))
        share = np.divide(along, expected, out=np.full(GRID, np.nan), where=clear)
        # Where something stands still, little changes; where much does, that is noise, or somebody passes by.
        share[(share < _GOES) & (changed > _LESS * expected)] = np.nan
        return Motion(time, time - before, right, down, turn, grow, found.astype(bool), rest, change, luma, share)

    def forget(self, start: float) -> None:
        """Let go of the steps that begin before a moment, and of all that the parts did more than ten seconds ago."""
        table = np.frombuffer(self._rows, np.float64).reshape(-1, _MEASURES)
        self._rows = array("d", table[table[:, 1] >= start].tobytes())
        self._before = np.zeros((3, *GRID))
        while self._parts and self._parts[0][0] < start:
            self._parts.popleft()

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

    def _compare(self, past: Grey, here: Grey, way: Way) -> tuple[float, float, NDArray[np.float32]]:
        """Hold what changed against what the motion should have changed, part by part, where both pictures are seen.

        Returns:
            Mean absolute difference after the motion is undone, and before; and for the parts of the picture, `3×4×6`,
            the means of what changed times what the motion should have changed, and of the squares of that and this.
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
        products = expected * within, np.square(expected), np.square(within)
        parts = np.stack([self._rows_of @ product @ self._columns_of for product in products])
        whole = max(1, cv.countNonZero(seen))
        rest, change = cv.norm(changed, expected, cv2.NORM_L1), cv.norm(changed, cv2.NORM_L1)
        return float(rest) / whole, float(change) / whole, parts


def _means(parts: int, whole: int) -> NDArray[np.float32]:
    """Return what makes, of so many numbers in a row, the means of parts that are equally long, `parts×whole`."""
    mean: NDArray[np.float32] = cv.resize(np.eye(whole, dtype=np.float32), (whole, parts), interpolation=cv2.INTER_AREA)
    return mean

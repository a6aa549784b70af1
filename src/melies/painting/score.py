"""How well labels agree: the measure of segmentation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from melies.painting.palette import Labels


class Confusion:
    """Counts which class was taken for which.

    Args:
        classes: How many there are.
        unknown: A class that does not count where it is the true one.
    """

    def __init__(self, classes: int, unknown: int | None = None) -> None:
        self._classes, self._unknown = classes, unknown
        self._counts: NDArray[np.int64] = np.zeros((classes, classes), np.int64)

    def add(self, true: Labels, found: Labels) -> None:
        """Count one picture."""
        codes = true.ravel().astype(np.int64) * self._classes + found.ravel()
        self._counts += np.bincount(codes, minlength=self._classes**2).reshape(self._classes, -1)

    @property
    def ious(self) -> NDArray[np.float64]:
        """Intersection over union of each class, 0…1; NaN for one that was never there and for the unknown."""
        counts = self._known
        shared = np.diag(counts).astype(np.float64)
        either = counts.sum(0) + counts.sum(1) - shared
        present = counts.sum(1) > 0
        return np.where(present, shared / np.maximum(either, 1), np.nan)

    @property
    def mean_iou(self) -> float:
        """The mean over the classes that were there."""
        return float(np.nanmean(self.ious))

    @property
    def accuracy(self) -> float:
        """The share of pixels that are right."""
        return float(np.diag(self._known).sum() / max(1, self._known.sum()))

    @property
    def _known(self) -> NDArray[np.int64]:
        if self._unknown is None:
            return self._counts
        counts = self._counts.copy()
        counts[self._unknown] = 0
        return counts

"""The rhythm of a film: how long its shots are, and how that changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Pacing:
    """Lengths of shots in order.

    Attributes:
        start: `N`, when each begins, in seconds from the first.
        length: `N`, how long each lasts, in seconds.
        rolling: `N`, mean length of the shots around each.
        window: Over how many shots `rolling` goes; an odd number.
    """

    start: NDArray[np.float64]
    length: NDArray[np.float64]
    rolling: NDArray[np.float64]
    window: int

    @property
    def seconds(self) -> float:
        """How long all shots last together."""
        return float(self.length.sum())

    @property
    def average(self) -> float:
        """Average shot length, in seconds (Salt 1974)."""
        return float(self.length.mean())

    @property
    def median(self) -> float:
        """Median shot length, in seconds."""
        return float(np.median(self.length))


def pacing(lengths: Sequence[float]) -> Pacing:
    """Work out the rhythm of shots that follow each other.

    Args:
        lengths: Seconds of each shot, at least one.
    """
    length = np.asarray(lengths, np.float64)
    window = 2 * (min(25, max(5, len(length) // 10)) // 2) + 1
    half = window // 2
    # Near the ends fewer shots are averaged.
    total = np.concatenate([[0], np.cumsum(length)])
    first = np.maximum(0, np.arange(len(length)) - half)
    stop = np.minimum(len(length), np.arange(len(length)) + half + 1)
    rolling = (total[stop] - total[first]) / (stop - first)
    return Pacing(total[:-1], length, rolling, window)

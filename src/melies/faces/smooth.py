"""The One-Euro filter: still where things are still, quick where they move."""

from __future__ import annotations

from math import tau
from typing import Any

import numpy as np
from numpy.typing import NDArray


class OneEuro:
    """Casiez, Roussel and Vogel, "1 € Filter" (CHI 2012), over an array of numbers at once.

    Args:
        cutoff: Below how many hertz still things are kept; lower is stiller.
        beta: How much the cutoff rises with the speed, in hertz per unit a second; higher lags less.
        slope_cutoff: The cutoff, in hertz, with which the speed itself is smoothed.
    """

    def __init__(self, cutoff: float = 1.0, beta: float = 0.05, slope_cutoff: float = 1.0) -> None:
        self._cutoff = cutoff
        self._beta = beta
        self._slope_cutoff = slope_cutoff
        self._value: NDArray[Any] | None = None
        self._slope: NDArray[Any] | None = None
        self._time = 0.0

    def __call__(self, value: NDArray[Any], time: float) -> NDArray[Any]:
        """Return the smoothed value.

        Args:
            value: Of the same shape every time.
            time: When it was measured, in seconds; later than the one before.
        """
        if self._value is None or self._slope is None:
            self._value, self._slope = value, np.zeros_like(value)
        else:
            passed = max(time - self._time, 1e-6)
            slope = (value - self._value) / passed
            self._slope = self._slope + _share(self._slope_cutoff, passed) * (slope - self._slope)
            cutoff = self._cutoff + self._beta * np.abs(self._slope)
            self._value = self._value + _share(cutoff, passed) * (value - self._value)
        self._time = time
        return self._value


def _share(cutoff: Any, passed: float) -> Any:
    """How much of a new value is taken."""
    return 1 - 1 / (1 + tau * cutoff * passed)

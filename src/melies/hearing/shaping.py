"""What may stand after a bar in a reaction: `onset | decay(0.3) | range(1, 1.2)`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Row = NDArray[np.float64]

_rate: ContextVar[float] = ContextVar("melies.hearing.shaping", default=25.0)


@contextmanager
def shaping(rate: float) -> Iterator[None]:
    """Say how many numbers a row has for each second."""
    token = _rate.set(rate)
    try:
        yield
    finally:
        _rate.reset(token)


def _steps(seconds: Any) -> float:
    return max(0.0, float(seconds)) * _rate.get()


def decay(row: Row, seconds: Any) -> Row:
    """Fall slowly after every rise: to a third in so many seconds."""
    steps = _steps(seconds)
    keep = np.exp(-1 / steps) if steps else 0.0
    made = np.array(np.atleast_1d(row), np.float64)
    for index in range(1, len(made)):
        made[index] = max(made[index], made[index - 1] * keep)
    return made


def attack(row: Row, seconds: Any) -> Row:
    """Rise slowly: by two thirds of what is missing in so many seconds; falling is not changed."""
    steps = _steps(seconds)
    keep = np.exp(-1 / steps) if steps else 0.0
    made = np.array(np.atleast_1d(row), np.float64)
    for index in range(1, len(made)):
        if made[index] > made[index - 1]:
            made[index] += keep * (made[index - 1] - made[index])
    return made


def smooth(row: Row, seconds: Any) -> Row:
    """Average over so many seconds around each moment, so that it comes neither early nor late."""
    reach = round(_steps(seconds) / 2)
    wide = np.atleast_1d(row)
    if not reach:
        return wide
    kernel = np.hanning(2 * reach + 3)[1:-1]
    padded = np.pad(wide, reach, mode="edge")
    return np.asarray(np.convolve(padded, kernel / kernel.sum(), "valid"), np.float64)


def within(row: Row, low: Any, high: Any) -> Row:
    """Bring 0…1 to low…high."""
    return np.asarray(low + (high - low) * np.asarray(row), np.float64)


def delay(row: Row, seconds: Any) -> Row:
    """Come so many seconds later, or earlier if they are negative."""
    steps = round(float(seconds) * _rate.get())
    wide = np.atleast_1d(row)
    if not steps:
        return wide
    places = np.clip(np.arange(len(wide)) - steps, 0, len(wide) - 1)
    return np.asarray(wide[places])


def gate(row: Row, threshold: Any) -> Row:
    """Be 0 where it is below a threshold."""
    wide = np.asarray(row)
    return np.where(wide >= threshold, wide, 0.0)


def total(row: Row) -> Row:
    """Add up, each second counting once: a speed becomes a way."""
    return np.cumsum(np.atleast_1d(row)) / _rate.get()


PIPES: Mapping[str, Any] = MappingProxyType(
    {
        "attack": attack,
        "decay": decay,
        "delay": delay,
        "gate": gate,
        "range": within,
        "smooth": smooth,
        "sum": total,
    }
)
"""By the names that people write."""

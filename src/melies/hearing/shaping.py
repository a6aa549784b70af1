"""What may stand after a bar in a reaction: `onset | decay(0.3) | range(1, 1.2)`.

What is given in seconds is one number that does not change; any other raises a `ValueError` that says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Row = NDArray[np.float64]

LONGEST = 600.0
"""Seconds over which can be averaged."""

_rate: ContextVar[float] = ContextVar("melies.hearing.shaping", default=25.0)


@contextmanager
def shaping(rate: float) -> Iterator[None]:
    """Say how many numbers a row has for each second."""
    token = _rate.set(rate)
    try:
        yield
    finally:
        _rate.reset(token)


def _steps(seconds: Any, least: float = 0.0, most: float = np.inf) -> float:
    """How many numbers of a row that is.

    Raises:
        ValueError: It is not one number, or out of bounds.
    """
    if np.size(seconds) != 1:
        raise ValueError("wants one number of seconds, not one that changes")
    wanted = float(np.reshape(seconds, ()))
    if not (np.isfinite(wanted) and least <= wanted <= most):
        bounds = (
            f"{least:g} to {most:g}" if np.isfinite(most) else f"{least:g} or more" if np.isfinite(least) else "any"
        )
        raise ValueError(f"wants seconds ({bounds}), not {wanted:g}")
    return wanted * _rate.get()


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
    wide = np.atleast_1d(row)
    # Beyond both ends of a row lies nothing new.
    reach = min(round(_steps(seconds, most=LONGEST) / 2), len(wide))
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
    wide = np.atleast_1d(row)
    steps = round(float(np.clip(_steps(seconds, -np.inf), -len(wide), len(wide))))
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

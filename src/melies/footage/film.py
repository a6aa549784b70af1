"""Opening a film so that clip time counts from its first frame, as footage, edit lists and editors count."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import melies
from melies.clip import Clip

_ROUNDED = Fraction(2, 1000)
"""Seconds by which times may be rounded: Matroska keeps milliseconds, also of the first frame."""


def open_film(
    path: str | Path, start: Fraction = Fraction(0), end: Fraction | None = None, max_errors: int = 10
) -> Clip:
    """Open a film, with its sound in step; clip time zero is its first frame, or the first one at or after `start`.

    In many files the sound begins some milliseconds before the pictures, and the file's own time with it.

    Args:
        path: The film.
        start: Seconds from the film's first frame. A frame that the container places a little earlier is in.
        end: End before the first frame at or after this time, counted in the same way.
        max_errors: How many broken frames may be skipped before reading is given up.

    Raises:
        UseError: It cannot be opened, is no film, or nothing lies between start and end.
    """
    whole = melies.open(path, start=Fraction(0), max_errors=max_errors)
    if not start and end is None:
        return whole
    late: Fraction = whole.source.late  # type: ignore[attr-defined]
    zero = late - min(_ROUNDED, 1 / (4 * whole.spec.rate))
    begin, stop = max(Fraction(0), zero + start), None if end is None else zero + end
    return melies.open(path, start=begin, end=stop, max_errors=max_errors)

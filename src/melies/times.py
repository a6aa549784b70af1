"""Times and rates as people write them, made exact."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_CLOCK = re.compile(r"(?:(?:(\d+):)?([0-5]?\d):)?(\d+(?:\.\d*)?|\.\d+)")
_NUMBER = re.compile(r"(?:\d{1,999}(?:\.\d{0,999})?|\.\d{1,999})(?:e[+-]?\d{1,2})?|\d{1,999}/\d{1,999}", re.IGNORECASE)
"""A number or a ratio that is no work to read: the text may come from anywhere."""


def parse_time(value: object) -> Fraction:
    """Turn `"1:02.5"`, `"00:01:02.500"`, `"62.5"`, `"125/2"` or a number into exact seconds.

    Raises:
        ValueError: It is not a time, is negative, or has no end.
    """
    match = _CLOCK.fullmatch(value.strip()) if isinstance(value, str) and len(value) < 100 else None
    if match:
        hours, minutes, seconds = match.groups()
        if minutes is None or Fraction(seconds) < 60:
            return int(hours or 0) * 3600 + int(minutes or 0) * 60 + Fraction(seconds)
    exact = _exact(value)
    if exact is None or exact < 0:
        raise ValueError("should be a time such as 83.5 or 00:01:23.500")
    return exact


def parse_rate(value: object) -> Fraction:
    """Turn `"30000/1001"`, `"29.97"` or a number into the exact rate that is meant.

    Raises:
        ValueError: It is not a rate between 0 and 1000.
    """
    exact = _exact(value)
    if exact is None or not 0 < exact <= 1000:
        raise ValueError("should be a rate such as 25 or 30000/1001, greater than 0 and at most 1000")
    if isinstance(value, float):
        exact = exact.limit_denominator(1001)
    if exact.denominator == 1:
        return exact
    ntsc = Fraction(round(exact * 1001 / 1000) * 1000, 1001)
    return ntsc if ntsc and abs(ntsc - exact) < Fraction(1, 200) else exact


def first_frame(since: Fraction, rate: Fraction, lead_in: int = 0) -> int:
    """Return the index of the first frame that begins at a time or later, or of one before it.

    Args:
        since: The time, in seconds.
        rate: Frames per second.
        lead_in: How many frames before that one, where there are so many.
    """
    return max(0, math.ceil(since * rate) - lead_in)


def plain(number: Fraction) -> str | int | float:
    """Write a fraction the way people do where that loses nothing: `62.5`, not `125/2`."""
    if number.denominator == 1:
        return number.numerator
    short = round(float(number), 6)
    return short if Fraction(str(short)) == number else str(number)


def _exact(value: object) -> Fraction | None:
    if isinstance(value, float):
        return Fraction(str(value)) if math.isfinite(value) else None
    if isinstance(value, Fraction | int) and not isinstance(value, bool):
        return Fraction(value)
    text = str(value).strip() if isinstance(value, str) else ""
    try:
        return Fraction(text) if _NUMBER.fullmatch(text) else None
    except ZeroDivisionError:
        return None


def _if_given(read: Callable[[object], Fraction]) -> BeforeValidator:
    return BeforeValidator(lambda value: None if value is None else read(value))


_WRITE = PlainSerializer(lambda number: None if number is None else plain(number))

Time = Annotated[
    Fraction | None,
    _if_given(parse_time),
    _WRITE,
    WithJsonSchema({"type": "string", "format": "time"}),
]
"""A field that holds a time in seconds, or None."""

Rate = Annotated[
    Fraction | None,
    _if_given(parse_rate),
    _WRITE,
    WithJsonSchema({"type": "string", "format": "rate"}),
]
"""A field that holds frames per second, or None."""

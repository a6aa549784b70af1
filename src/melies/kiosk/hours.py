"""Opening hours, as they stand on a door: `Mon-Fri 09:00-18:00; Sat 10:00-14:00`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 24 * 60
_WEEK = 7 * _DAY
_PART = re.compile(r"(?:(?P<days>[a-z][a-z ,-]*?)\s+)?(?P<times>\d[\d:, -]*)", re.IGNORECASE)
_SPAN = re.compile(r"(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)")


@dataclass(frozen=True)
class Hours:
    """When a show is open, by the clock on the wall.

    Attributes:
        text: As it was written.
        spans: Beginnings and ends in minutes since Monday's midnight; an end may lie in the following week.
    """

    text: str
    spans: tuple[tuple[int, int], ...]

    @classmethod
    def read(cls, text: str) -> Hours:
        """Read what people write: days, if not all, and times; parts between semicolons.

        After `20:00-02:00` it is open past midnight; 24:00 is the end of a day.

        Raises:
            ValueError: It is not written so.
        """
        spans: list[tuple[int, int]] = []
        for part in text.split(";"):
            match = _PART.fullmatch(part.strip())
            if match is None:
                raise _unread(part)
            days = _days(match["days"]) if match["days"] else range(7)
            times = [_times(span) for span in match["times"].split(",")]
            spans += [(day * _DAY + begin, day * _DAY + end) for day in days for begin, end in times]
        return cls(text, tuple(spans))

    def open_at(self, moment: datetime) -> bool:
        """Say whether it is open at a moment."""
        minute = moment.weekday() * _DAY + moment.hour * 60 + moment.minute
        return any(begin <= at < end for begin, end in self.spans for at in (minute, minute + _WEEK))


def _days(text: str) -> list[int]:
    found: list[int] = []
    for part in text.lower().split(","):
        ends = [word.strip() for word in part.split("-")]
        if len(ends) > 2 or not set(ends) <= set(_DAYS):
            raise _unread(part)
        begin, end = _DAYS.index(ends[0]), _DAYS.index(ends[-1])
        found += [(begin + step) % 7 for step in range((end - begin) % 7 + 1)]
    return found


def _times(text: str) -> tuple[int, int]:
    match = _SPAN.fullmatch(text.strip())
    numbers = [int(number) for number in match.groups()] if match else []
    if not numbers or max(numbers[1::2]) > 59:
        raise _unread(text)
    begin, end = numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3]
    if begin >= _DAY or end > _DAY or begin == end:
        raise _unread(text)
    return begin, end if end > begin else end + _DAY


def _unread(part: str) -> ValueError:
    return ValueError(
        f"should be hours such as 09:00-18:00 or Mon-Fri 09:00-18:00; Sat 10:00-14:00, not {part.strip()!r}"
    )


OpenHours = Annotated[
    Hours | None,
    BeforeValidator(lambda value: Hours.read(value) if isinstance(value, str) else value),
    PlainSerializer(lambda hours: hours and hours.text),
    WithJsonSchema({"type": "string"}),
]
"""A field that holds opening hours, or None."""

"""Fields of what is told by frame: schedules and prompts, read as soon as they are given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator

from melies.dreaming.prompts import Prompts
from melies.dreaming.schedule import Schedule
from melies.errors import UseError


def _read_by(reader: Callable[[str], object]) -> AfterValidator:
    def checked(text: str) -> str:
        try:
            reader(text)
        except UseError as error:
            raise ValueError(str(error)) from None
        return text

    return AfterValidator(checked)


Scheduled = Annotated[str, _read_by(Schedule)]
"""A field that holds a schedule, such as `0:(1.02), 60:(1)`."""
Prompted = Annotated[str, _read_by(Prompts)]
"""A field that holds what is to be seen, by frame."""

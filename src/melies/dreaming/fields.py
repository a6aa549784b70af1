"""Fields of what is told by frame: schedules and prompts, read as soon as they are given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, BaseModel

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


def given(step: BaseModel, *names: str) -> str:
    """Return which of some fields are not as they are by default, as users write them, with commas between them."""
    fields = type(step).model_fields
    found = [name for name in names if getattr(step, name) != fields[name].default]
    return ", ".join(name.replace("_", "-") for name in found)


Scheduled = Annotated[str, _read_by(Schedule)]
"""A field that holds a schedule, such as `0:(1.02), 60:(1)`."""
Prompted = Annotated[str, _read_by(Prompts)]
"""A field that holds what is to be seen, by frame."""

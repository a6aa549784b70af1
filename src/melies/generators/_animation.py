"""What generators have that follow schedules frame by frame, and may begin with a picture or a film."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from melies.dreaming.schedule import Way, read
from melies.dreaming.source import begins
from melies.effects._fields import refuse_address
from melies.generators._canvas import Steered


class Animation(Steered):
    """A generator that follows schedules, and may begin with a picture or a film."""

    init: Annotated[Path, BeforeValidator(refuse_address)] | None = Field(
        None, description="A picture to begin with, or a film that is made anew."
    )
    interpolation: Way = Field("linear", description="How schedules go from number to number.")

    @property
    def seconds(self) -> Fraction | None:
        """How long it is: as long as the film that is made anew, if nothing else says."""
        said = self.duration is not None or self.audio is not None or self.init is None
        return super().seconds if said else begins(self.init).seconds or super().seconds

    def at(self, name: str, index: int, length: int | None) -> float:
        """Return the number that a schedule gives a frame.

        Args:
            name: The field that holds it.
            index: Which frame.
            length: How many there are; None if they never end.
        """
        return read(getattr(self, name), self.interpolation, self.seed).at(index, length)

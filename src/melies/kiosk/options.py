"""What `melies kiosk` is told: what `melies live` is, and how to go on without anybody to mind it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from melies.effects._fields import File
from melies.kiosk.hours import OpenHours
from melies.live.options import LiveOptions, Showing, Steering
from melies.sizes import PictureSize, Size
from melies.times import Rate

ATTEMPTS = 5
"""How often in a row a show may fail at once."""


class Playing(BaseModel):
    """What is played, if no generator is named."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    input: str | None = None
    """number or name of a camera, a film, a folder of films that are played in turn, or synthetic"""
    size: PictureSize = None
    """width and height to ask a camera for, or to fit the films of a folder into, such as 1280x720"""
    rate: Rate = None
    """pictures a second to ask a camera for, or to play films at"""
    mirror: bool = False
    """swap left and right, as in a mirror"""
    zoom: float = Field(1.0, ge=1, le=8)
    """enlarge the middle of the picture"""


class Places(Showing):
    """Where it is shown."""

    to: list[str] = Field(["window"])
    """window, virtual-camera or stream (for a browser or OBS)"""


class Turning(Steering):
    """The desk."""

    recipe: File | None = None
    """take what is played and the effects from this recipe, and take changes over whenever it is saved"""


class Lasting(BaseModel):
    """Without anybody to mind it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    window: bool = False
    """show it in a window instead of on the whole screen, for a try"""
    locked: bool = False
    """let keys do nothing, also those that end it"""
    open: OpenHours = None
    """hours outside of which it rests and the screen is dark: "Mon-Fri 09:00-18:00; Sat 10:00-14:00\""""
    watchdog: float = Field(90.0, ge=2)
    """seconds without a sign of life after which it is begun again"""
    max_memory: Size = None
    """begin again when it holds more than this, such as 2GB"""
    house_picture: File | None = None
    """what is shown while there is no picture, instead of a dark one"""
    log: Path | None = None
    """also write what happens to this file, which is kept small"""


class KioskOptions(Lasting, LiveOptions):
    """Everything that `melies kiosk` is told beside its generator and effects."""

    input: str | None = None
    kiosk: bool = True

    @property
    def watching(self) -> dict[str, Any]:
        """As for `LiveOptions`."""
        return {**super().watching, "hung": self.watchdog, "attempts": ATTEMPTS}


GROUPS: dict[str, type[BaseModel]] = {"Playing": Playing, "Places": Places, "Desk": Turning, "Lasting": Lasting}
"""The options under their headings."""

NOT_OFFERED = ("full_screen",)
"""What `--window` says in its place."""

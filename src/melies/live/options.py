"""What `melies live` is told: one model, from which its options are made."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from melies.effects._fields import File
from melies.errors import UseError
from melies.live.desk import Choice
from melies.live.stream import HOST, PORT
from melies.sizes import PictureSize
from melies.times import Rate


class Reading(BaseModel):
    """The camera."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    camera: str = "0"
    """number or name of a camera, a film that is played again and again, or synthetic"""
    size: PictureSize = None
    """width and height to ask the camera for, such as 1280x720"""
    rate: Rate = None
    """pictures a second to ask the camera for"""
    mirror: bool = False
    """swap left and right, as in a mirror"""
    zoom: float = Field(1.0, ge=1, le=8)
    """enlarge the middle of the camera's picture"""


class Showing(BaseModel):
    """The places."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    to: list[str] = ["window"]
    """window, virtual-camera, stream (for a browser or OBS), or a film to write"""
    full_screen: bool | None = None
    """let the window fill the screen and hide the pointer, or not, in place of what --kiosk says"""
    numbers: bool = False
    """show latency, rate and dropped pictures from the beginning"""
    host: str = HOST
    """address that the stream listens on; only this computer can see it unless another is given"""
    port: int = Field(PORT, ge=0, le=65535)
    """port of the stream"""
    recordings: Path = Path()
    """folder for what the key r records"""
    seconds: float | None = Field(None, gt=0)
    """end after so many seconds; by default it goes on until somebody ends it"""


class Steering(BaseModel):
    """The desk."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    recipe: File | None = None
    """take the effects from this recipe, and take changes over whenever it is saved"""
    choices: list[str] = []
    """files for the keys 1-9 as EFFECT.FIELD=PATTERN, such as puppet.portrait=faces/*.jpg"""
    osc: str | None = None
    """listen for OSC messages on this PORT, or HOST:PORT; /melies/EFFECT/FIELD value sets anything"""
    midi: list[str] = []
    """what a controller or a note does, such as "cc 21 = camera.zoom 1..4" or "note 36 = calibrate\""""
    midi_port: str = ""
    """name of the MIDI port, or a part of it; the first one if not given"""


class Enduring(BaseModel):
    """Installations."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    kiosk: bool = False
    """full screen, and nothing ends it: a lost camera, a failing effect, a crash or a hang"""
    house_picture: File | None = None
    """what is shown while there is no picture, instead of a dark one"""
    log: Path | None = None
    """also write what happens to this file, which is kept small"""


class LiveOptions(Reading, Showing, Steering, Enduring):
    """Everything that `melies live` is told beside its effects."""

    @property
    def watching(self) -> dict[str, Any]:
        """How the process that watches a kiosk does so: what `melies.live.kiosk.watch` takes."""
        return {"seconds": self.seconds}


GROUPS: dict[str, type[BaseModel]] = {
    "Camera": Reading,
    "Places": Showing,
    "Desk": Steering,
    "Installations": Enduring,
}
"""The options under their headings."""


def find_choices(texts: list[str]) -> list[Choice]:
    """Turn `puppet.portrait=faces/*` into the files it means, in the order of their names.

    Raises:
        UseError: It is not written so, or there is no such file.
    """
    found = []
    for text in texts:
        address, equals, pattern = text.partition("=")
        if not equals or "." not in address:
            raise UseError(f"--choices {text!r} is not understood.", "Write EFFECT.FIELD=PATTERN.")
        path = Path(pattern).expanduser()
        names = sorted(map(str, path.iterdir())) if path.is_dir() else sorted(glob.glob(str(path)))  # noqa: PTH207
        files = [name for name in names if Path(name).is_file() and not Path(name).name.startswith(".")]
        if not files:
            raise UseError(f"--choices {text!r}: no file is called so.")
        found += [Choice(address.replace("-", "_"), name) for name in files]
    return found


def first_choices(texts: list[str], effect: str) -> dict[str, Any]:
    """Return what an effect is set to by the first of its choices: a field that has choices need not be given."""
    first: dict[str, Any] = {}
    for choice in find_choices(texts):
        name, _, field = choice.address.partition(".")
        if name == effect.replace("-", "_"):
            first.setdefault(field, choice.value)
    return first

"""Cameras: which there are, and opening one."""

from __future__ import annotations

import sys

import av
from av.container import InputContainer

from melies.errors import UseError

DRIVERS = {"linux": "video4linux2,v4l2", "darwin": "avfoundation", "win32": "dshow"}
"""FFmpeg's way to cameras, by `sys.platform`."""


def driver() -> str:
    """Name of the FFmpeg device that reads cameras here; empty when this FFmpeg has none."""
    name = DRIVERS.get(sys.platform, "")
    return name if name in av.formats_available else ""


def cameras() -> list[str]:
    """Names of the cameras that are plugged in, as `open_camera` takes them."""
    if not driver():
        return []
    try:
        return [device.name for device in av.enumerate_input_devices(driver().split(",")[-1])]
    except (av.FFmpegError, ValueError):
        return []


def open_camera(
    name: str | None = None, *, size: tuple[int, int] | None = None, rate: int | None = None
) -> InputContainer:
    """Open a camera for reading.

    Args:
        name: As `cameras` lists it; the first one if None.
        size: Width and height to ask for.
        rate: Frames per second to ask for.

    Raises:
        UseError: There is no such camera, or it is in use or does not offer that size and rate.
    """
    found = cameras()
    if name is None:
        if not found:
            raise UseError("There is no camera.", "Plug one in; `melies doctor` lists what is found.")
        name = found[0]
    elif name not in found:
        raise UseError(f"There is no camera {name!r}.", f"Found: {', '.join(found) or 'none'}.")
    options = {}
    if size is not None:
        options["video_size"] = f"{size[0]}x{size[1]}"
    if rate is not None:
        options["framerate"] = str(rate)
    try:
        return av.open(name, format=driver().split(",")[-1], options=options)
    except av.FFmpegError as error:
        raise UseError(f"The camera {name} cannot be opened: {error.strerror or error}.") from None

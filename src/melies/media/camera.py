"""Cameras: which there are, and reading one through FFmpeg."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av

from melies.errors import MediaError
from melies.suggest import did_you_mean

DRIVERS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}
"""FFmpeg's way to cameras, by `sys.platform`."""


def cameras() -> tuple[str, ...]:
    """Names and descriptions of the cameras that FFmpeg sees."""
    return tuple(f"{device.name} ({device.description})" for device in _devices())


def _devices() -> list[Any]:
    try:
        found = list(av.enumerate_input_devices(DRIVERS.get(sys.platform, "")))
    except (ValueError, av.FFmpegError):
        return []
    return [device for device in found if "video" in (getattr(device, "media_types", None) or ("video",))]


def read_camera(
    name: str, size: tuple[int, int] | None = None, rate: Fraction | None = None
) -> Iterator[av.VideoFrame]:
    """Yield a camera's pictures as they come, each decoded as soon as it is there.

    Args:
        name: Its number, counted from 0; its name or description; or a device such as `/dev/video2`.
        size: Width and height to ask for; the camera's own if None.
        rate: Pictures a second to ask for; the camera's own if None.

    Raises:
        MediaError: There is no such camera, it is in use, it refuses the size or the rate, or it was unplugged.
    """
    driver = DRIVERS.get(sys.platform, "v4l2")
    address = _address(name, driver)
    options = {"fflags": "nobuffer"}
    if size is not None:
        options["video_size"] = f"{size[0]}x{size[1]}"
    if rate is not None or driver == "avfoundation":  # which refuses to guess
        options["framerate"] = str(rate or 30)
    try:
        with av.open(address, format=driver, options=options) as container:
            stream = container.streams.video[0]
            # Threads that decode a frame each would hold as many frames back.
            stream.thread_type = "SLICE"
            yield from container.decode(stream)
    except (av.FFmpegError, OSError, IndexError) as error:
        raise MediaError(f"The camera {name} cannot be read: {_reason(error)}.", _hint(name)) from None


def _address(name: str, driver: str) -> str:
    """Return what the driver calls the camera."""
    devices = _devices()
    if name.isdecimal():
        if driver == "v4l2":
            return f"/dev/video{name}"
        if driver == "avfoundation":
            return f"{name}:none"
        names = [str(device.name) for device in devices]
        return f"video={names[int(name)]}" if int(name) < len(names) else f"video={name}"
    for device in devices:
        if name in (device.name, device.description):
            name = str(device.name)
    return f"video={name}" if driver == "dshow" else name


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is none"
    if isinstance(error, IndexError):
        return "it sends no pictures"
    return (getattr(error, "strerror", None) or str(error)).rstrip(".")


def _hint(name: str) -> str:
    there = cameras()
    if not there:
        return "No camera was found here. To try without one: --camera synthetic, or --camera FILE."
    return f"There is {', '.join(there)}.{did_you_mean(name, there)}"

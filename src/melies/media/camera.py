"""Which cameras there are."""

from __future__ import annotations

import sys

import av

DRIVERS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}
"""FFmpeg's way to cameras, by `sys.platform`."""


def cameras() -> tuple[str, ...]:
    """Names and descriptions of the cameras that FFmpeg sees."""
    try:
        found = av.enumerate_input_devices(DRIVERS.get(sys.platform, ""))
    except (ValueError, av.FFmpegError):
        return ()
    return tuple(f"{device.name} ({device.description})" for device in found)

"""Keeping a screen awake while something is on: as if somebody had moved the mouse just now, again and again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from contextlib import suppress

NUDGE = 50.0
"""Seconds between two times; screens are not put to sleep after less than a minute."""


def stay_awake() -> None:
    """Tell the system that somebody is there, where that is simple: X11 with `xset`, macOS, Windows."""
    threading.Thread(target=_nudge, name="melies awake", daemon=True).start()


def _nudge() -> None:
    if sys.platform == "win32":
        import ctypes

        # ES_SYSTEM_REQUIRED | ES_DISPLAY_REQUIRED, once
        ctypes.windll.kernel32.SetThreadExecutionState(0x1 | 0x2)
        return
    command = _command()
    if command:
        with suppress(OSError, subprocess.TimeoutExpired):  # A screen that sleeps is no reason to end.
            subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False)  # noqa: S603


def _command() -> list[str]:
    if sys.platform == "darwin":
        return ["/usr/bin/caffeinate", "-u", "-t", "1"]
    xset = shutil.which("xset") if os.environ.get("DISPLAY") else None
    return [xset, "s", "reset"] if xset else []

"""Keeping memory flat: how the C library hands freed pictures back."""

from __future__ import annotations

import ctypes
import sys
from functools import cache

# From glibc's malloc.h.
_TRIM_THRESHOLD = -1
_ARENA_MAX = -8


@cache
def settle() -> None:
    """Let all threads share two heaps, and give memory back soon: once, before a render starts its threads.

    By default every thread gets heaps of its own, each of which grows to the most it ever held; with pictures of many
    megabytes going from thread to thread, a long film would take more memory than a short one. Only glibc is told;
    other C libraries do not behave so.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, 2)
        mallopt(_TRIM_THRESHOLD, 8 << 20)

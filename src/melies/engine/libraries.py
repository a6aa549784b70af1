"""Getting along with the libraries: how the C library hands memory back, and who uses the cores."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import cv2

# From glibc's malloc.h.
_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3
_ARENA_MAX = -8


@cache
def settle() -> None:
    """Let all threads share two heaps, and give memory back soon: once, before a render starts its threads.

    By default every thread gets heaps of its own, each of which grows to the most it ever held; with pictures of many
    megabytes going from thread to thread, a long film would take more memory than a short one. Small pictures come from
    the heap, though: fresh pages from the system for each of them cost as much as some of the work on them. Only glibc
    is told; other C libraries do not behave so.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, 2)
        mallopt(_TRIM_THRESHOLD, 32 << 20)
        mallopt(_MMAP_THRESHOLD, 4 << 20)


@contextmanager
def opencv_keeps_to_its_thread() -> Iterator[None]:
    """Let OpenCV work in the thread that calls it, while stages run beside each other.

    With a pool of its own for every small operation it spends a third more of the processor for the same result, and
    takes that from the encoder.
    """
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)

"""What was found, shown in a window one shot after another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from melies.clip import Clip
from melies.engine.pipeline import close
from melies.errors import UseError
from melies.live.sinks import Sink
from melies.live.window import Window

_LOOK = 0.05
"""Seconds between two looks whether the film is over."""


def play(clip: Clip) -> None:
    """Show a clip in a window, without sound, until it ends or somebody closes it, or presses q or Esc.

    Args:
        clip: What to show, at its own rate, or as quickly as the computer can.

    Raises:
        UseError: No window can be opened here.
        MediaError: A film cannot be read on.
    """
    stop = threading.Event()
    try:
        window = Window(lambda command: stop.set() if command == "quit" else None)
    except UseError as error:
        raise UseError(error.message, "Write a film instead: --to found.mp4") from None
    failed: list[BaseException] = []
    player = threading.Thread(target=_feed, args=(clip, window, stop, failed), name="melies player", daemon=True)
    try:
        player.start()
        window.run(stop, lambda: None, _LOOK)
    finally:
        stop.set()
        player.join()
        window.close()
    if failed:
        raise failed[0]


def _feed(clip: Clip, window: Sink, stop: threading.Event, failed: list[BaseException]) -> None:
    try:
        show(clip, window, stop)
    except BaseException as error:  # It is raised again in the thread that waits.
        failed.append(error)
    finally:
        stop.set()


def show(clip: Clip, sink: Sink, stop: threading.Event, now: Callable[[], float] = time.monotonic) -> None:
    """Hand a clip's pictures over when their time has come, until it ends or `stop` is set."""
    frames = clip.frames()
    began = over = now()
    try:
        for number, frame in enumerate(frames):
            if number == 0:  # Opening a film takes its time.
                began = now()
            due = began + float(frame.pts * frame.time_base)
            if stop.wait(max(0.0, due - now())):
                return
            sink.show(frame, lambda: None)
            over = due + float(frame.duration * frame.time_base)
        stop.wait(max(0.0, over - now()))
    finally:
        close(frames)

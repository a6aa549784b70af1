"""A window of Tk's, which comes with Python; or the whole screen. See `docs/adr` for why not another toolkit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from melies.effect import Effect
from melies.errors import UseError
from melies.frame import Frame, Image, VideoSpec
from melies.imaging import fitted, resize
from melies.live.keys import command_of
from melies.live.sinks import Seen, Sink, opaque

POLL = 4
"""Milliseconds between two looks for a new picture."""

IDLE = 100
"""The same when none has come for a second: a screen at rest costs nothing."""


class Window(Sink):
    """Shows the newest result; made and run by the main thread, which Tk belongs to.

    Args:
        command: Called with the command of a key that was pressed.
        full: Fill the screen and hide the pointer.

    Raises:
        UseError: Python came without Tk, or there is no screen.
    """

    preview: ClassVar[bool] = True

    def __init__(self, command: Callable[[str], None], *, full: bool = False) -> None:
        try:
            import tkinter
        except ImportError:
            raise UseError(
                "This Python came without Tk, which draws the window.",
                "Install it (Debian, Ubuntu: python3-tk; Homebrew: python-tk), or use --to stream.",
            ) from None
        try:
            self._root = tkinter.Tk(className="melies")
        except tkinter.TclError as error:
            raise UseError(f"No window can be opened: {error}.", "Without a screen, use --to stream.") from None
        self._tk: Any = tkinter
        self._command = command
        self._full = full
        self._lock = threading.Lock()
        self._next: tuple[Image, Seen] | None = None
        self._sized = False
        self._error: BaseException | None = None
        self._photo: Any = None
        self._set_up()

    def _set_up(self) -> None:
        root = self._root
        root.title("Méliès")
        root.configure(background="black")
        if self._full:
            # Installations often have no window manager that would give it the size.
            root.geometry(f"{root.winfo_screenwidth()}x{root.winfo_screenheight()}+0+0")
            root.attributes("-fullscreen", True)
            root.attributes("-topmost", True)
            root.configure(cursor="none")
        self._label = self._tk.Label(root, borderwidth=0, highlightthickness=0, background="black")
        self._label.pack(expand=True, fill="both")
        root.bind("<Key>", self._pressed)
        root.focus_force()
        root.report_callback_exception = self._failed
        root.protocol("WM_DELETE_WINDOW", lambda: self._command("quit"))

    def begin(self, spec: VideoSpec, effects: Sequence[Effect]) -> None:
        """Nothing to prepare: the picture is made to fit."""

    def show(self, frame: Frame, seen: Seen) -> None:
        """Leave a picture for the main thread, in place of one that it has not come to show."""
        with self._lock:
            self._next = frame.image, seen

    def hold(self, image: Image) -> None:
        """Show a picture of the house."""
        with self._lock:
            self._next = image, lambda: None

    def run(self, stop: threading.Event, tick: Callable[[], None], every: float) -> None:
        """Show pictures until told to stop, and call `tick` every so many seconds; an error in there ends it."""
        root = self._root

        drawn = time.monotonic()

        def poll() -> None:
            nonlocal drawn
            if stop.is_set():
                root.quit()
                return
            now = time.monotonic()
            if self._draw():
                drawn = now
            root.after(POLL if now - drawn < 1 else IDLE, poll)

        def again() -> None:
            tick()
            root.after(round(1000 * every), again)

        root.after(0, poll)
        root.after(0, again)
        root.mainloop()
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Close the window."""
        self._photo = None
        self._root.destroy()

    def _failed(self, kind: Any, error: BaseException, trace: object) -> None:
        """Leave the loop: Tk would print the error, Ctrl-C among them, and go on."""
        self._error = error
        self._root.quit()

    def _draw(self) -> bool:
        """Show the picture that waits; say whether there was one."""
        with self._lock:
            waiting, self._next = self._next, None
        if waiting is None:
            return False
        image, seen = waiting
        image = self._fitted(opaque(image))
        height, width = image.shape[:2]
        data = b"P6 %d %d 255\n" % (width, height) + np.ascontiguousarray(image).tobytes()
        if self._photo is None or (self._photo.width(), self._photo.height()) != (width, height):
            self._photo = self._tk.PhotoImage(width=width, height=height)
            self._label.configure(image=self._photo)
        self._photo.configure(data=data, format="PPM")
        self._root.update_idletasks()
        seen()
        return True

    def _fitted(self, image: Image) -> Image:
        """Make a picture fill the window, once that has a size; the first one gives it to a window."""
        root = self._root
        height, width = image.shape[:2]
        if not self._sized:
            self._sized = True
            if not self._full:
                share = min(1.0, 0.9 * root.winfo_screenwidth() / width, 0.9 * root.winfo_screenheight() / height)
                root.geometry(f"{round(width * share)}x{round(height * share)}")
            root.update()
        space = max(16, self._label.winfo_width()), max(16, self._label.winfo_height())
        wide, high = fitted(width, height, *space, "contain")
        return image if (wide, high) == (width, height) else resize(image, wide, high, "linear")

    def _pressed(self, event: Any) -> None:
        command = command_of(event.char) or command_of(event.keysym)
        if command:
            self._command(command)

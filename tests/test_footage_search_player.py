"""Showing what was found in a window: in order, in time, until it ends or somebody ends it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np
import pytest

from melies.clip import Clip
from melies.errors import MediaError, UseError
from melies.footage import search_player
from melies.footage.search_player import play, show
from melies.frame import Frame, VideoSpec
from melies.live.sinks import Seen, Sink

TICK = Fraction(1, 50)


class Flashes:
    """A film of a few grey pictures; picture `broken` cannot be read."""

    def __init__(self, count: int, broken: int = -1) -> None:
        self.spec = VideoSpec(32, 16, 1 / TICK, TICK, frames=count)
        self.broken = broken
        self.closed = False

    def frames(self, since: Fraction = Fraction(0), lead_in: int = 0) -> Iterator[Frame]:
        try:
            for number in range(self.spec.frames or 0):
                if number == self.broken:
                    raise MediaError("picture 2 is broken.")
                yield Frame(np.full((16, 32, 3), number, np.uint8), number, TICK, 1)
        finally:
            self.closed = True


class Screen(Sink):
    """In place of a window: remembers what it was shown, and quits after so many pictures."""

    def __init__(self, command: Callable[[str], None] = lambda _: None, quit_after: int = 1000) -> None:
        self.command, self.quit_after = command, quit_after
        self.shown: list[int] = []

    def show(self, frame: Frame, seen: Seen) -> None:
        self.shown.append(int(frame.image[0, 0, 0]))
        if len(self.shown) == self.quit_after:
            self.command("quit")

    def run(self, stop: threading.Event, tick: Callable[[], None], every: float) -> None:
        assert stop.wait(20)


class Late(threading.Event):
    """Time that goes on only by waiting."""

    time = 100.0

    def wait(self, timeout: float | None = None) -> bool:
        self.time += timeout or 0.0
        return self.is_set()


def test_every_picture_at_its_time():
    stop, screen, times = Late(), Screen(), []
    screen.show = lambda frame, seen: times.append(stop.time - 100)  # type: ignore[method-assign]
    film = Flashes(5)
    show(Clip(film), screen, stop, lambda: stop.time)
    assert times == pytest.approx([0, 0.02, 0.04, 0.06, 0.08])
    assert stop.time == pytest.approx(100.1)  # the last one is seen as long as the others
    assert film.closed


def test_it_ends_when_told_to(monkeypatch):
    screens = []

    def window(command: Callable[[str], None]) -> Screen:
        screens.append(Screen(command, quit_after=3))
        return screens[-1]

    monkeypatch.setattr(search_player, "Window", window)
    film = Flashes(500)
    play(Clip(film))
    assert screens[0].shown == [0, 1, 2]
    assert film.closed


def test_what_fails_is_raised(monkeypatch):
    monkeypatch.setattr(search_player, "Window", Screen)
    with pytest.raises(MediaError, match="broken"):
        play(Clip(Flashes(5, broken=2)))


def test_without_a_screen_one_sentence_says_what_to_do(monkeypatch):
    def none(command: object) -> Screen:
        raise UseError("No window can be opened: no display.", "Without a screen, use --to stream.")

    monkeypatch.setattr(search_player, "Window", none)
    with pytest.raises(UseError, match=r"No window can be opened: no display. Write a film instead: --to found.mp4"):
        play(Clip(Flashes(1)))

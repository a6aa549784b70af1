"""An installation: generators on a stage, films in turn, opening hours, and a process that watches another."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from fractions import Fraction
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from melies import cli
from melies.effect import Effect, Generator, Reactive
from melies.effects.grade import Grade
from melies.errors import MeliesError, UseError
from melies.frame import Frame, VideoSpec
from melies.generators.bars import Bars
from melies.generators.cppn import Cppn
from melies.generators.growth import Growth
from melies.hearing.synthetic import song, write_wave
from melies.kiosk.drawn import Ticks, on_stage
from melies.kiosk.hours import Hours
from melies.kiosk.options import KioskOptions
from melies.kiosk.start import billed, effects_of
from melies.live import kiosk
from melies.live.clock import TICK, Clock
from melies.live.desk import Desk
from melies.live.show import Show
from melies.live.sinks import Sink
from melies.live.sources import Folder, Pattern, Played
from melies.media.synthetic import write_clip
from melies.recipe import Recipe

SPEC = VideoSpec(64, 48, Fraction(30), TICK, variable=True)
SMALL: dict[str, Any] = {"size": (32, 24), "layers": 2, "width": 4}


class Steps(Clock):
    """A clock that only waiting, and `busy`, move."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.time += max(0.0, seconds)
        return event.is_set()


class Made(Bars):
    """Says that a machine made it."""

    @property
    def synthesis(self) -> str:
        return "It was made up."


class Kept(Sink):
    """Keeps what is shown, and calls a function after each picture."""

    def __init__(self, then: Callable[[int], None] = lambda count: None) -> None:
        self.shown: list[np.ndarray] = []
        self.held: list[np.ndarray] = []
        self.then = then

    def show(self, frame: Frame, seen: Callable[[], None]) -> None:
        self.shown.append(frame.image)
        seen()
        self.then(len(self.shown))

    def hold(self, image: np.ndarray) -> None:
        self.held.append(image)


def at(*seconds: float) -> Iterator[Frame]:
    """Dark pictures at these times."""
    for second in seconds:
        yield Frame(np.zeros((48, 64, 3), np.uint8), round(second / TICK), TICK, 3000)


def drawn(effect: Effect, *seconds: float) -> list[np.ndarray]:
    return [frame.image for frame in effect.apply(at(*seconds), SPEC)]


def first(generator: Generator, count: int) -> list[np.ndarray]:
    return [frame.image for frame in islice(generator.make(), count)]


class TestDrawn:
    def test_it_has_the_generators_name_and_fields_and_never_ends(self) -> None:
        effect = on_stage(Cppn(**SMALL, zoom=2.0))
        assert isinstance(effect, Effect)
        assert effect.name() == "cppn"
        assert (effect.zoom, effect.duration) == (2.0, float("inf"))  # type: ignore[attr-defined]
        assert effect.output(SPEC) == SPEC.replace(width=32, height=24, colour=effect.output(SPEC).colour)
        with pytest.raises(UseError, match="cppn --zoom"):
            type(effect)(zoom=-1)
        assert on_stage(Made()).synthesis == "It was made up."
        desk = Desk([effect])
        desk.set("cppn.zoom", "3")
        assert (desk.get("cppn.zoom"), desk.get("cppn.layers")) == (3.0, 2)

    def test_a_slow_one_skips_pictures_and_stays_in_time(self) -> None:
        own = first(Cppn(**SMALL, pace=0.3, duration=float("inf")), 31)
        seconds = (0.0, 1 / 30, 0.5, 1.001)
        made = drawn(on_stage(Cppn(**SMALL, pace=0.3)), *seconds)
        for image, index in zip(made, (0, 1, 15, 30), strict=True):
            assert np.array_equal(image, own[index])
        assert not np.array_equal(made[0], made[2])

    def test_a_walk_through_a_few_pictures_goes_round_for_ever(self) -> None:
        first, half, round_, later = drawn(on_stage(Cppn(**SMALL, seeds="1,2", pace=0.5)), 0.0, 0.5, 1.0, 7.5)
        assert np.array_equal(first, round_)
        assert np.array_equal(half, later)
        assert not np.array_equal(first, half)

    def test_one_that_ends_begins_again(self) -> None:
        bars = Bars(size=(64, 32), fps=10, duration=0.5)
        own = first(bars, 5)
        made = drawn(on_stage(bars), 0.0, 0.4, 0.5, 1.9)
        assert [next(k for k, one in enumerate(own) if np.array_equal(one, image)) for image in made] == [0, 4, 0, 4]

    def test_what_grows_skips_nothing_and_goes_on_when_it_is_turned(self) -> None:
        options: dict[str, Any] = {"size": (32, 24), "cells": 16, "pace": 60, "sow": 20, "duration": 0.1}
        growth = Growth(**options)
        own = first(growth, 3)
        effect = on_stage(growth)
        made = drawn(effect, 0.0, 0.5, 1.0, 2.0)  # of a whole length of three
        assert all(np.array_equal(image, own[index]) for image, index in zip(made, (0, 1, 2, 0), strict=True))
        turned = effect.model_copy(update={"colours": "ink"})
        settings = iter([effect, effect, turned, turned])
        shown = [frame.image for frame in effect.steered(at(0, 1), SPEC, lambda: next(settings))]
        inked = first(Growth(**options, colours="ink"), 2)[1]
        assert np.array_equal(shown[1], inked)

    def test_ticks_are_in_time_whatever_was_missed(self) -> None:
        clock, stop = Steps(), threading.Event()
        times = []
        for _, busy in zip(Ticks(Fraction(10), (8, 4)).pictures(clock, stop), (0, 0, 0.25, 0, 0), strict=False):
            times.append(round(clock.time, 6))
            clock.time += busy
        assert times == [0, 0.1, 0.2, 0.5, 0.6]

    def test_it_hears_and_can_be_turned(self, tmp_path: Path) -> None:
        write_wave(tmp_path / "song.wav", song(120, "A", bars=4).samples)
        generator = Cppn(**SMALL, audio=tmp_path / "song.wav", react=["x=10*rms"], fps=50, pace=1e3)

        def then(count: int) -> None:
            if count == 40:
                show.do("cppn.colours hue")
            elif count == 60:
                show.stop()

        sink = Kept(then)
        with Show(Ticks(Fraction(50), (32, 24)), Desk([on_stage(generator)]), [sink], seconds=10) as show:
            show.run()
        assert len(sink.shown) >= 60
        still = first(Cppn(**SMALL), 1)[0]
        moved = [np.abs(image.astype(float) - still).mean() for image in sink.shown[:40]]
        assert np.ptp(moved) > 2
        assert show.desk.get("cppn.colours") == "hue"


class TestHours:
    @pytest.mark.parametrize(
        ("text", "moments"),
        [
            ("09:00-18:00", {"Mon 08:59": False, "Mon 09:00": True, "Sun 17:59": True, "Sun 18:00": False}),
            (
                "Mon-Fri 9:00-12:00, 13:00-18:00; sat 10:00-24:00",
                {"Tue 11:00": True, "Tue 12:30": False, "Fri 17:00": True, "Sat 09:30": False, "Sat 23:59": True},
            ),
            ("Fri,Sun 20:00-02:00", {"Sat 01:59": True, "Sat 02:00": False, "Mon 01:00": True, "Fri 01:00": False}),
            ("Sat-Mon 10:00-11:00", {"Sat 10:30": True, "Mon 10:30": True, "Tue 10:30": False, "Fri 10:30": False}),
        ],
    )
    def test_it_is_open_as_the_door_says(self, text: str, moments: dict[str, bool]) -> None:
        days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
        hours = Hours.read(text)
        for moment, is_open in moments.items():
            day, time = moment.split()
            hour, minute = map(int, time.split(":"))
            # The first of June 2026 is a Monday.
            assert hours.open_at(datetime(2026, 6, 1 + days.index(day), hour, minute)) is is_open, moment

    @pytest.mark.parametrize(
        "text", ["", "9-18", "Mon", "Mun 09:00-10:00", "09:00-25:00", "09:60-10:00", "10:00-10:00", "Mon- 1:00-2:00"]
    )
    def test_what_is_no_hours_is_said(self, text: str) -> None:
        with pytest.raises(ValidationError, match="should be hours such as 09:00-18:00"):
            KioskOptions(open=text)  # type: ignore[arg-type]

    def test_a_show_that_rests_is_dark_reads_nothing_and_wakes_up(self) -> None:
        awake = threading.Event()
        awake.set()
        begun: list[int] = []

        class Counted(Pattern):
            def pictures(self, clock: Clock, stop: threading.Event) -> Iterator[Frame]:
                begun.append(1)
                return super().pictures(clock, stop)

        def then(count: int) -> None:
            if count == 5:
                awake.clear()
            elif count == 10:
                show.stop()

        def look() -> None:
            if sink.held and not sink.held[-1].any() and not awake.is_set():
                assert show.healthy
                seen.append(len(sink.shown))
                awake.set()

        seen: list[int] = []
        sink = Kept(then)
        source = Counted((64, 48), Fraction(50))
        with Show(source, Desk([Grade()]), [sink], seconds=20, asleep=lambda: not awake.is_set()) as show:
            show.ticking.append(look)
            show.run()
        assert seen == [5]
        assert len(sink.shown) >= 10
        assert len(begun) == 2


class TestWhatIsOn:
    def test_films_of_a_folder_are_played_in_turn(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        for name, frames, size in (("film10.mkv", 3, (64, 48)), ("film9.mkv", 2, (32, 32))):
            write_clip(tmp_path / name, frames=frames, size=size, rate=25)
        (tmp_path / "film99.mkv").write_bytes(b"nothing")
        cv2.imwrite(str(tmp_path / "a.png"), np.zeros((4, 4, 3), np.uint8))
        folder = Folder(tmp_path, (48, 40))
        frames = list(islice(folder.pictures(Steps(), threading.Event()), 9))
        assert [frame.cut for frame in frames] == [True, False, True, False, False, True, False, True, False]
        assert {frame.image.shape for frame in frames} == {(40, 48, 3)}
        assert "film99.mkv" in caplog.text
        assert len(caplog.records) == 1
        (tmp_path / "empty").mkdir()
        with pytest.raises(UseError, match="holds no film"):
            Folder(tmp_path / "empty")

    def test_what_is_named_is_found(self, tmp_path: Path) -> None:
        film = write_clip(tmp_path / "film.mkv", frames=2, size=(64, 48))
        assert isinstance(billed([], KioskOptions(input=str(tmp_path))).source, Folder)
        assert isinstance(billed([Grade()], KioskOptions(input=str(film))).source, Played)
        assert billed([], KioskOptions(input="cam3")).source.name == "camera 3"
        bill = billed([Bars(fps=12), Grade()], KioskOptions())
        assert (bill.source.rate, [effect.name() for effect in bill.effects]) == (12, ["bars", "grade"])
        path = tmp_path / "show.yaml"
        path.write_text("generator: {cppn: {seed: 7}}\neffects: [grade]\n")
        bill = billed([], KioskOptions(recipe=path))
        assert [effect.name() for effect in bill.effects] == ["cppn", "grade"]
        assert [effect.name() for effect in effects_of(Recipe.load(path))] == ["cppn", "grade"]
        path.write_text("input: film.mkv\neffects: [grade]\n")
        assert billed([], KioskOptions(recipe=path)).source.name == "film.mkv"

    @pytest.mark.parametrize("name", ["mic", "mic:USB"])
    def test_a_generator_follows_the_microphone(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        class Stream:
            samplerate = 48000.0

            def __init__(self, device: object, **_: object) -> None:
                opened.append(device)

            def __enter__(self) -> "Stream":
                return self

            def __exit__(self, *_: object) -> None:
                pass

            def read(self, count: int) -> tuple[np.ndarray, bool]:
                time.sleep(count / self.samplerate)
                return np.full((count, 1), 0.5, np.float32), False

        opened: list[object] = []
        fake = SimpleNamespace(InputStream=Stream, PortAudioError=OSError)
        monkeypatch.setitem(sys.modules, "sounddevice", fake)
        generator = Cppn(**SMALL, audio=Path(name), react=["x=10*rms"], fps=50, pace=1e3)
        bill = billed([generator], KioskOptions())
        assert bill.source.rate == 50

        def then(count: int) -> None:
            if np.abs(sink.shown[-1].astype(float) - still).mean() > 2:
                show.stop()

        still = first(Cppn(**SMALL), 1)[0]
        sink = Kept(then)
        with Show(bill.source, Desk(bill.effects), [sink], seconds=10) as show:
            show.run()
        assert opened == [name.partition(":")[2] or None]
        assert np.abs(sink.shown[-1].astype(float) - still).mean() > 2

    def test_what_is_called_like_both_is_what_is_meant(self, monkeypatch: pytest.MonkeyPatch) -> None:
        made: list[list[Reactive]] = []
        monkeypatch.setattr("melies.cli.kiosk.perform", lambda opening, *_: made.append(opening.args[0]) or 0)
        diffuse = ["diffuse", "--model", "some"]
        for words in ([*diffuse, *diffuse], ["--input", "0", *diffuse], ["grade", "--input", "0"]):
            with pytest.raises(SystemExit) as left:
                cli.main(["kiosk", *words])
            assert not left.value.code
        assert [[isinstance(step, Effect) for step in steps] for steps in made] == [[False, True], [True], [True]]

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["grade"], "What is to be played is missing"),
            (["grade", "cppn"], "One generator makes the pictures"),
            (["cppn", "bars"], "One generator makes the pictures"),
            (["cppp"], "no generator or effect 'cppp'. Did you mean cppn?"),
            (["cppn", "--input", "a.mp4"], "--input has no meaning"),
            (["cppn", "feedback", "--size", "160x90"], "Put it directly after cppn"),
            (["--input", "nope/"], "There is no film or folder nope/"),
            (["--input", "films/nope"], "There is no film or folder films/nope"),
            (["--input", "nope.mp4"], "nope.mp4"),
            (["cppn", "--to", "out.mp4"], "--to out.mp4: what never ends fills any disk"),
            (["cppn", "reverse"], "reverse needs a whole film"),
            (["cppn", "--open", "9-18"], "--open '9-18': should be hours such as 09:00-18:00"),
            (["cppn", "--max-memory", "lots"], "should be a size such as 8MB"),
            (["cppn", "--react", "zom=1"], "Did you mean zoom?"),
        ],
    )
    def test_what_cannot_be_done_is_said(
        self, words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv(kiosk.PULSE, os.devnull)
        with pytest.raises(SystemExit) as left:
            cli.main(["kiosk", *words, "--to", "stream", "--port", "0", "--seconds", "0.1"])
        assert left.value.code == 2
        assert said in capsys.readouterr().err


class TestWatching:
    def test_it_gives_up_what_fails_at_once_again_and_again(self, caplog: pytest.LogCaptureFixture) -> None:
        pauses: list[float] = []
        command = [sys.executable, "-S", "-c", f"import sys; sys.exit({kiosk.GROWN})"]
        with pytest.raises(MeliesError, match="failed 3 times at once, the last time so: the show held more memory"):
            kiosk.watch(command, attempts=3, look=0.02, sleep=pauses.append)
        assert pauses == [1, 2]
        assert len(caplog.records) == 2

    def test_a_command_that_worked_once_is_tried_again(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        count = tmp_path / "count"
        body = f"c = open({str(count)!r}, 'a+'); c.write('x'); c.seek(0); exit((0, 7, 2, 0)[len(c.read())])"
        monkeypatch.setattr(kiosk, "AT_ONCE", 0.0)
        assert kiosk.watch([sys.executable, "-c", body], look=0.02, sleep=lambda seconds: None) == 0
        assert count.read_text() == "xxx"

    def test_the_time_before_it_was_begun_again_counts(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        now, told = [100.0], []

        def once(command: Any, env: dict[str, str], hung: float, look: float) -> tuple[int, str]:
            monkeypatch.setenv(kiosk.LEFT, env[kiosk.LEFT])
            told.append(kiosk.left(20.0))
            now[0] += 7
            return 1, "the show broke"

        def sleep(seconds: float) -> None:
            now[0] += seconds

        monkeypatch.setattr(kiosk, "_once", once)
        monkeypatch.setattr(time, "monotonic", lambda: now[0])
        assert kiosk.watch([], seconds=20, sleep=sleep) == 1
        assert told == [20, 12, 3]
        assert [record.message for record in caplog.records][-1] == "The show broke, and its time is over."
        assert kiosk.left(None) is None

    def test_why_it_was_begun_again_is_said_once(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setenv(kiosk.WHY, "It broke.")
        with kiosk.logged(tmp_path / "show.log"):
            kiosk.log.info("It plays.")
        assert [line.split(" INFO ")[1] for line in (tmp_path / "show.log").read_text().splitlines()] == [
            "It broke.",
            "It plays.",
        ]
        assert [record.message for record in caplog.records] == ["It plays."]

    def test_a_show_that_grows_too_much_ends_itself(self) -> None:
        kiosk.within(1 << 50)()
        with pytest.raises(kiosk.OvergrownError, match="more than 1 MB") as grown:
            kiosk.within(10**6)()
        assert grown.value.exit_code == kiosk.GROWN

    def test_a_show_whose_watcher_died_ends(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ended: list[int] = []
        for watcher, count in ((None, 0), (os.getppid(), 0), (os.getpid(), 1)):
            if watcher is not None:
                monkeypatch.setenv(kiosk.WATCHER, str(watcher))
            kiosk.orphaned(lambda: ended.append(1))()
            assert len(ended) == count

    def test_the_watcher_is_told_how(self, monkeypatch: pytest.MonkeyPatch) -> None:
        calls: list[tuple[list[str], dict[str, Any]]] = []
        monkeypatch.setattr(kiosk, "watch", lambda command, **how: calls.append((command, how)) or 0)
        monkeypatch.delenv(kiosk.PULSE, raising=False)
        with pytest.raises(SystemExit):
            cli.main(["kiosk", "cppn", "--watchdog", "7", "--seconds", "60"])
        command, how = calls[0]
        assert command[1:] == ["-m", "melies", "kiosk", "cppn", "--watchdog", "7", "--seconds", "60"]
        assert how == {"hung": 7, "attempts": 5, "seconds": 60}

    @pytest.mark.skipif(os.name == "nt", reason="needs signals")
    def test_a_show_that_is_killed_comes_back_and_nothing_is_left_in_the_end(self, tmp_path: Path) -> None:
        book = tmp_path / "pids"
        show = f"import os, time; open({str(book)!r}, 'a').write(f'{{os.getpid()}}\\n'); time.sleep(60)"
        body = (
            "import signal, sys; from melies import cli; from melies.live import kiosk; "
            "signal.signal(signal.SIGTERM, cli._terminated); "
            f"kiosk.watch([sys.executable, '-S', '-c', {show!r}], shortest=0.01, look=0.02)"
        )
        parent = subprocess.Popen([sys.executable, "-c", body], stderr=subprocess.PIPE)
        try:
            os.kill(_pids(book, 1)[0], signal.SIGKILL)
            last = _pids(book, 2)[1]
            parent.send_signal(signal.SIGTERM)
            _, said = parent.communicate(timeout=20)
        finally:
            parent.kill()
        assert parent.returncode == 128 + signal.SIGTERM
        assert b"ended by signal 9, and begins again" in said
        with pytest.raises(ProcessLookupError):
            os.kill(last, 0)


def _pids(book: Path, count: int) -> list[int]:
    """Wait until so many processes have written their numbers down."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        lines = book.read_text().splitlines(keepends=True) if book.exists() else []
        whole = [int(line) for line in lines if line.endswith("\n")]
        if len(whole) >= count:
            return whole
        time.sleep(0.02)
    raise AssertionError("nothing began")

"""A show: what comes from the camera reaches the places, whatever is turned and whatever fails on the way."""

import io
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pytest

import melies
from melies import cli, provenance
from melies.effect import Effect
from melies.effects.crop import Crop
from melies.effects.grade import Grade
from melies.effects.reverse import Reverse
from melies.engine.live import Live
from melies.errors import MediaError, UseError
from melies.frame import Frame, VideoSpec
from melies.live.camera import Camera
from melies.live.clock import TICK, Clock
from melies.live.desk import Choice, Desk
from melies.live.feed import Feed
from melies.live.numbers import KEPT, Numbers
from melies.live.remote import follow_lines
from melies.live.show import Show
from melies.live.sinks import Recorder, Sink
from melies.live.sources import Device, Pattern, Played, find_source
from melies.media import camera as media_camera
from melies.media.output import SaveOptions
from melies.media.synthetic import write_clip

SPEC = VideoSpec(64, 48, Fraction(25), TICK, variable=True)


def picture(value: int = 0, width: int = 64, height: int = 48) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def frame(index: int, *, cut: bool = False) -> Frame:
    return Frame(picture(index), index * 3600, TICK, 3600, cut=cut)


class Count(Effect):
    """Writes into each picture how many of its shot came before, and a setting."""

    step: int = 1
    """what is added"""
    neutral: Literal["auto", "first"] = "auto"
    """where the rest is"""

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        for index, one in enumerate(frames):
            image = one.image.copy()
            image[0, 0] = index, self.step, 0
            yield one.with_image(image)


class Fragile(Effect):
    """Fails on pictures of a certain grey, and when told to."""

    weak: int = 999
    """the grey"""
    broken: bool = False
    """fail at once"""

    @property
    def synthesis(self) -> str | None:
        return "A face was made up for a test."

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        if self.broken:
            raise UseError("It is broken.")
        for one in frames:
            if one.image[1, 1, 0] == self.weak:
                raise ValueError("too weak")
            yield one.with_image(255 - one.image)


class Steps(Clock):
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 0.0
        self.waits: list[float] = []

    def now(self) -> float:
        return self.time

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.waits.append(seconds)
        self.time += max(0.0, seconds)
        return event.is_set()


class Still(Clock):
    """A clock that only a test moves."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 0.0

    def restart(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return event.wait(0.005)


class Held(Effect):
    """Holds every picture back until the next one has come, and is slow to begin with."""

    _taken: ClassVar[list[Frame]] = []
    _loading: ClassVar[Callable[[], None]] = staticmethod(lambda: None)

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        if not self._taken:
            self._loading()
        before = None
        for one in frames:
            self._taken.append(one)
            if before is not None:
                yield before
            before = one
        if before is not None:
            yield before


class Script:
    """A camera that does what a list says: a number is a grey picture, an error is raised, a function is called."""

    name = "script"
    rate = Fraction(25)

    def __init__(self, *acts, size: tuple[int, int] = (64, 48)) -> None:
        self.acts = list(acts)
        self.seen = threading.Semaphore(0)
        self.size = size

    def pictures(self, clock: Clock, stop: threading.Event) -> Iterator[Frame]:
        while self.acts:
            act = self.acts.pop(0)
            if isinstance(act, Exception):
                raise act
            if callable(act):
                act()
                continue
            yield Frame(picture(act, *self.size), 0, TICK, 1)
            while not self.seen.acquire(timeout=0.01):
                if stop.is_set():
                    return
        stop.set()


class Kept(Sink):
    """Keeps what it is shown."""

    def __init__(self, source: Script, preview: bool = False) -> None:
        self.preview = preview  # type: ignore[misc]
        self.frames: list[Frame] = []
        self.held: list[np.ndarray] = []
        self.begun: list[VideoSpec] = []
        self.closed = False
        self._source = source

    def begin(self, spec, effects) -> None:
        self.begun.append(spec)

    def show(self, one, seen) -> None:
        self.frames.append(one)
        seen()
        self._source.seen.release()

    def hold(self, image) -> None:
        self.held.append(image)

    def close(self) -> None:
        self.closed = True


def play(source, *effects, choices=(), preview=False, **options):
    desk = Desk(effects, choices)
    sink = Kept(source, preview)
    show = Show(source, desk, [sink], **options)
    return show, sink


def until(happened) -> None:
    end = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("melies")]


class TestLive:
    def test_a_shot_whose_first_picture_is_dropped_begins_with_the_next(self):
        live = Live(SPEC, [Count()], waiting=1, find_shots=False)
        for index, cut in enumerate((True, False, True, False)):
            live.push(frame(index, cut=cut))
        live.finish()
        (out,) = live
        assert out.pts == 3 * 3600
        assert out.cut
        assert live.dropped == 3

    def test_pictures_do_not_wait_between_effects(self):
        live = Live(SPEC, [Grade(), Count()], waiting=1, find_shots=False)
        results = iter(live)
        for index in range(5):
            live.push(frame(index))
            assert next(results).pts == index * 3600
        live.close()

    def test_settings_change_between_two_pictures_and_shots_begin_where_told(self):
        effects: list[Effect] = [Count()]
        live = Live(SPEC, effects, waiting=9, find_shots=False, now=effects.__getitem__)
        results = iter(live)
        seen = []
        for index, cut in enumerate((True, False, False, True, False)):
            if index == 2:
                effects[0] = Count(step=5)
            live.push(frame(index, cut=cut))
            seen.append(tuple(next(results).image[0, 0, :2]))
        live.close()
        assert seen == [(0, 1), (1, 1), (0, 5), (0, 5), (1, 5)]


class TestFeed:
    def test_a_lost_camera_is_found_again(self):
        clock, stop, out = Steps(), threading.Event(), []
        lost = MediaError("It is gone.")
        source = Script(1, 2, lost, lost, lost, 3, 4)
        source.seen.release(9)
        feed = Feed(source, out.append, clock, stop)
        feed.run()
        assert [one.image[0, 0, 0] for one in out] == [1, 2, 3, 4]
        assert [one.cut for one in out] == [True, False, True, False]
        assert clock.waits == [0.5, 1.0, 2.0]
        assert feed.losses == 1
        assert feed.lost_since is None

    def test_one_that_was_never_there_is_given_up_unless_patience_is_asked_for(self):
        gone = MediaError("There is none.")
        feed = Feed(Script(gone), [].append, Steps(), threading.Event())
        feed.run()
        assert feed.error is gone
        source, out = Script(gone, gone, 7), []
        source.seen.release(9)
        Feed(source, out.append, Steps(), threading.Event(), patient=True).run()
        assert len(out) == 1

    def test_the_pauses_do_not_grow_for_ever(self):
        clock = Steps()
        Feed(Script(*[MediaError("gone")] * 9), [].append, clock, threading.Event(), patient=True).run()
        assert max(clock.waits) == clock.waits[-1] == 8


class TestSources:
    def test_a_pattern_moves_and_keeps_its_rate(self):
        clock = Steps()
        pictures = Pattern((64, 48), Fraction(10)).pictures(clock, threading.Event())
        images = [next(pictures).image for _ in range(4)]
        assert clock.time == pytest.approx(0.3)
        assert all((a != b).any() for a, b in pairwise(images))

    def test_a_film_is_played_again_and_again_each_time_as_a_shot(self, tmp_path):
        film = write_clip(tmp_path / "film.mp4", frames=5, rate=25)
        clock = Steps()
        pictures = Played(film).pictures(clock, threading.Event())
        frames = [next(pictures) for _ in range(11)]
        assert [one.cut for one in frames] == [index % 5 == 0 for index in range(11)]
        assert clock.time == pytest.approx(10 / 25)

    def test_what_names_a_source(self, tmp_path):
        film = write_clip(tmp_path / "film.mp4", frames=2)
        assert isinstance(find_source("synthetic"), Pattern)
        assert isinstance(find_source("0"), Device)
        assert isinstance(find_source("FaceTime HD Camera"), Device)
        assert isinstance(find_source(str(film)), Played)
        with pytest.raises(UseError, match="own size"):
            find_source(str(film), (640, 480))
        with pytest.raises(UseError, match=r"nothing\.mp4"):
            find_source(str(tmp_path / "nothing.mp4"))

    def test_a_camera_that_is_not_there_is_said(self):
        with pytest.raises(MediaError, match="camera /dev/melies-none cannot be read: there is none"):
            next(Device("/dev/melies-none").pictures(Clock(), threading.Event()))

    def test_a_camera_is_read_until_it_is_gone(self, monkeypatch):
        # FFmpeg's own pattern generator stands in for a driver: it is opened and decoded the same way.
        monkeypatch.setitem(media_camera.DRIVERS, sys.platform, "lavfi")
        source = Device("testsrc=size=64x48:rate=25:duration=0.2")
        out: list[Frame] = []
        stop = threading.Event()
        feed = Feed(source, lambda one: (out.append(one), len(out) == 8 and stop.set()), Steps(), stop)
        feed.run()
        assert len(out) == 8
        assert feed.losses == 1
        assert out[0].cut
        assert sum(one.cut for one in out) == 2
        assert out[0].image.shape == (48, 64, 3)
        assert out[0].image.std() > 50


class TestCamera:
    def test_untouched_pictures_pass_as_they_are(self):
        image = picture(3)
        assert Camera().seen(image, SPEC) is image

    def test_mirror_zoom_size_and_depth(self):
        image = np.zeros((48, 64, 4), np.uint16)
        image[:, :32] = 65535
        out = Camera(mirror=True).seen(image, SPEC)
        assert out.shape == (48, 64, 3)
        assert out.dtype == np.uint8
        assert (out[:, 32:] == 255).all()
        assert not out[:, :32].any()
        near = np.zeros((48, 64, 3), np.uint8)
        near[20:28, 26:38] = 200
        assert Camera(zoom=4).seen(near, SPEC).mean() > 8 * near.mean()
        assert Camera().seen(picture(9, 100, 30), SPEC).shape == (48, 64, 3)


class TestDesk:
    def test_fields_are_set_as_on_the_command_line(self):
        desk = Desk([Grade(), Grade(saturation=0)])
        desk.set("grade.exposure", "1.5")
        desk.set("grade2.saturation", 0.5)
        desk.set("camera.mirror", "yes")
        assert desk.get("grade.exposure") == 1.5
        assert [effect.saturation for effect in desk.lineup.effects[1:]] == [1.0, 0.5]  # type: ignore[attr-defined]
        assert desk.camera.mirror

    @pytest.mark.parametrize(
        ("address", "value", "said"),
        [
            ("grad.exposure", 1, "Did you mean grade"),
            ("grade.exposur", 1, "Did you mean exposure"),
            ("grade.exposure", "loud", "--exposure 'loud'"),
            ("camera.zoom", 99, "--zoom 99"),
        ],
    )
    def test_what_makes_no_sense_is_said_and_changes_nothing(self, address, value, said):
        desk = Desk([Grade()])
        before = list(desk.lineup.effects)
        with pytest.raises(UseError, match=said):
            desk.set(address, value)
        assert desk.lineup.effects == before

    def test_other_sizes_make_another_lineup_and_leave_the_running_one_alone(self):
        desk = Desk([Crop(x=0, y=0, width=32, height=32)])
        desk.begin(SPEC)
        restarts = []
        desk.on_restart = lambda: restarts.append(1)
        running = desk.lineup
        desk.set("crop.x", 4)
        assert desk.lineup is running
        desk.set("crop.width", 16)
        assert restarts == [1]
        assert desk.lineup is not running
        assert running.effects[1].width == 32  # type: ignore[attr-defined]

    def test_settings_that_came_while_a_picture_was_made_have_not_worked_yet(self):
        desk = Desk([Count()])
        assert not desk.go_back()
        tried = desk.asked
        desk.set("test_live.step", 3)
        desk.worked(tried)
        assert desk.go_back()
        assert desk.get("test_live.step") == 1
        assert not desk.go_back()

    def test_what_needs_a_whole_film_is_refused(self):
        with pytest.raises(UseError, match="reverse needs a whole film"):
            Desk([Reverse()])

    def test_choices_go_round(self):
        desk = Desk([Count()], [Choice("test_live.step", str(n)) for n in (10, 20, 30)])
        seen = []
        for step in (1, 1, 1, -1):
            desk.go_round(step)
            seen.append(desk.get("test_live.step"))
        assert seen == [20, 30, 10, 30]

    def test_a_choice_that_is_not_there_is_said(self):
        desk = Desk([Count()], [Choice("test_live.step", str(n)) for n in (10, 20, 30, 40)])
        for number in (0, 9, 77):
            with pytest.raises(UseError, match=f"There are 4 choices, and {number} is none"):
                desk.pick(number)
        assert desk.get("test_live.step") == 1
        with pytest.raises(UseError, match="no choices"):
            Desk([Count()]).go_round(1)

    def test_what_the_camera_does_not_take_is_said_with_a_page_that_is_there(self):
        with pytest.raises(UseError, match=r"--zoom 'abc'.*See: melies live --help"):
            Desk([]).set("camera.zoom", "abc")

    def test_effects_with_a_field_for_the_face_at_rest_take_the_word(self):
        desk = Desk([Count(), Grade()])
        assert desk.refer("first")
        assert desk.get("test-live.neutral") == "first"
        assert not Desk([Grade()]).refer("auto")


class TestShow:
    def test_every_picture_arrives_when_there_is_time_and_threads_end(self):
        source = Script(*range(1, 8))
        show, sink = play(source, Count())
        with show:
            show.run()
        assert [one.image[1, 1, 0] for one in sink.frames] == list(range(1, 8))
        assert [one.image[0, 0, 0] for one in sink.frames] == list(range(7))
        assert show.numbers.shown == 7
        assert sink.closed
        assert not threads()

    def test_the_show_begins_when_effects_are_ready_and_what_they_hold_back_at_the_end_does_not_count(
        self, monkeypatch
    ):
        clock, source = Still(), Script(1)
        show, sink = play(source, Held(), clock=clock, seconds=4, house=picture(77))

        def load() -> None:
            clock.time = 9.0
            until(lambda: sink.held)

        monkeypatch.setattr(Held, "_taken", [])
        monkeypatch.setattr(Held, "_loading", staticmethod(load))
        source.seen.release()
        source.acts += [lambda: until(lambda: len(Held._taken) == 2), 2, 3]
        with show:
            show.run()
        assert (sink.held[0] == 77).all()
        assert [one.image[0, 0, 0] for one in sink.frames] == [1, 2, 3]
        assert sink.frames[0].pts == 0
        assert show.numbers.latency(1) == 0
        assert show.numbers.shown == 2

    def test_calibrate_and_reference_begin_afresh(self):
        source = Script(1, 2)
        show, sink = play(source, Count())
        source.acts += [lambda: show.do("calibrate"), 3, 4, lambda: show.do("reference"), 5]
        with show:
            show.run()
        assert [one.image[0, 0, 0] for one in sink.frames] == [0, 1, 0, 1, 0]
        assert show.desk.get("test_live.neutral") == "auto"

    def test_anything_can_be_set_meanwhile(self):
        source = Script(1)
        show, sink = play(source, Count())
        source.acts += [lambda: show.do("test_live.step 7"), 2, lambda: show.do("test-live.step = 9"), 3]
        with show:
            show.run()
        assert [one.image[0, 0, 1] for one in sink.frames] == [1, 7, 9]

    def test_a_change_of_size_begins_again(self):
        source = Script(1)
        show, sink = play(source, Crop(x=0, y=0, width=32, height=32))
        # The lineup begins with the picture that the one before ended with.
        source.acts += [lambda: (show.do("crop.width 16"), source.seen.acquire(timeout=20)), 2]
        with show:
            show.run()
        assert [one.image.shape[1] for one in sink.frames] == [32, 16, 16]
        assert [spec.width for spec in sink.begun] == [32, 16]

    def test_an_effect_that_fails_ends_an_ordinary_show(self):
        show, sink = play(Script(1, 2), Fragile(weak=1))
        with pytest.raises(ValueError, match="too weak"), show:
            show.run()
        assert not sink.frames
        assert not threads()

    def test_an_installation_goes_on_and_never_shows_the_untouched_picture(self):
        source = Script(1)
        show, sink = play(source, Fragile(weak=2), tireless=True, clock=Steps())
        source.acts += [source.seen.release, 2, lambda: until(lambda: show.numbers.failures > 0), 3]
        with show:
            show.run()
        shown = [one.image[1, 1, 0] for one in sink.frames]
        assert shown == [254, 252]

    def test_a_setting_that_does_not_work_is_undone(self, caplog):
        source = Script(1)
        show, sink = play(source, Fragile())
        source.acts += [lambda: show.do("test_live.broken yes"), 2, 3, 4]
        with show:
            show.run()
        assert "is undone: It is broken." in caplog.text
        assert show.desk.get("test_live.broken") is False
        assert sink.frames[-1].image[1, 1, 0] == 251

    def test_a_recording_that_fails_is_left_out_and_the_show_goes_on(self, tmp_path, caplog, monkeypatch):
        source = Script(1)
        show, sink = play(source, recordings=tmp_path)

        def full(recorder, one, seen):
            raise MediaError("The disk is full.")

        monkeypatch.setattr(Recorder, "show", full)
        source.acts += [lambda: show.do("record"), 2, 3]
        with show:
            show.run()
        assert len(sink.frames) == 3
        assert caplog.text.count("The disk is full.") == 1

    def test_a_show_without_pictures_and_without_a_reason_is_not_well(self):
        clock = Steps()
        show, _ = play(Script(), clock=clock)
        show.numbers.saw(0, 10)
        clock.time = 60
        assert show.healthy
        clock.time = 80
        assert not show.healthy
        show.feed.lost_since = 30.0
        assert show.healthy

    def test_only_the_performer_sees_the_overlay_and_the_figures(self):
        source = Script(200)
        show, sink = play(source, Fragile(), preview=True)
        clean = Kept(Script())
        show.add(clean)
        source.acts += [lambda: [show.do("stronger") for _ in range(5)], 200, lambda: show.do("numbers"), 200]
        with show:
            show.run()
        assert [one.image[1, 1, 0] for one in clean.frames] == [55, 55, 55]
        corners = [int(one.image[-1, -1, 0]) for one in sink.frames]
        assert corners == pytest.approx([55, 128, 128], abs=1)
        assert (sink.frames[2].image != sink.frames[1].image).any()

    def test_the_picture_of_the_house_is_shown_while_the_camera_is_away(self):
        source = Script(MediaError("There is none."))
        show, sink = play(source, tireless=True, clock=Steps(), house=picture(77), seconds=30)
        source.pictures = Script(*[MediaError("There is none.")] * 9999).pictures  # type: ignore[method-assign]
        with show:
            show.run()
        assert sink.held
        assert (sink.held[-1] == 77).all()
        assert not sink.frames

    def test_a_camera_that_was_never_there_is_said(self):
        show, _ = play(Script(MediaError("There is no camera.")))
        with pytest.raises(MediaError, match="There is no camera"), show:
            show.run()

    def test_a_source_that_breaks_in_an_unforeseen_way_ends_the_show(self):
        show, sink = play(Script(1, ZeroDivisionError("a bug")))
        with pytest.raises(ZeroDivisionError), show:
            show.run()
        assert len(sink.frames) == 1
        assert not threads()

    def test_mirror_zoom_choices_and_help_have_keys(self):
        show, _ = play(Script(), Count(), choices=[Choice("test_live.step", "3"), Choice("test_live.step", "4")])
        show.do("mirror")
        show.do("closer")
        show.do("choice 2")
        assert show.desk.camera.mirror
        assert show.desk.camera.zoom == pytest.approx(1.1)
        assert show.desk.get("test_live.step") == 4
        show.do("next")
        assert show.desk.get("test_live.step") == 3
        assert "calibrate" in show.do("help")


class TestRecorder:
    def test_results_become_a_film_that_says_what_was_made(self, tmp_path):
        path = tmp_path / "show.mp4"
        source = Script(*range(0, 250, 25))
        show, _ = play(source, Fragile())
        show.add(Recorder(path, SaveOptions(preset="ultrafast")))
        with show:
            show.run()
        clip = melies.open(path)
        frames = list(clip.frames())
        assert len(frames) == 10
        assert frames[0].pts == 0
        assert all(a.time < b.time for a, b in pairwise(frames))
        assert frames[0].image.mean() == pytest.approx(255, abs=3)
        assert provenance.read(path) == ("A face was made up for a test.",)

    def test_a_key_begins_and_ends_one(self, tmp_path):
        source = Script(1)
        show, _ = play(source, recordings=tmp_path)
        source.acts += [lambda: show.do("record"), 2, 3, lambda: show.do("record"), 4]
        with show:
            show.run()
        (path,) = tmp_path.glob("melies-*.mp4")
        assert len(list(melies.open(path).frames())) == 2

    def test_a_recording_that_ends_before_its_first_picture_is_said_and_the_keys_go_on_working(self, tmp_path, caplog):
        source = Script(1)
        show, sink = play(source, recordings=tmp_path)

        def twice() -> None:
            follow_lines(show, io.StringIO("r\nr\nm\n")).join()

        source.acts += [twice, 2, lambda: show.ask("record"), lambda: show.ask("quit")]
        with show:
            show.run()
        assert show.desk.camera.mirror
        assert [frame.image[5, 5, 0] for frame in sink.frames] == [1, 2]
        assert caplog.text.count("was not written: it ended before its first picture.") == 2
        assert not list(tmp_path.iterdir())

    def test_a_show_without_a_picture_writes_none_and_says_so(self, tmp_path):
        recorder = Recorder(tmp_path / "show.mp4", SaveOptions())
        recorder.begin(SPEC, ())
        with pytest.raises(MediaError, match="it ended before its first picture"):
            recorder.close()
        assert not list(tmp_path.glob("*.mp4"))

    def test_pictures_of_another_size_are_fitted_in(self, tmp_path):
        path = tmp_path / "show.mp4"
        recorder = Recorder(path, SaveOptions(preset="ultrafast"))
        recorder.begin(SPEC, ())
        recorder.show(frame(1), lambda: None)
        recorder.show(Frame(np.zeros((20, 90, 4), np.uint16), 7200, TICK, 3600), lambda: None)
        recorder.close()
        assert [one.image.shape for one in melies.open(path).frames()] == [(48, 64, 3)] * 2

    def test_what_cannot_be_written_is_said_before_anything_begins(self, tmp_path):
        there = tmp_path / "there.mp4"
        there.write_bytes(b"mine")
        for path, said in (
            (there, "exists already"),
            (tmp_path / "no" / "show.mp4", "no folder"),
            (tmp_path / "show.wav", "sound"),
            (tmp_path / "show.xyz", "cannot be written"),
        ):
            with pytest.raises(UseError, match=said):
                Recorder(path, SaveOptions())
        assert there.read_bytes() == b"mine"


def test_numbers_keep_no_more_however_long_it_runs():
    numbers = Numbers()
    for index in range(5 * KEPT):
        numbers.saw(index / 25, index / 25 + (0.04 if index % 10 else 0.2))
    assert numbers.shown == 5 * KEPT
    assert numbers.latency() == pytest.approx(0.04)
    assert numbers.latency(0.95) == pytest.approx(0.2)
    assert numbers.rate == pytest.approx(25, rel=0.05)
    json.dumps(numbers.plain())
    assert len(numbers._late) == KEPT


def test_live_of_the_command_line_writes_a_film(tmp_path: Path, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("o\n"))
    path = tmp_path / "show.mkv"
    words = ["live", "grade", "--saturation", "0", "--camera", "synthetic", "--size", "96x64", "--to", str(path)]
    with pytest.raises(SystemExit) as left:
        cli.main([*words, "--seconds", "0.6", "--json"])
    assert not left.value.code
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["event"] == "done"
    image = next(melies.open(path).frames()).image.astype(int)
    assert image.shape == (64, 96, 3)
    assert np.abs(image[..., 0] - image[..., 1]).max() <= 3

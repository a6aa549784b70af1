"""The ways to a show from outside: OSC, MIDI, lines, recipes, the stream, the window, the command line, the kiosk."""

import io
import json
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from fractions import Fraction
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from melies import cli
from melies.effects.grade import Grade
from melies.errors import MediaError, UseError
from melies.frame import Frame, VideoSpec
from melies.live import kiosk
from melies.live.clock import TICK
from melies.live.desk import Choice, Desk
from melies.live.keys import COMMANDS, command_of, help_text
from melies.live.options import find_choices
from melies.live.remote import Inbox, Mapping, Midi, Osc, Watched, follow_lines
from melies.live.show import Show
from melies.live.sinks import Recorder, VirtualCamera
from melies.live.sources import Pattern
from melies.live.stream import Stream
from melies.live.window import Window
from melies.media.output import SaveOptions
from melies.media.synthetic import write_clip


def show_of(*effects) -> Show:
    return Show(Pattern((64, 48), Fraction(25)), Desk(effects))


def until(happened) -> None:
    end = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


class TestKeys:
    def test_every_command_has_a_key_and_something_that_does_it(self):
        for name, (key, about) in COMMANDS.items():
            assert about in help_text()
            assert name in ("choice", "help") or callable(getattr(Show, f"_do_{name}"))
            assert command_of(key[0]) == ("choice 1" if name == "choice" else name)
        assert command_of("Escape") == "quit"
        assert command_of("Right") == "next"
        assert command_of("=") == "closer"
        assert command_of("") == command_of("Shift_L") == ""

    def test_lines_do_the_same(self, caplog):
        answers: list[str] = []
        show = Show(Pattern(), Desk([Grade()]), say=answers.append)
        follow_lines(
            show, io.StringIO("m\n\ngrade.exposure 0.5\ngrade.nothing 1\nmiror\n77\nm m\ngrade.exposure\nchoice\nh\n")
        ).join()
        assert show.desk.camera.mirror
        assert show.desk.get("grade.exposure") == 0.5
        assert "no setting 'nothing'" in answers[0]
        assert "no command 'miror'. Did you mean mirror?" in answers[1]
        assert "no command '77'" in answers[2]
        assert "no command 'm'" in answers[3]
        assert "grade.exposure needs a value" in answers[4]
        assert "which one?" in answers[5]
        assert answers[6:] == [help_text()]


def test_a_request_that_fails_is_said_and_the_show_goes_on(caplog, monkeypatch):
    answers: list[str] = []
    show = Show(Pattern(), Desk([Grade()]), say=answers.append)

    def full(show: Show) -> None:
        raise MediaError("The disk is full.")

    monkeypatch.setattr(Show, "_do_record", full)
    follow_lines(show, io.StringIO("r\nm\n")).join()
    assert show.desk.camera.mirror
    inbox = Inbox()
    for _ in range(2):
        inbox.put("record", partial(show.do, "record"), newest=False)
    inbox.put("mirror", partial(show.do, "mirror"), newest=False)
    inbox.close()
    assert not show.desk.camera.mirror
    assert answers == []
    assert caplog.messages == ["The disk is full.", "record: The disk is full."]


class TestOsc:
    @pytest.fixture
    def osc(self):
        pytest.importorskip("pythonosc", reason="python-osc is not installed")
        show = show_of(Grade())
        osc = Osc(show, "0")
        yield show, osc
        osc.close()

    def test_messages_from_the_network_turn_fields(self, osc):
        from pythonosc.udp_client import SimpleUDPClient

        show, server = osc
        client = SimpleUDPClient("127.0.0.1", server.port)
        client.send_message("/melies/grade/exposure", 1.25)
        client.send_message("/melies/mirror", 1)
        until(lambda: show.desk.get("grade.exposure") == 1.25 and show.desk.camera.mirror)
        client.send_message("/melies/mirror", 0)  # the button is let go
        client.send_message("/melies/camera/zoom", 2)
        until(lambda: show.desk.camera.zoom == 2)
        assert show.desk.camera.mirror
        client._sock.close()

    def test_nonsense_is_said_once_and_changes_nothing(self, osc, caplog):
        show, server = osc
        for _ in range(3):
            server.receive("/melies/grade/exposure", "loud")
        server.receive("/melies/grade/nothing", 1)
        server.receive("/other/grade/exposure", 2.0)
        server.receive("/melies/grade/lut", "/etc/passwd")
        server.receive("/melies/choice", "many")
        server.receive("/melies/grade/exposure")
        until(lambda: len(caplog.records) >= 4)
        server._inbox.close()
        assert len(caplog.records) == 4
        assert "not taken from the network" in caplog.text
        assert show.desk.get("grade.exposure") == 0

    def test_only_this_computer_is_listened_to(self, osc):
        assert osc[1]._server.server_address[0] == "127.0.0.1"

    def test_a_port_that_is_none_is_refused(self):
        pytest.importorskip("pythonosc", reason="python-osc is not installed")
        with pytest.raises(UseError, match="should be a port"):
            Osc(show_of(), "loud")


def test_of_the_values_that_wait_for_a_field_only_the_newest_counts():
    inbox, done, gate = Inbox(), [], threading.Event()
    inbox.put("first", lambda: gate.wait(20), newest=False)
    for value in range(5):
        inbox.put("fader", partial(done.append, value), newest=True)
        inbox.put("button", partial(done.append, "push"), newest=False)
    gate.set()
    inbox.close()
    assert sorted(map(str, done)) == ["4", *["push"] * 5]


class TestMidi:
    def test_mappings_are_read(self):
        desk = Desk([Grade()])
        mapping = Mapping.read("cc 21 = grade.exposure -1..1.5", desk)
        assert (mapping.kind, mapping.number, mapping.low, mapping.high) == ("control_change", 21, -1, 1.5)
        assert Mapping.read("note 36 ch 10 = calibrate", desk).channel == 10
        choices = Desk([Grade()], [Choice("grade.exposure", str(n)) for n in range(12)])
        assert Mapping.read("note 37 = choice 12", choices).target == "choice 12"
        assert Mapping.read("cc 1 = camera.zoom", desk).high == 8

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("cc = x", "is not understood"),
            ("cc 1 = camera.zoom 1.2.3..4", "is not understood"),
            ("cc 1 = grade.nothing", "no setting 'nothing'"),
            ("cc 1 = grade.nothing 0..1", "no setting 'nothing'"),
            ("cc 1 = caption.text", "No effect 'caption'"),
            ("cc 1 = grade.lut 0..1", "--lut"),
            ("note 1 = sing", "no command 'sing'"),
            ("note 1 = calibrate 3", "takes nothing behind it"),
            ("note 1 = calibrate 0..1", "a command has no range"),
            ("note 36 = choice", "which one"),
            ("note 36 = choice 2", "There is 1 choice, and 2 is none"),
            ("cc 999 = camera.zoom", "from 0 to 127"),
            ("cc 1 ch 99 = camera.zoom", "from 1 to 16"),
            ("cc 1 ch 0 = camera.zoom", "from 1 to 16"),
            ("cc 1 = camera.zoom 0..2", "--zoom 0"),
            ("cc 1 = camera.zoom 1..80", "--zoom 80"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, text, said):
        with pytest.raises(UseError, match=said):
            Mapping.read(text, Desk([Grade()], [Choice("grade.exposure", "1")]))

    def test_controllers_and_notes_turn_fields(self, monkeypatch):
        mido = pytest.importorskip("mido", reason="mido is not installed")
        ports: list = []

        class Port:
            def __init__(self, name, callback):
                ports.append(self)
                self.name, self.send, self.closed = name, callback, False

            def close(self):
                self.closed = True

        monkeypatch.setattr(mido, "get_input_names", lambda: ["Through", "nanoKONTROL2 1"])
        monkeypatch.setattr(mido, "open_input", Port)
        show = show_of(Grade())
        texts = ("cc 21 = camera.zoom 1..4", "cc 22 ch 2 = camera.mirror", "note 36 = numbers")
        midi = Midi(show, [Mapping.read(text, show.desk) for text in texts], "nanokontrol")
        (port,) = ports
        assert port.name == "nanoKONTROL2 1"
        port.send(mido.Message("control_change", control=21, value=127))
        until(lambda: show.desk.camera.zoom == 4)
        port.send(mido.Message("control_change", control=22, value=127))
        port.send(mido.Message("control_change", control=21, value=0))
        until(lambda: show.desk.camera.zoom == 1)
        assert not show.desk.camera.mirror, "it is for channel 2"
        port.send(mido.Message("control_change", control=22, value=127, channel=1))
        port.send(mido.Message("note_on", note=36, velocity=90))
        port.send(mido.Message("note_on", note=36, velocity=0))
        port.send(mido.Message("note_on", note=40, velocity=90))
        midi.close()
        assert port.closed
        assert show.desk.camera.mirror
        assert show.numbers_shown

    def test_no_port_is_said(self, monkeypatch):
        mido = pytest.importorskip("mido", reason="mido is not installed")
        monkeypatch.setattr(mido, "get_input_names", list)
        with pytest.raises(UseError, match="no MIDI port"):
            Midi(show_of(), [])


class TestRecipe:
    def test_a_saved_recipe_is_taken_over_and_a_broken_one_is_not(self, tmp_path, caplog):
        recipe = tmp_path / "stage.yaml"
        recipe.write_text("version: 1\neffects:\n  - grade: {exposure: 1}\n")
        desk = Desk([Grade(exposure=1)])
        taken: list[int] = []
        watched = Watched(recipe, desk, lambda: taken.append(1))
        watched.look()
        assert not taken
        recipe.write_text("version: 1\neffects:\n  - grade: {exposure: 2.0}\n")
        watched.look()
        assert desk.get("grade.exposure") == 2
        recipe.write_text("version: 1\neffects:\n  - grade: {exposure: loud}\n")
        watched.look()
        watched.look()
        assert len([r for r in caplog.records if "left aside" in r.message]) == 1
        assert desk.get("grade.exposure") == 2
        recipe.write_text("version: 1\neffects: [sharpen, grade]\n")
        watched.look()
        assert list(desk.names()) == ["camera", "sharpen", "grade"]
        recipe.unlink()
        watched.look()
        assert taken == [1, 1]


class TestStream:
    @pytest.fixture
    def stream(self):
        stream = Stream(port=0, numbers=lambda: {"fps": 25.0})
        yield stream
        stream.close()
        assert not [thread for thread in threading.enumerate() if thread.name == "melies stream"]

    def get(self, stream, path, host=None):
        request = urllib.request.Request(stream.address + path)
        if host:
            request.add_header("Host", host)
        return urllib.request.urlopen(request, timeout=10)

    def test_pictures_page_and_figures(self, stream):
        image = np.zeros((48, 64, 3), np.uint8)
        image[..., 0] = 200
        stream.show(Frame(image, 0, TICK, 1), lambda: None)
        with self.get(stream, "") as page:
            assert b"/stream.mjpg" in page.read()
        with self.get(stream, "numbers.json") as figures:
            assert json.load(figures) == {"fps": 25.0}
        with self.get(stream, "picture.jpg") as answer:
            seen = cv2.imdecode(np.frombuffer(answer.read(), np.uint8), cv2.IMREAD_COLOR_RGB)
        assert np.abs(seen.astype(int) - image).max() < 12

    def test_the_stream_follows_the_newest_picture_and_ends(self, stream):
        stream.show(Frame(np.full((48, 64, 3), 10, np.uint8), 0, TICK, 1), lambda: None)
        with self.get(stream, "stream.mjpg") as answer:
            assert "multipart/x-mixed-replace" in answer.headers["Content-Type"]
            assert answer.readline().startswith(b"--")
            assert answer.readline() == b"Content-Type: image/jpeg\r\n"
            stream.ended = True
            stream.show(Frame(np.zeros((48, 64, 3), np.uint8), 0, TICK, 1), lambda: None)
            assert answer.read().count(b"Content-Type") == 0

    def test_a_page_elsewhere_cannot_look_in(self, stream):
        with pytest.raises(urllib.error.HTTPError) as refused:
            self.get(stream, "", host="evil.example")
        assert refused.value.code == 403
        refused.value.close()
        with pytest.raises(urllib.error.HTTPError) as missing:
            self.get(stream, "etc/passwd")
        assert missing.value.code == 404
        missing.value.close()

    def test_a_port_in_use_is_said(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            with pytest.raises(UseError, match="cannot listen"):
                Stream(port=taken.getsockname()[1])


class TestWindow:
    def test_it_shows_pictures_and_knows_keys(self):
        keys: list[str] = []
        try:
            window = Window(keys.append)
        except UseError as error:
            pytest.skip(str(error))
        stop = threading.Event()
        seen: list[int] = []
        window.show(Frame(np.full((48, 64, 3), 90, np.uint8), 0, TICK, 1), lambda: seen.append(1))
        ticks: list[int] = []

        def tick() -> None:
            ticks.append(1)
            window._root.event_generate("<Key>", keysym="x")
            window._root.event_generate("<Key>", keysym="Right")
            if seen:
                stop.set()

        window.run(stop, tick, 0.02)
        window.close()
        assert seen == [1]
        assert keys[:2] == ["calibrate", "next"]


class TestCommand:
    @pytest.fixture
    def live(self, capsys, monkeypatch):
        monkeypatch.setattr("sys.stdin", io.StringIO())

        def run(*words):
            with pytest.raises(SystemExit) as left:
                cli.main(["live", *map(str, words)])
            return left.value.code or 0, capsys.readouterr()

        return run

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["nothing"], "no effect 'nothing'"),
            (["reverse", "--camera", "synthetic", "--to", "stream", "--port", "0"], "needs a whole film"),
            (["--camera", "synthetic", "--to", "nowhere"], "should be window, virtual-camera, stream"),
            (["--camera", "synthetic", "--size", "huge"], "--size"),
            (["--camera", "/dev/melies-none", "--to", "stream", "--port", "0"], "cannot be read: there is none"),
            (
                ["puppet", "--portrait", "none.jpg", "--camera", "synthetic", "--to", "stream", "--port", "0"],
                "The portrait none.jpg does not exist",
            ),
            (["--choices", "grade.lut=nowhere/*", "grade"], "no file is called so"),
            (["--midi", "cc 1 = grade.exposure"], "No effect 'grade'"),
            (["--zoom", "0.1"], "--zoom"),
            (["--size", "99999x99999"], "--size '99999x99999': should be width and height"),
            (["--camera", ""], "--camera is empty"),
            (["--to", "o.png"], "o.png is one picture, and a show has many. Write a film such as o.mp4"),
            (["--recordings", "/nodir"], "--recordings /nodir: there is no such folder"),
            (["--to", "stream", "--to", "stream"], "--to stream is given twice"),
        ],
    )
    def test_what_cannot_be_done_is_said(self, live, words, said):
        status, text = live(*words)
        assert status in (1, 2)
        assert said in text.err
        assert "The stream is at" not in text.err
        assert "calibrate" not in text.err

    def test_nothing_of_the_user_is_written_over(self, live, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        film = write_clip(tmp_path / "film.mp4", frames=3)
        recipe = tmp_path / "stage.yaml"
        recipe.write_text("effects: [grade]\n")
        cv2.imwrite("stars.png", np.zeros((48, 64, 3), np.uint8))
        before = {path: path.read_bytes() for path in tmp_path.iterdir()}
        camera = ("--camera", film, "--seconds", "0.2", "--overwrite")
        for words, said in (
            (["--to", "film.mp4"], "film.mp4 is both input and output"),
            (["compose", "--background", film, "--camera", "synthetic", "--to", film], "both input and output"),
            (["--to", "stars.png"], "one picture"),
            (["compose", "--background", "stars.png", "--to", "out.mkv", "--log", "stars.png"], "no log of a show"),
            (["--to", "stars-%04d.png", "--to", "./stars-%04d.png"], "is given twice"),
            (["--to", "new.mkv", "--log", "new.mkv"], "both --log and --to"),
            (["--to", "new.mkv", "--log", film], "no log of a show"),
            (["--recipe", recipe, "--to", "new.mkv", "--log", recipe], "no log of a show"),
        ):
            status, text = live(*camera, *words)
            assert status == 2
            assert said in text.err
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
        with pytest.raises(UseError, match="both input and output"):
            Recorder(film, SaveOptions(overwrite=True), [film])

    def test_help_explains_the_options(self, live):
        status, text = live("--help")
        assert status == 0
        assert all(word in text.out for word in ("--camera", "--to", "--osc", "--kiosk", "--preset"))

    def test_a_field_with_choices_need_not_be_given(self, live, tmp_path):
        for name in ("b", "a"):
            cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((48, 64, 3), 9, np.uint8))
        out = tmp_path / "show.mkv"
        camera = ("--camera", "synthetic", "--size", "64x48", "--to", out, "--seconds", "0.4", "--quiet")
        status, text = live("--choices", f"compose.background={tmp_path}/*.png", "compose", *camera)
        assert (status, text.err) == (0, "")
        assert out.stat().st_size

    def test_choices_are_files_in_the_order_of_their_names(self, tmp_path):
        for name in ("b.png", "a.png", ".hidden"):
            (tmp_path / name).touch()
        assert [Path(choice.value).name for choice in find_choices([f"puppet.portrait={tmp_path}"])] == [
            "a.png",
            "b.png",
        ]

    def test_a_kiosk_is_watched_by_another_process(self, live, monkeypatch):
        commands: list = []
        monkeypatch.setattr(kiosk, "watch", lambda command, **_: commands.append(command) or 0)
        monkeypatch.delenv(kiosk.PULSE, raising=False)
        assert live("grade", "--exposure", "1", "--kiosk")[0] == 0
        assert commands == [[sys.executable, "-m", "melies", "live", "grade", "--exposure", "1", "--kiosk"]]

    def test_a_virtual_camera_that_is_not_there_is_said(self):
        with pytest.raises(UseError, match=r"pyvirtualcam|virtual camera"):
            VirtualCamera().begin(VideoSpec(64, 48, Fraction(25), TICK), ())


class TestKiosk:
    def command(self, tmp_path, body: str) -> list[str]:
        """A program that knows how often it has run, and does what `body` says."""
        count = tmp_path / "count"
        start = f"import pathlib, sys, time; c = pathlib.Path({str(count)!r}); c.open('a').write('x')"
        return [sys.executable, "-S", "-c", f"{start}; n = len(c.read_text()); {body}"]

    def test_a_show_that_crashes_begins_again_with_growing_pauses(self, tmp_path):
        pauses: list[float] = []
        command = self.command(tmp_path, "sys.exit(0 if n == 4 else 1)")
        assert kiosk.watch(command, look=0.02, sleep=pauses.append) == 0
        assert pauses == [1, 2, 4]

    def test_one_that_hangs_is_ended(self, tmp_path, caplog):
        command = self.command(tmp_path, "n == 2 and sys.exit(0); time.sleep(60)")
        assert kiosk.watch(command, hung=0.3, look=0.02, sleep=lambda seconds: None) == 0
        assert "hangs" in caplog.text

    def test_one_that_makes_no_sense_is_not_tried_again(self, tmp_path):
        assert kiosk.watch(self.command(tmp_path, "sys.exit(2)"), look=0.02) == 2
        assert (tmp_path / "count").read_text() == "x"

    def test_a_healthy_show_has_a_pulse(self, tmp_path, monkeypatch):
        pulse = tmp_path / "pulse"
        monkeypatch.setenv(kiosk.PULSE, str(pulse))
        kiosk.beat(lambda: False)
        assert not pulse.exists()
        kiosk.beat(lambda: True)
        assert pulse.exists()

    def test_a_show_that_was_begun_again_knows_why(self, tmp_path, monkeypatch):
        told = f"__import__('os').environ[{kiosk.WHY!r}]"
        command = self.command(tmp_path, f"n == 2 and c.write_text({told}) and sys.exit(0); sys.exit(7)")
        kiosk.watch(command, look=0.02, sleep=lambda seconds: None)
        monkeypatch.setenv(kiosk.WHY, (tmp_path / "count").read_text())
        with kiosk.logged(tmp_path / "stage.log"):
            kiosk.hourly(lambda: "25 fps", hour=0)()
        first, second = (tmp_path / "stage.log").read_text().splitlines()
        assert "status 7" in first
        assert second.endswith("INFO 25 fps")

    def test_the_log_is_kept_small(self, tmp_path):
        path = tmp_path / "stage.log"
        with kiosk.logged(path):
            for _ in range(60):
                kiosk.log.info("x" * 100_000)
        files = list(tmp_path.iterdir())
        assert len(files) == 5
        assert sum(file.stat().st_size for file in files) < 6 << 20
        with pytest.raises(UseError, match="log"), kiosk.logged(tmp_path / "no" / "log"):
            pass

    def test_only_a_log_is_written_on(self, tmp_path):
        path = tmp_path / "stage.log"
        for _ in range(2):
            with kiosk.logged(path):
                kiosk.log.info("on and on")
        assert path.read_text().count("on and on") == 2
        (tmp_path / "stage.log.2").write_bytes(b"\x00mine")
        with pytest.raises(UseError, match=r"stage\.log\.2 is no log"), kiosk.logged(path):
            pass

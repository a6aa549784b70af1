"""Numbers that follow sound while it comes in; a file stands in for the microphone that no test has."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from pydantic import Field

from melies.effect import FrameEffect
from melies.errors import UseError
from melies.frame import Frame, Image, Sound
from melies.hearing.features import RATE, hear
from melies.hearing.memory import Memory
from melies.hearing.synthetic import Song, song, write_wave
from melies.live import ears
from melies.live.desk import Desk
from melies.live.ears import Ear, Ears, Following, microphone
from melies.live.show import Show
from melies.live.sinks import Sink
from melies.live.sources import Pattern


class Level(FrameEffect):
    """Paint everything one grey."""

    level: float = Field(0.0, ge=0, le=1, description="how bright")

    def process(self, image: Image) -> Image:
        """Paint it."""
        return np.full_like(image, round(self.level * 255))


@pytest.fixture(scope="module")
def piece() -> Song:
    return song(120, "A", bars=6)


def test_what_is_heard_live_is_what_is_heard_in_a_file(piece: Song) -> None:
    heard = hear(lambda: iter([Sound(piece.samples[:, None], RATE, 0)]), "song")
    memory = Memory()
    for at in range(0, len(piece.samples), 500):
        memory.push(piece.samples[at : at + 500])
    now = round(memory.seconds * 100)
    assert now >= len(piece.samples) / RATE * 100 - 2
    for name in ("rms", "bass", "mid", "high", "onset"):
        live, batch = memory.row(name, Fraction(100), 400), heard.whole(name)[now - 400 : now]
        inner = (live < 1) & (batch < 1) & (batch > 0.01)
        assert inner.sum() > 100
        scale = np.median(live[inner] / batch[inner])
        assert 0.7 < scale < 1.5
        np.testing.assert_allclose(live[inner], scale * batch[inner], rtol=1e-3)


def test_beats_go_on_as_they_were(piece: Song) -> None:
    memory = Memory()
    for at in range(0, 9 * RATE, 480):
        memory.push(piece.samples[at : at + 480])
    assert memory.row("tempo", Fraction(25), 1)[0] == pytest.approx(120, rel=0.02)
    beat = memory.row("beat", Fraction(100), 300)  # 6 s to 9 s
    high = np.flatnonzero((beat[1:-1] >= beat[:-2]) & (beat[1:-1] > beat[2:]) & (beat[1:-1] > 0.9)) + 1
    assert np.abs((6 + (high + 0.5) / 100) % 0.5 - 0.25).min() > 0.2  # near 0 or 0.5


def test_the_hiss_of_a_room_is_no_music() -> None:
    memory = Memory()
    noise = 0.0003 * np.random.default_rng(1).standard_normal(4 * RATE).astype(np.float32)
    memory.push(noise)
    for name in ("rms", "bass", "mid", "high", "onset"):
        assert memory.row(name, Fraction(25), 50).max() < 0.5
    assert not memory.row("beat", Fraction(25), 50).any()
    assert not Memory().row("rms", Fraction(30000, 1001), 50).any()


def test_memory_does_not_grow() -> None:
    memory = Memory()
    for _ in range(80):
        memory.push(np.zeros(RATE // 2, np.float32))
    assert memory.seconds == pytest.approx(40, abs=0.1)
    assert len(memory._raw["rms"]) == 3000


@pytest.mark.parametrize(
    ("formula", "said"), [("section", "when a piece has ended"), ("bass|sum", "no end"), ("bar", "Live there is rms")]
)
def test_what_cannot_be_known_live_is_refused(formula: str, said: str) -> None:
    with pytest.raises(UseError) as refused:
        Following(Level(react=[f"level={formula}"]), Fraction(25), lambda *_: np.zeros(200))
    assert said in f"{refused.value.message} {refused.value.hint}"


def test_formulas_look_back(piece: Song) -> None:
    rows = np.zeros(200)
    rows[-6] = 1.0

    def row(name: str, rate: Fraction, count: int) -> np.ndarray:
        assert (name, count) == ("onset", 200)
        return rows

    following = Following(Level(react=["level=onset|decay(0.2)"]), Fraction(25), row)
    now = following.at(3.0)
    assert now.level == pytest.approx(np.exp(-1))  # type: ignore[attr-defined]
    assert following.at(3.01) is now
    assert following.at(3.05) is now  # nothing changed
    timed = Following(Level(react=["level=t/10"]), Fraction(25), row)
    assert timed.at(5.0).level == pytest.approx(0.5)  # type: ignore[attr-defined]


class Kept(Sink):
    """Remembers how bright pictures were."""

    preview = False

    def __init__(self) -> None:
        self.light: list[float] = []

    def show(self, frame: Frame, seen: Callable[[], None]) -> None:
        self.light.append(float(frame.image.mean()))
        seen()


def test_a_show_follows_a_file_that_stands_in_for_the_microphone(tmp_path: Path) -> None:
    t = np.arange(2 * 24000) / 24000
    pulses = 0.8 * np.sin(2 * np.pi * 80 * t) * (t % 0.5 < 0.25)
    tune = write_wave(tmp_path / "tune.wav", pulses)
    kept = Kept()
    desk = Desk([Level(react=["level=bass"], audio=tune)])
    with Show(Pattern((32, 24), Fraction(25)), desk, [kept], seconds=2.5) as show:
        show.run()
    light = np.array(kept.light[5:])
    assert (light > 180).mean() > 0.2
    assert (light < 60).mean() > 0.2
    assert not [thread for thread in threading.enumerate() if thread.name == "melies ear"]


def test_a_missing_file_is_said_before_the_show(tmp_path: Path) -> None:
    listening = Ears(Fraction(25), lambda: 0.0)
    with pytest.raises(UseError, match="There is no sound file"):
        listening.check([Level(react=["level=bass"], audio=tmp_path / "no.wav")])
    listening.close()


def test_a_microphone_is_read_and_lost_and_found(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class LostError(Exception):
        pass

    class Stream:
        samplerate = 48000.0
        reads = 0

        def __init__(self, device: object, channels: int, dtype: str) -> None:
            assert (device, channels, dtype) == ("USB", 1, "float32")

        def __enter__(self) -> Stream:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def read(self, count: int) -> tuple[np.ndarray, bool]:
            Stream.reads += 1
            if Stream.reads == 10:
                raise LostError("unplugged")
            time.sleep(0.002)
            return np.full((count, 1), 0.5, np.float32), False

    fake = SimpleNamespace(InputStream=Stream, PortAudioError=LostError)
    monkeypatch.setitem(__import__("sys").modules, "sounddevice", fake)
    monkeypatch.setattr(ears, "_PAUSE", 0.01)
    ear = Ear("mic:USB")
    deadline = time.monotonic() + 20
    while ear.memory.seconds < 0.5 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ear.row("rms", Fraction(25), 5)[-1] > 0.9
    ear.close()
    assert Stream.reads > 10
    assert caplog.text.count("The microphone USB cannot be heard: unplugged.") == 1


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sounddevice", None)
    with pytest.raises(UseError, match="needs sounddevice"):
        next(microphone("", threading.Event()))
    with pytest.raises(UseError, match="needs sounddevice"):
        Ear("mic")

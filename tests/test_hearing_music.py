"""Beats, bars, tones and sections of a song of which all is known; films with a song, or with a sound of their own."""

from __future__ import annotations

import csv
import json
import pickle
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from pydantic import Field

import melies
from melies import effects
from melies.cli import main
from melies.effect import FrameEffect
from melies.errors import UseError
from melies.frame import Image, Sound
from melies.hearing.features import Analysis, Heard, hear, listen
from melies.hearing.rhythm import find_pulse
from melies.hearing.synthetic import Song, song, write_wave
from melies.hearing.tones import PITCHES, find_tones
from melies.media.synthetic import write_clip


class Level(FrameEffect):
    """Paint everything one grey."""

    level: float = Field(0.0, ge=0, le=1, description="how bright")
    number: int = Field(0, ge=0, le=9, description="which")

    def process(self, image: Image) -> Image:
        """Paint it."""
        return np.full_like(image, round(self.level * 255) + self.number)


def blocks(samples: np.ndarray, rate: int = 24000, size: int = 5000) -> list[Sound]:
    return [Sound(samples[at : at + size, None], rate, at) for at in range(0, len(samples), size)]


@pytest.fixture(scope="module")
def piece() -> Song:
    return song(112, "ABC", bars=5)


@pytest.fixture(scope="module")
def heard(piece: Song) -> Heard:
    return hear(lambda: iter(blocks(piece.samples)), "song")


def test_beats_bars_and_tempo_are_found(piece: Song, heard: Heard) -> None:
    pulse = heard.pulse
    assert pulse.tempo == pytest.approx(112, rel=0.003)
    assert np.abs(pulse.beats[:, None] - piece.beats).min(1).max() < 0.03
    assert np.abs(piece.beats[:, None] - pulse.beats).min(1).max() < 0.03
    assert np.abs(pulse.bars[:, None] - piece.bars).min(1).max() < 0.03
    rate = Fraction(30000, 1001)
    for name, times in (("beat", piece.beats), ("bar", piece.bars)):
        row = heard.row(name, rate)
        for time in times:
            index = int(time * rate)
            near = row[max(0, index - 4) : index + 5]
            assert abs(int(near.argmax()) - min(4, index)) <= 1
            assert near.max() > 0.9
    phase = heard.row("beat_phase", Fraction(100))
    assert phase[int(100 * (piece.beats[9] + piece.beats[10]) / 2)] == pytest.approx(0.5, abs=0.06)
    assert 0 <= phase.min() <= phase.max() < 1


def test_no_rhythm_where_there_is_none() -> None:
    nothing = find_pulse(np.zeros(2000), np.zeros(2000), 100)
    assert not len(nothing.beats)
    assert nothing.tempo == 0
    assert not len(find_pulse(np.ones(50), np.ones(50), 100).bars)


def test_beats_do_not_begin_before_the_music(piece: Song) -> None:
    late = np.concatenate([np.zeros(6 * 24000, np.float32), piece.samples[: 20 * 24000], np.zeros(96000, np.float32)])
    beats = hear(lambda: iter(blocks(late)), "late").pulse.beats
    assert 5.9 < beats[0] < 6.6
    assert beats[-1] < 26.1


def test_sections_are_found_and_can_be_numbers(piece: Song, heard: Heard) -> None:
    assert heard.sections == pytest.approx(piece.sections, abs=0.1)
    row = heard.row("section", Fraction(25))
    assert set(row) == {0.0, 1.0, 2.0}
    assert abs(int(np.argmax(row == 1)) - int(piece.sections[1] * 25)) <= 1
    assert heard.row("section_phase", Fraction(25))[int(25 * piece.sections[1]) - 2] > 0.95


def test_tones_are_told_from_drums() -> None:
    t = np.arange(3 * 24000) / 24000
    tone = 0.3 * np.sin(2 * np.pi * 440 * t)
    drum = np.zeros_like(tone)
    for at in range(4000, 70000, 12000):
        drum[at : at + 300] = np.random.default_rng(at).standard_normal(300) * np.exp(-np.arange(300) / 60)
    made = {}
    for name, samples in (("tone", tone), ("drum", drum)):
        parts = np.array_split(samples.astype(np.float32), 7)
        made[name] = find_tones(parts, 24000, 240, 300)
    inner = slice(20, 280)
    assert (made["tone"].hue[inner] * 12).round().tolist() == [PITCHES.index("a")] * 260
    assert made["tone"].harmonic[inner].min() > 20 * made["tone"].percussive[inner].max()
    strikes = made["drum"].percussive
    assert strikes.max() > 5 * made["drum"].harmonic.max()
    for at in range(4000, 70000, 12000):
        row = round(at / 240)
        assert abs(int(strikes[row - 10 : row + 11].argmax()) - 10) <= 4  # its window is 85 ms long


def test_it_does_not_matter_how_sound_is_cut_into_blocks(piece: Song) -> None:
    samples = piece.samples[:60000]
    whole, parts = Analysis(), Analysis()
    expected = [whole.push(samples), whole.end()]
    found = [parts.push(part) for part in np.split(samples, [7, 7, 400, 20000, 20001, 45000])] + [parts.end()]
    for name in ("rms", "bass", "mid", "high", "onset"):
        np.testing.assert_allclose(
            np.concatenate([one[name] for one in found if one]),
            np.concatenate([one[name] for one in expected if one]),
            rtol=1e-4,
            atol=1e-6,
        )


# The command


def test_a_preview_shows_marks_and_reactions(tmp_path: Path, piece: Song, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_wave(tmp_path / "<song>.wav", piece.samples[: 20 * 24000])
    words = ["hear", str(file), "--react", "zoom=1+(bass>0.5)*0.25", "--react", "section | smooth(1)"]
    for name in ("page.html", "plot.png", "rows.csv", "rows.json"):
        with pytest.raises(SystemExit, match="0"):
            main([*words, "--to", str(tmp_path / name)])
    said = capsys.readouterr().out
    assert "112.0 beats a minute" in said
    assert "1 to 1.25" in said
    page = (tmp_path / "page.html").read_text()
    assert "&lt;song&gt;" in page
    assert "<song>" not in page
    assert "zoom=1+(bass&gt;0.5)*0.25" in page
    image = cv2.imread(str(tmp_path / "plot.png"))
    assert image is not None
    assert image.shape[1] == 1600
    assert (image < 200).any(2).mean() > 0.05
    rows = list(csv.DictReader((tmp_path / "rows.csv").read_text().splitlines()))
    assert len(rows) == 500
    assert float(rows[0]["zoom=1+(bass>0.5)*0.25"]) == 1.25
    known = json.loads((tmp_path / "rows.json").read_text())
    assert len(known["rows"]["bass"]) == 500
    assert known["beats"] == pytest.approx(piece.beats[: len(known["beats"])], abs=0.03)
    with pytest.raises(SystemExit, match="2"):
        main(["hear", str(file), "--react", "zoom=1+bas"])
    assert "Did you mean bass" in capsys.readouterr().err


# Films


@pytest.fixture(scope="module")
def clicks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float]]:
    """Clicks for 4 s in one of two channels; the other is silent."""
    times = [0.31, 0.84, 1.52, 2.03, 2.71, 3.33]
    samples = np.zeros((4 * 48000, 2), np.float32)
    for time in times:
        at = round(time * 48000)
        samples[at : at + 240, 1] = 0.9 * np.exp(-np.arange(240) / 48) * np.sign(np.sin(np.arange(240) * 0.4 + 0.1))
    return write_wave(tmp_path_factory.mktemp("sound") / "clicks.wav", samples, 48000), times


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(60)])
def test_a_rendered_film_flashes_with_its_own_sound(
    tmp_path: Path, clicks: tuple[Path, list[float]], rate: Fraction
) -> None:
    path, times = clicks
    silent = write_clip(tmp_path / "silent.mkv", size=(32, 32), frames=int(4 * rate), rate=rate, codec="ffv1")
    film = (
        melies.open(silent)
        .apply(Level(react=["level=onset"], audio=path))
        .save(tmp_path / "film.mkv", codec="ffv1", threads=1)
    )
    made = melies.open(film)
    light = np.array([float(frame.image.mean()) for frame in made.frames()])
    assert len(light) == int(4 * rate)
    sound = np.concatenate([np.abs(block.samples).max(1) for block in made.sound()])
    assert abs(len(sound) / 48000 - 4) < 0.03
    loud = np.flatnonzero(sound > 0.3)
    starts = loud[np.diff(loud, prepend=-10000) > 5000] / 48000
    assert starts == pytest.approx(times, abs=0.012)
    for start in starts:
        index = int(Fraction(float(start)) * rate)
        near = light[max(0, index - 5) : index + 6]
        assert abs(int(near.argmax()) - min(5, index)) <= 1
        assert near.max() > 100


@pytest.fixture(scope="module")
def beeping(tmp_path_factory: pytest.TempPathFactory, clicks: tuple[Path, list[float]]) -> Path:
    """A film with the clicks as its sound, and nothing to see."""
    folder = tmp_path_factory.mktemp("film")
    silent = write_clip(folder / "silent.mkv", size=(16, 16), frames=100, rate=25, codec="ffv1")
    return melies.open(silent).apply(Level(audio=clicks[0])).save(folder / "beeping.mkv", codec="ffv1", threads=1)


def flashes(clip: melies.Clip) -> list[int]:
    light = np.array([float(frame.image.mean()) for frame in clip.frames()])
    return [int(i) for i in np.flatnonzero(light > 100) if i == 0 or light[i - 1] <= 100]


def test_without_a_song_the_films_own_sound_is_heard(
    tmp_path: Path, beeping: Path, clicks: tuple[Path, list[float]]
) -> None:
    film = melies.open(beeping)
    level = Level(react=["level=onset"])
    expected = [int(time * 25) for time in clicks[1]]
    assert np.abs(np.array(flashes(film.apply(level))) - expected).max() <= 1
    again = pickle.loads(pickle.dumps(film.apply(level)))  # as another machine gets it
    assert flashes(again) == flashes(film.apply(level))
    # What comes after slow motion hears the sound as it is then.
    slowed = film.apply(effects.find("speed")(factor=0.5), level)
    assert slowed.spec.rate == Fraction(25, 2)
    slow = flashes(slowed)
    assert np.abs(np.array(slow) - [int(2 * time * 12.5) for time in clicks[1]]).max() <= 1
    begun = melies.open(beeping, start=2)
    assert np.abs(np.array(flashes(begun.apply(level))) - [int(time * 25) - 50 for time in clicks[1][3:]]).max() <= 1


def test_a_film_without_sound_is_refused_at_once(tmp_path: Path, clicks: tuple[Path, list[float]]) -> None:
    silent = write_clip(tmp_path / "silent.mkv", size=(16, 16), frames=5, codec="ffv1")
    with pytest.raises(UseError, match=r"nothing for .* to listen to"):
        melies.open(silent).apply(Level(react=["level=bass"]))
    assert len(list(melies.open(silent).apply(Level(react=["level=t"])).frames())) == 5
    later = melies.open(silent).apply(Level(audio=clicks[0]), Level(react=["number=round(9*rms)"]))
    assert len(list(later.frames())) == 5


@pytest.mark.parametrize("seconds", [1.0, 9.0])
def test_a_song_replaces_the_films_sound_whatever_its_length(tmp_path: Path, beeping: Path, seconds: float) -> None:
    t = np.arange(round(seconds * 8000)) / 8000
    tune = write_wave(tmp_path / "tune.wav", 0.5 * np.sin(2 * np.pi * 300 * t), 8000)  # one channel, 8 kHz
    film = melies.open(beeping).apply(Level(react=["level=rms"], audio=tune))
    made = melies.open(film.save(tmp_path / "film.mkv", codec="ffv1", threads=1))
    assert len(list(made.frames())) == 100
    assert made.tracks()[1:] == []
    sound = np.concatenate([block.samples[:, 0] for block in made.sound()])
    assert len(sound) / 8000 == pytest.approx(min(seconds, 4), abs=0.05)
    assert np.sqrt(np.mean(sound[1000:7000] ** 2)) == pytest.approx(0.354, rel=0.1)
    light = [float(frame.image.mean()) for frame in film.frames()]
    assert light[12] > 200
    assert (light[60] > 200) == (seconds > 4)


def test_a_film_can_be_the_song(beeping: Path, clicks: tuple[Path, list[float]]) -> None:
    assert listen(beeping).row("onset", Fraction(25))[int(clicks[1][2] * 25)] > 0.5

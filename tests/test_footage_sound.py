"""What is heard in a shot, and what is said in it."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import melies
from melies.footage import transcript
from melies.footage.analyse import sound
from melies.footage.label import Label
from melies.footage.listen import RATE, lowered
from melies.footage.material import Material, Motion
from melies.footage.shot import Shot
from melies.frame import VideoSpec
from melies.testing import make_kind


def heard(samples: np.ndarray | None) -> dict[str | float, Label]:
    shot = Shot(Path("film.mp4"), 1, Fraction(0), Fraction(5), 0, 125, Fraction(25))
    spec = VideoSpec(64, 64, Fraction(25), Fraction(1, 25))
    nothing = np.zeros(0)
    motion = Motion(*[nothing] * 6, np.zeros(0, bool), *[nothing] * 3)
    material = Material(shot, spec, (), motion, None if samples is None else samples.astype(np.float32))
    labels = sound.answer(material)
    assert all(0 <= label.sure <= 1 and label.why for label in labels)
    return {label.value if label.facet == "sound" else label.facet: label for label in labels}


def time(seconds: float) -> np.ndarray:
    return np.arange(round(seconds * RATE)) / RATE


def sine(frequency: float, seconds: float = 3.0) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * time(seconds))


class TestLoudness:
    def test_a_full_sine_is_three_below_zero(self) -> None:
        """BS.1770-4: 0 dB FS at 997 Hz in one channel reads -3.01 LUFS."""
        levels = sound.loudness(sine(997).astype(np.float32))
        assert sound.integrated(levels) == pytest.approx(-3.01, abs=0.05)

    @pytest.mark.parametrize("gain", [0.5, 0.1, 0.01])
    def test_gain_moves_it_by_as_many_decibels(self, gain: float) -> None:
        noise = np.random.default_rng(1).normal(0, 0.2, 3 * RATE)
        whole, less = (
            sound.integrated(sound.loudness(samples.astype(np.float32))) for samples in (noise, gain * noise)
        )
        assert less - whole == pytest.approx(20 * np.log10(gain), abs=0.05)

    def test_low_rumble_counts_less(self) -> None:
        low, middle = (sound.integrated(sound.loudness(sine(f).astype(np.float32))) for f in (30, 1000))
        assert low < middle - 8

    def test_pauses_do_not_count(self) -> None:
        gaps = np.concatenate([sine(997, 2), np.zeros(4 * RATE), sine(997, 2)])
        assert sound.integrated(sound.loudness(gaps.astype(np.float32))) == pytest.approx(-3.01, abs=0.4)


class TestHeard:
    def test_nothing_is_said_without_sound(self) -> None:
        assert heard(None) == {}
        assert heard(np.zeros(10)) == {}

    def test_silence(self) -> None:
        found = heard(np.zeros(3 * RATE))
        assert list(found) == ["silence"]

    def test_chords_are_music(self) -> None:
        roots = (262, 349, 392, 262)
        chords = [sum(sine(root * ratio, 1) for ratio in (1, 5 / 4, 3 / 2)) * 0.1 for root in roots]
        found = heard(np.concatenate(chords))
        assert "music" in found
        assert "speech" not in found
        assert found["music"].measured["tones"] > 0.7

    def test_rain_is_noise(self) -> None:
        found = heard(np.random.default_rng(2).normal(0, 0.05, 4 * RATE))
        assert "noise" in found
        assert not {"music", "speech", "silence"} & set(found)

    def test_speech(self, footage: Path) -> None:
        samples = np.concatenate(list(pieces_of(footage / "audio" / "beckett.wav")))
        found = heard(samples)
        assert found["speech"].sure > 0.8
        assert "music" not in found
        assert 0.2 < found["speech"].measured["share"] < 0.8


def pieces_of(path: Path) -> list[np.ndarray]:
    """Sound of a file without pictures."""
    import av

    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    with av.open(str(path)) as container:
        return [made.to_ndarray()[0] for frame in container.decode(audio=0) for made in resampler.resample(frame)]


class TestTranscript:
    def test_pieces_end_in_pauses(self) -> None:
        samples = np.random.default_rng(3).normal(0, 0.1, 20 * RATE).astype(np.float32)
        samples[17 * RATE : 18 * RATE] = 0
        assert 17 * RATE < transcript._pause(samples) < 18 * RATE

    def test_pieces_are_the_whole(self, tmp_path: Path) -> None:
        path = make_kind("variable rate", tmp_path)
        given = list(transcript._pieces(path))
        assert given[0][0] == 0
        assert sum(len(samples) for _, samples in given) == sum(map(len, lowered(melies.open(path).sound())))

    def test_words(self, footage: Path) -> None:
        if not transcript.available():
            pytest.skip("the model whisper-tiny is not here: melies models pull whisper-tiny")
        samples = np.concatenate(pieces_of(footage / "audio" / "beckett.wav"))
        words = list(transcript.hear(samples, 100.0))
        text = " ".join(word.text for word in words).lower()
        assert "ever tried, ever failed" in text
        assert all(100 <= one.start <= one.end <= other.end <= 110 for one, other in pairwise(words))

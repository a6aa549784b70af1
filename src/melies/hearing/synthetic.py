"""A made-up song of which everything is known: for trials, examples and measurements."""

from __future__ import annotations

import wave
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

_A, _B, _C = ((57, 53, 48, 55), (50, 58, 50, 57), (61, 66, 61, 68))
_MINOR, _MAJOR = (0, 3, 7), (0, 4, 7)
_CHORDS = {
    "A": tuple((root, _MINOR if root == 57 else _MAJOR) for root in _A),
    "B": tuple((root, _MINOR if root in (50, 57) else _MAJOR) for root in _B),
    "C": tuple((root, _MAJOR) for root in _C),
}
"""Four bars for each kind of section, as MIDI numbers of roots and what stands on them."""


@dataclass(frozen=True)
class Song:
    """A song for one channel.

    Attributes:
        samples: -1…1.
        rate: Samples a second.
        beats: When its beats are, in seconds.
        bars: When its bars begin.
        sections: When its sections begin.
    """

    samples: Samples
    rate: int
    beats: NDArray[np.float64]
    bars: NDArray[np.float64]
    sections: NDArray[np.float64]


def song(tempo: float = 112.0, sections: str = "ABAC", bars: int = 8, rate: int = 24000, seed: int = 0) -> Song:
    """Make drums and chords.

    Args:
        tempo: Beats a minute.
        sections: One letter for each: A, B (quieter, half the drums) or C (another key).
        bars: How many of four beats a section has.
        rate: Samples a second.
        seed: Of the noise in the drums.
    """
    beat = 60 / tempo
    places: NDArray[np.float64] = np.arange(4.0 * bars * len(sections)) * np.float64(beat)
    made = np.zeros(round(4 * bars * len(sections) * beat * rate), np.float64)
    drums = _Drums(rate, np.random.default_rng(seed))
    for number, start in enumerate(places[::4]):
        kind = sections[number // bars]
        root, chord = _CHORDS[kind][number % 4]
        pad = _pad([root + step for step in chord], 4 * beat, rate)
        _add(made, start, pad * (0.5 if kind == "B" else 1.0), rate)
        for step in range(4):
            at = start + step * beat
            if step == 0 or (step == 2 and kind != "B"):
                _add(made, at, drums.kick, rate)
            if step % 2:
                _add(made, at, drums.snare, rate)
            _add(made, at, drums.hat, rate)
            _add(made, at + beat / 2, drums.hat, rate)
    samples = (0.9 * made / np.abs(made).max()).astype(np.float32)
    return Song(samples, rate, places, places[::4], places[:: 4 * bars])


class _Drums:
    def __init__(self, rate: int, rng: np.random.Generator) -> None:
        t = np.arange(round(0.25 * rate)) / rate
        self.kick = 0.9 * np.sin(2 * np.pi * (50 * t + 6 * (1 - np.exp(-t / 0.03)))) * np.exp(-t / 0.08)
        self.snare = 0.5 * rng.standard_normal(len(t)) * np.exp(-t / 0.05)
        self.hat = 0.15 * np.diff(rng.standard_normal(len(t)), append=0.0) * np.exp(-t / 0.015)


def _pad(notes: Iterable[int], seconds: float, rate: int) -> NDArray[np.float64]:
    t = np.arange(round(seconds * rate)) / rate
    tones = [2 * np.pi * 440 * 2 ** ((note - 69) / 12) * t for note in notes]
    swell = np.minimum(1, np.minimum(t, seconds - t) / 0.05)
    made: NDArray[np.float64] = 0.07 * swell * sum(np.sin(tone) + 0.3 * np.sin(2 * tone) for tone in tones)
    return made


def _add(made: NDArray[np.float64], at: float, sound: NDArray[np.float64], rate: int) -> None:
    place = round(at * rate)
    stop = min(len(made), place + len(sound))
    made[place:stop] += sound[: stop - place]


def write_wave(path: Path, samples: NDArray[Any], rate: int = 24000) -> Path:
    """Write 16-bit samples of -1…1, `N` or `N×channels`, and return where."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path

"""Where music wants to be cut: its beats, bars and phrases, and how strong each moment is.

The beats are librosa's (Ellis, "Beat Tracking by Dynamic Programming", 2007); where drum and bass begin half-way
between them, these middles. Bars are taken to have four beats; the first is the one in four on which most begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from melies.errors import UseError
from melies.footage.listen import lowered
from melies.media.sound import read_sound

_RATE = 22050
_LONGEST = 1200
"""Seconds of music that are listened to."""
_LOW = 200
"""Hertz up to which drum and bass are told from cymbals."""
_BETWEEN = 1.5
"""How many times more must begin below that between the beats for these to be off-beats."""
_NEAR = 2
"""Frames by which a beat may lie beside what begins."""
_EVEN = 0.2
"""By how much of it gaps between beats may differ from the usual one, or from its multiples where beats are missing."""
_REGULAR = 0.8
"""Share of the gaps of regular beats that do not."""
_BAR = 4
_PHRASE = 16

Times = NDArray[np.float64]


@dataclass(frozen=True)
class Rhythm:
    """Where music can be cut to.

    Attributes:
        beats: Times in seconds.
        weights: How well each beat takes a cut: 1 for a beat, 2 for the first of a bar, 3 for the first of a phrase.
        strength: How loud the music is at each beat, as a share of its loudest.
        seconds: How long it lasts.
        tempo: Beats a minute: of these beats where they are regular, else librosa's estimate.
    """

    beats: Times
    weights: Times
    strength: Times
    seconds: float
    tempo: float


def listen(path: str | Path) -> Rhythm:
    """Find the rhythm of a piece of music.

    Args:
        path: A sound file, or a film whose sound is wanted.

    Raises:
        UseError: librosa is not installed, or the file cannot be opened or holds no sound.
    """
    try:
        import librosa
    except ImportError:
        raise UseError("Cutting to music needs librosa.", "Install it: pip install 'melies[footage]'") from None
    samples = _samples(path)
    onset = librosa.onset.onset_strength(y=samples, sr=_RATE)
    tempo, places = librosa.beat.beat_track(onset_envelope=onset, sr=_RATE, trim=False)
    if len(places) < 2:
        raise UseError(f"{path} has no beat that could be cut to.", "Leave --music out, or choose other music.")
    places = _on_beat(places, librosa.onset.onset_strength(y=samples, sr=_RATE, fmax=_LOW, n_mels=16))
    beats = np.asarray(librosa.frames_to_time(places, sr=_RATE), np.float64)
    loud = librosa.feature.rms(y=samples)[0]
    strength = loud[np.minimum(places, len(loud) - 1)] / max(float(loud.max()), 1e-9)
    weights = _weights(onset[np.minimum(places, len(onset) - 1)])
    seconds = len(samples) / _RATE
    tempo = _tempo(beats) or float(np.atleast_1d(tempo)[0])
    return Rhythm(beats, weights, np.asarray(strength, np.float64), seconds, tempo)


def _tempo(beats: Times) -> float | None:
    """Beats a minute, measured over half of all beats at a time, for one alone is known to 23 ms; None if irregular."""
    if len(beats) < 2:
        return None
    gaps = np.diff(beats) / np.median(np.diff(beats))
    counts = np.round(gaps)
    if (np.abs(gaps - counts) < _EVEN).mean() < _REGULAR:
        return None
    number, half = np.concatenate([[0], counts.cumsum()]), len(beats) // 2
    return 60 / float(np.median((beats[half:] - beats[:-half]) / (number[half:] - number[:-half])))


def _on_beat(places: NDArray[np.int64], low: NDArray[np.float32]) -> NDArray[np.int64]:
    """Take the middles between beats for beats, if that is where the low sounds begin: loud cymbals mislead."""
    before = places[0] - (places[1] - places[0]) // 2
    middles = np.concatenate([[before] if before >= 0 else [], (places[:-1] + places[1:]) // 2]).astype(np.int64)
    around = sliding_window_view(np.pad(low, _NEAR), 2 * _NEAR + 1).max(1)
    here, between = (float(around[np.minimum(some, len(low) - 1)].mean()) for some in (places, middles))
    return middles if between > _BETWEEN * here else places


def _weights(onsets: NDArray[np.float32]) -> Times:
    bar = _phase(onsets, _BAR)
    weights = np.ones(len(onsets))
    weights[bar::_BAR] = 2
    phrase = bar + _BAR * _phase(onsets[bar::_BAR], _PHRASE // _BAR)
    weights[phrase::_PHRASE] = 3
    return weights


def _phase(onsets: NDArray[np.float32], every: int) -> int:
    """Which beat of so many is the first: the one on which most begins."""
    sums = [float(onsets[first::every].mean()) if len(onsets) > first else 0.0 for first in range(every)]
    return int(np.argmax(sums))


def _samples(path: str | Path) -> NDArray[np.float32]:
    made: list[NDArray[np.float32]] = []
    count = 0
    for block in lowered(read_sound(path), _RATE):
        made.append(block)
        count += len(block)
        if count > _LONGEST * _RATE:
            break
    if not count:
        raise UseError(f"{path} has no sound.", "Choose a file with music for --music.")
    return np.concatenate(made)


def ends(now: float, length: float, rhythm: Rhythm, least: float = 0.5) -> list[float]:
    """Return the beats on which a cut could end, the best first: near where it should, and strong.

    Args:
        now: When it begins, in seconds of the music.
        length: How long it should be, in seconds.
        rhythm: The music.
        least: Seconds that it lasts at least.
    """
    possible = rhythm.beats > now + least
    beats, weights = rhythm.beats[possible], rhythm.weights[possible]
    # Being early or late by a quarter of the cut costs as much as a beat is worth less than a bar's first.
    cost = np.abs(beats - now - length) / max(length, least) - 0.25 * weights
    return [float(beat) for beat in beats[np.argsort(cost, kind="stable")]]

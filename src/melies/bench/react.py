"""Whether numbers follow a sound in time, what is found in songs of which all is known, and how long that takes."""

from __future__ import annotations

import time
from fractions import Fraction
from statistics import mean

import numpy as np
from numpy.typing import NDArray

from melies.bench import Bench, Result, benchmark
from melies.frame import Sound
from melies.hearing.features import NAMES, RATE, Heard, hear
from melies.hearing.synthetic import Song, song

RATES = (Fraction(25), Fraction(30000, 1001), Fraction(60))
SONGS = ((70.0, "ABA"), (87.3, "ACA"), (112.0, "ABAC"), (128.0, "AB"), (140.0, "CAB"), (174.0, "ACAC"))
_NEAR = 0.03
"""Seconds by which a beat may be beside the true one."""


@benchmark
def react(bench: Bench) -> list[Result]:
    """Clicks of five minutes, and made-up songs: peaks in time, beats, sections, and seconds of work."""
    results = [_clicks(rate) for rate in RATES]
    songs = [(song(tempo, sections), tempo) for tempo, sections in SONGS]
    heard = [_heard(one.samples) for one, _ in songs]
    beats = [_agreement(h.pulse.beats, one.beats) for h, (one, _) in zip(heard, songs, strict=True)]
    said = ", ".join(
        f"{tempo:g}: {h.pulse.tempo:.1f} ({share:.2f})"
        for h, share, (_, tempo) in zip(heard, beats, songs, strict=True)
    )
    results.append(Result("react", "beats, F-measure at ±30 ms", mean(beats), "", ">= 0.8", mean(beats) >= 0.8, said))
    sections = [_agreement(h.sections, one.sections, 0.3) for h, (one, _) in zip(heard, songs, strict=True)]
    share = mean(sections)
    results.append(Result("react", "sections, F-measure at ±0.3 s", share, "", ">= 0.8", share >= 0.8, str(sections)))
    return [*results, _speed()]


def _heard(samples: NDArray[np.float32]) -> Heard:
    step = RATE // 5
    return hear(lambda: (Sound(samples[at : at + step, None], RATE, at) for at in range(0, len(samples), step)), "song")


def _clicks(rate: Fraction) -> Result:
    """How many of the clicks of five minutes make `onset` peak within one frame."""
    times = np.cumsum(np.random.default_rng(3).uniform(0.4, 1.1, 380))
    times = times[times < 299]
    samples = np.zeros(300 * RATE, np.float32)
    click = 0.9 * np.exp(-np.arange(120) / 24) * np.sign(np.sin(np.arange(120) * 0.83 + 0.1))
    for moment in times:
        at = round(float(moment) * RATE)
        samples[at : at + 120] = click
    row = _heard(samples).row("onset", rate)
    late = []
    for moment in times:
        index = int(Fraction(float(moment)) * rate)
        first = max(0, index - 8)
        late.append(first + int(row[first : index + 9].argmax()) - index)
    within = float(np.mean(np.abs(late) <= 1))
    said = f"{len(late)} clicks; from {min(late)} to {max(late)} frames late"
    return Result("react", f"clicks within one frame, {float(rate):.5g} fps", within, "", "1", within == 1, said)


def _agreement(found: NDArray[np.float64], true: NDArray[np.float64], near: float = _NEAR) -> float:
    """F-measure of moments."""
    if not len(found):
        return 0.0
    away = np.abs(found[:, None] - true)
    precision, recall = float((away.min(1) < near).mean()), float((away.min(0) < near).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _speed() -> Result:
    piece: Song = song(112, "ABACABAC" * 2, bars=7)
    begin = time.process_time()
    heard = _heard(piece.samples)
    first = time.process_time() - begin
    for name in NAMES:
        heard.row(name, Fraction(25))
    spent = time.process_time() - begin
    said = f"a song of {len(piece.samples) / RATE:.0f} s; {first:.1f} s for loudness, bands and onsets alone"
    return Result("react", "time of one core for all that is heard", spent, "s", "<= 10", spent <= 10, said)

"""A film without its silences."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from melies.errors import UseError
from melies.footage.film import open_film
from melies.footage.timeline import Cut, Timeline, nominal


def without_silence(
    path: Path, quieter: float = 20.0, margin: float = 0.2, least: float = 0.4, seconds: float | None = None
) -> list[tuple[Fraction, Fraction]]:
    """Return the stretches of a film in which something is heard.

    Args:
        path: The film.
        quieter: What is so many LU quieter than the film's loudness is silence.
        margin: Seconds that are kept before and after each stretch.
        least: Silences shorter than this stay, in seconds.
        seconds: How long the film's pictures are, where that is known.

    Returns:
        Begin and end of each in clip time, on frames.

    Raises:
        UseError: The film cannot be opened, has no sound, or is silent.
    """
    from melies.footage.analyse.sound import integrated, loudness
    from melies.footage.listen import RATE, lowered

    clip = open_film(path)
    hop, size = RATE // 10, 2 * RATE // 5
    levels: list[NDArray[np.float64]] = []
    rest = np.zeros(0, np.float32)
    for block in lowered(clip.sound()):
        rest = np.concatenate([rest, block])
        if len(rest) >= 30 * RATE:
            whole = (len(rest) - size) // hop + 1
            levels.append(loudness(rest[: (whole - 1) * hop + size]))
            rest = rest[whole * hop :]
    if len(rest) >= size:
        levels.append(loudness(rest))
    if not levels:
        raise UseError(f"{path} has no sound to go by.", "Silences are cut by what is heard.")
    moments = np.concatenate(levels)
    heard = moments > max(integrated(moments) - quieter, -70.0)
    if not heard.any():
        raise UseError(f"{path} is silent from beginning to end.")
    end = seconds if seconds is not None else len(moments) * hop / RATE + 0.3
    return _stretches(heard, margin, least, Fraction(end).limit_denominator(10**6), clip.spec.rate)


def kept(path: Path, stretches: Sequence[tuple[Fraction, Fraction]], rate: Fraction) -> Timeline:
    """Return the stretches of a film as a timeline."""
    cuts = tuple(Cut(path, start, end, rate, name=path.stem) for start, end in stretches)
    return Timeline(path.stem, nominal(rate), cuts)


def _stretches(
    heard: NDArray[np.bool_], margin: float, least: float, end: Fraction, rate: Fraction
) -> list[tuple[Fraction, Fraction]]:
    """Runs of 0.4 s windows, 0.1 s apart, as frames; those nearer than `least` are joined.

    The first window of a run has the sound at its end, the last one at its beginning: the least sound makes four.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], heard, [False]]).astype(np.int8)))
    runs: list[list[float]] = []
    for first, last in edges.reshape(-1, 2):
        begin, stop = 0.1 * first + 0.3 - margin, 0.1 * (last - 1) + 0.1 + margin
        if runs and begin - runs[-1][1] < least:
            runs[-1][1] = stop
        else:
            runs.append([begin, stop])
    frames = [(max(0, round(begin * rate)), min(round(stop * rate), int(end * rate))) for begin, stop in runs]
    return [(first / rate, last / rate) for first, last in frames if last > first]

"""What is said in a film, word by word: Whisper through faster-whisper, offline.

Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (2022).
"""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from melies.errors import UseError
from melies.footage.film import open_film
from melies.footage.listen import RATE, Samples, lowered
from melies.footage.record import Word

MODEL = "whisper-tiny"
"""What is used unless another is chosen; English only."""

_PIECE = 300
"""Seconds that are listened to in one go, so that memory does not grow with the film."""
_LOOPED = 2.4
"""How much smaller a text becomes by compression that says the same again and again, and …"""
_UNSURE = -1.0
"""… the mean logarithm of probability below which Whisper is guessing; both are its authors' limits."""
_SHORTEST = 0.02
"""Seconds that a word lasts at least."""
_PAUSE = 0.3
"""Seconds of silence in which a piece may end."""


def available() -> bool:
    """Whether transcripts can be made here: the package and the model are both installed."""
    import importlib.util

    from melies.models import registry, store

    here = importlib.util.find_spec("faster_whisper") is not None
    return here and store.status(registry.find(MODEL)) != "missing"


def transcribe(path: str | Path, seen: Callable[[float], None] = lambda seconds: None) -> Iterator[Word]:
    """Yield the words of a film's first sound track, in order.

    Args:
        path: The film.
        seen: Called with how many seconds are done, now and then.

    Raises:
        UseError: faster-whisper is not installed, or the file cannot be opened.
        ModelError: The model is not here.
    """
    for start, samples in _pieces(path):
        yield from hear(samples, start)
        seen(start + len(samples) / RATE)


def hear(samples: Samples, start: float = 0.0) -> Iterator[Word]:
    """Yield the words in some sound.

    Args:
        samples: `N` at 16 kHz.
        start: Clip time of the first sample, in seconds.
    """
    # Whisper invents words for noise: it is given only what sounds like speech. Its way out of loops, to try again at
    # random, would give other words at every run.
    segments, _ = _whisper().transcribe(
        samples, language="en", beam_size=1, temperature=0.0, word_timestamps=True, vad_filter=True,
        condition_on_previous_text=False, hallucination_silence_threshold=2.0,
    )  # fmt: skip
    past = ""
    for segment in segments:
        text = segment.text.strip()
        if segment.compression_ratio <= _LOOPED and segment.avg_logprob >= _UNSURE and text != past:
            yield from _words(segment.words or (), start)
        past = text


def _words(words: Iterable[Any], start: float) -> Iterator[Word]:
    """The words of a sentence; one that takes no time was not heard."""
    for word in words:
        text = word.word.strip()
        if text and word.end - word.start >= _SHORTEST:
            yield Word(text, start + float(word.start), start + float(word.end), float(word.probability))


def _pieces(path: str | Path) -> Iterator[tuple[float, Samples]]:
    """The sound in pieces that end in pauses, with the clip time at which each begins."""
    waiting: list[Samples] = []
    count = done = 0
    for block in lowered(open_film(path).sound()):
        waiting.append(block)
        count += len(block)
        if count >= _PIECE * RATE:
            whole = np.concatenate(waiting)
            end = _pause(whole)
            yield done / RATE, whole[:end]
            waiting, count, done = [whole[end:]], len(whole) - end, done + end
    if count:
        yield done / RATE, np.concatenate(waiting)


def _pause(samples: Samples) -> int:
    """The middle of the quietest moment in the last fifth: no word is cut there."""
    size = int(_PAUSE * RATE)
    first = len(samples) * 4 // 5
    power = np.convolve(np.square(samples[first:], dtype=np.float64), np.ones(size), "valid")
    return first + int(np.argmin(power)) + size // 2


@cache
def _whisper() -> Any:
    from melies import models
    from melies.models import runtime

    try:
        from faster_whisper import WhisperModel
    except ImportError:
        raise UseError("Transcripts need faster-whisper.", "Install it: pip install 'melies[footage]'") from None
    logging.getLogger("faster_whisper").setLevel(logging.WARNING)
    with zipfile.ZipFile(models.path(MODEL)) as bundle:
        files = {name: bundle.read(name) for name in bundle.namelist()}
    with runtime.options() as options:
        return WhisperModel(MODEL, device="cpu", compute_type="int8", cpu_threads=options.width, files=files)

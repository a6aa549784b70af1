"""Tones and noises: which of the twelve pitches sound, and what in a sound lasts and what strikes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Row = NDArray[np.float64]
Spectra = NDArray[np.float32]

PITCHES = ("c", "cs", "d", "ds", "e", "f", "fs", "g", "gs", "a", "as", "b")
"""From C to B; s is for sharp."""

_WINDOW = 2048
_EVERY = 2
"""Rows from one spectrum to the next."""
_TOP = 6000.0
"""Hz up to which tones are looked for."""
_LOW, _HIGH = 60.0, 2500.0
"""Hz between which pitches are told apart."""
_REACH = 8
"""Spectra, and bins, on either side that are looked at to tell what lasts from what strikes."""
_BLOCK = 256
"""Spectra worked on at once."""


@dataclass(frozen=True)
class Tones:
    """What is heard of tones, row by row.

    Attributes:
        chroma: `N×12`, how strongly each pitch sounds beside the strongest of the moment, 0…1; 0 in silence.
        harmonic: `N`, how loud is what lasts: voices, strings.
        percussive: `N`, how loud is what strikes: drums, consonants.
    """

    chroma: Row
    harmonic: Row
    percussive: Row

    @property
    def hue(self) -> Row:
        """The strongest pitch as a share of the octave, 0 for C up to 11/12 for B."""
        hue: Row = self.chroma.argmax(1) / 12.0
        return hue


def find_tones(samples: Iterable[Spectra], rate: int, hop: int, rows: int) -> Tones:
    """Look at the tones of a sound; memory does not grow with it but for the rows.

    What lasts makes lines along time in a spectrogram and what strikes makes lines along frequency: each point belongs
    to either as its neighbours do (Fitzgerald, "Harmonic/Percussive Separation Using Median Filtering", 2010).

    Args:
        samples: Blocks of one channel.
        rate: Samples a second.
        hop: Samples from one row to the next.
        rows: How many rows there are.
    """
    weights = _pitch_weights(rate)
    chromas, lasting, striking = [], [], []
    for spectra in _windows(samples, rate, hop * _EVERY):
        inner = spectra[_REACH:-_REACH]
        along = np.median(sliding_window_view(spectra, 2 * _REACH + 1, axis=0), axis=-1)
        padded = np.pad(inner, ((0, 0), (_REACH, _REACH)), mode="edge")
        across = np.median(sliding_window_view(padded, 2 * _REACH + 1, axis=1), axis=-1)
        harmonic, percussive = np.square(along), np.square(across)
        share = harmonic / np.maximum(harmonic + percussive, 1e-12)
        power = np.square(inner)
        lasting.append(np.sqrt((power * share).sum(1)))
        striking.append(np.sqrt((power * (1 - share)).sum(1)))
        chromas.append((power * np.square(share)) @ weights)
    if not lasting:
        nothing = np.zeros(rows)
        return Tones(np.zeros((rows, 12)), nothing, nothing)
    chroma = np.sqrt(np.concatenate(chromas))
    most = chroma.max(1, keepdims=True)
    chroma = np.where(most > 1e-3 * max(float(most.max()), 1e-9), chroma / np.maximum(most, 1e-12), 0)
    known = np.arange(len(chroma)) * float(_EVERY)
    now = np.arange(rows)
    harmonic, percussive = (np.interp(now, known, np.concatenate(one)) for one in (lasting, striking))
    nearest = np.minimum(np.rint(now / _EVERY).astype(np.intp), len(chroma) - 1)
    return Tones(chroma[nearest].astype(np.float64), harmonic, percussive)


def _windows(samples: Iterable[Spectra], rate: int, hop: int) -> Iterator[Spectra]:
    """Spectra in stretches, with `_REACH` more on either side that belong to the neighbours."""
    hann = np.hanning(_WINDOW).astype(np.float32)
    bins = int(_TOP * _WINDOW / rate)
    half = np.zeros(_WINDOW // 2, np.float32)
    rest = np.zeros(0, np.float32)
    known = np.zeros((_REACH, bins), np.float32)
    for piece in _pieces(chain([half], samples, [half]), _BLOCK * hop):
        rest = np.concatenate([rest, piece])
        count = max(0, (len(rest) - _WINDOW) // hop + 1)
        if not count:
            continue
        frames = sliding_window_view(rest, _WINDOW)[: count * hop : hop]
        known = np.concatenate([known, np.abs(np.fft.rfft(frames * hann))[:, :bins].astype(np.float32)])
        rest = rest[count * hop :]
        if len(known) > 2 * _REACH:
            yield known
            known = known[-2 * _REACH :]
    known = np.concatenate([known, np.zeros((_REACH, bins), np.float32)])
    if len(known) > 2 * _REACH:
        yield known


def _pieces(blocks: Iterable[Spectra], size: int) -> Iterator[Spectra]:
    """Join blocks to pieces of at least a size; the last may be smaller."""
    waiting: list[Spectra] = []
    for block in blocks:
        waiting.append(block)
        if sum(map(len, waiting)) >= size:
            yield np.concatenate(waiting)
            waiting = []
    if waiting:
        yield np.concatenate(waiting)


def _pitch_weights(rate: int) -> Spectra:
    """How much each bin says about each pitch: `bins×12`; a bin in the middle between two says half of either."""
    bins = int(_TOP * _WINDOW / rate)
    hertz = np.maximum(np.arange(bins) * rate / _WINDOW, 1e-3)
    pitch = 12 * np.log2(hertz / 440) + 69
    away = np.abs((pitch[:, None] - np.arange(12) + 6) % 12 - 6)
    heard = (hertz > _LOW) & (hertz < _HIGH)
    weights: Spectra = (np.maximum(0, 1 - away) * heard[:, None]).astype(np.float32)
    return weights

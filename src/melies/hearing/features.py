"""`Heard`: what is heard in a sound, as rows of numbers of 0…1, a hundred a second."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import lru_cache
from itertools import chain
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from melies.errors import UseError
from melies.files import is_file
from melies.footage.listen import lowered
from melies.media.sound import read_sound

RATE = 24000
"""Samples a second."""
HOP = 240
"""Samples between two rows."""
ROWS = RATE // HOP
"""Rows a second."""
_WINDOW = 512
_LONGEST = 4 * 3600
"""Seconds that are listened to."""
_TOP = 99.0
"""Percentile of a row that becomes 1."""

BANDS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"bass": (20.0, 200.0), "mid": (200.0, 3000.0), "high": (3000.0, 12000.0)}
)
"""From which frequency to which, in Hz."""

NAMES = ("rms", *BANDS, "onset")
"""What formulas may be about, beside the time."""

Row = NDArray[np.float64]


class Heard:
    """What is heard in a sound.

    Args:
        rows: Of the same length, one for each of `NAMES`, 0…1.
        seconds: How long the sound is.
    """

    def __init__(self, rows: Mapping[str, Row], seconds: Fraction) -> None:
        self._rows = rows
        self.seconds = seconds

    def row(self, name: str, rate: Fraction) -> Row:
        """Return a row at a rate of frames: the most of it while each frame is shown, so that no moment is missed.

        Args:
            name: One of `NAMES`.
            rate: Frames a second.
        """
        row = self._rows[name]
        count = max(1, -(-len(row) * rate.numerator // (ROWS * rate.denominator)))
        starts = np.array([min(len(row) - 1, int(i * ROWS / rate)) for i in range(count)], np.intp)
        most: Row = np.maximum.reduceat(row, starts)
        return most


@lru_cache(maxsize=4)
def _listened(path: str, mark: tuple[int, int]) -> Heard:
    return _hear(lowered(read_sound(path), RATE), path)


def listen(path: Path) -> Heard:
    """Listen to a sound file, or to the sound of a film; what was heard last is remembered.

    Raises:
        UseError: There is no such file, it cannot be opened, or it holds no sound.
    """
    if not is_file(path):
        raise UseError(f"There is no sound file {path}.")
    state = path.stat()
    return _listened(str(path), (state.st_size, state.st_mtime_ns))


def _hear(blocks: Iterator[NDArray[np.float32]], name: str) -> Heard:
    """Analyse window by window; only the rows are kept, not the sound."""
    window = np.hanning(_WINDOW).astype(np.float32)
    frequencies = np.fft.rfftfreq(_WINDOW, 1 / RATE)
    masks = {band: (frequencies >= low) & (frequencies < high) for band, (low, high) in BANDS.items()}
    parts: dict[str, list[Row]] = {feature: [] for feature in NAMES}
    before = np.zeros((1, len(frequencies)), np.float32)
    # Half a window of silence first: a row is about the moment in the middle of its window.
    rest = np.zeros(_WINDOW // 2, np.float32)
    total = 0
    # And half a window after the end, so that the last samples come to the middle too.
    for block in chain(blocks, [np.zeros(_WINDOW // 2, np.float32)]):
        total += len(block)
        rest = np.concatenate([rest, block])
        count = (len(rest) - _WINDOW) // HOP + 1
        if count < 1:
            continue
        frames = np.lib.stride_tricks.sliding_window_view(rest, _WINDOW)[: count * HOP : HOP]
        spectra = np.abs(np.fft.rfft(frames * window)).astype(np.float32)
        parts["rms"].append(np.sqrt(np.square(frames).mean(1, dtype=np.float64)))
        for band, mask in masks.items():
            parts[band].append(np.sqrt(np.square(spectra[:, mask]).sum(1, dtype=np.float64)))
        loudness = np.log1p(10 * spectra)
        rise = np.diff(loudness, axis=0, prepend=before)
        parts["onset"].append(np.maximum(rise, 0).mean(1, dtype=np.float64))
        before = loudness[-1:]
        rest = rest[count * HOP :]
        if total > _LONGEST * RATE:
            break
    total -= _WINDOW // 2
    if not total:
        raise UseError(f"{name} holds no sound.", "Name a song or a film with sound: --audio song.wav")
    length = max(1, -(-total // HOP))
    rows = {feature: _even(np.concatenate(found)[:length]) for feature, found in parts.items()}
    return Heard(rows, Fraction(total, RATE))


def _even(row: Row) -> Row:
    """Bring a row to 0…1: the loudest hundredth of what is not silence is 1."""
    sounding = row[row > 1e-4 * row.max()] if row.size and row.max() > 1e-6 else row[:0]
    if not sounding.size:
        return np.zeros_like(row)
    return np.clip(row / np.percentile(sounding, _TOP), 0, 1)

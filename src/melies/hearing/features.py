"""`Heard`: what is heard in a sound, as rows of numbers, a hundred a second."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from melies.errors import UseError
from melies.files import exists
from melies.footage.listen import lowered
from melies.frame import Sound
from melies.hearing.rhythm import Pulse, find_pulse
from melies.hearing.structure import find_sections
from melies.hearing.tones import PITCHES, Tones, find_tones
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
_FALL = 0.15
"""Seconds in which the pulse of a beat or a bar falls to a third."""

BANDS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"bass": (20.0, 200.0), "mid": (200.0, 3000.0), "high": (3000.0, 12000.0)}
)
"""From which frequency to which, in Hz."""

MOMENTARY = ("rms", *BANDS, "onset")
"""What is known of a moment at once, as live too."""
RHYTHMICAL = ("beat", "beat_phase", "bar", "bar_phase", "tempo")
"""What follows from the beats."""
TONAL = ("harmonic", "percussive", "chroma", *(f"chroma_{pitch}" for pitch in PITCHES))
"""What follows from a finer look at the tones."""
STRUCTURAL = ("section", "section_phase")
"""What follows from the whole piece."""

NAMES = (*MOMENTARY, *RHYTHMICAL, *TONAL, *STRUCTURAL)
"""What formulas may be about, beside the time."""
SMOOTH = frozenset({"beat_phase", "bar_phase", "tempo", "chroma", "section", "section_phase"})
"""Those of which the last number while a frame is shown counts, not the highest."""
HELD = frozenset({"tempo", "section"})
"""Those that stay as they were when the sound has ended; all others become 0."""

Row = NDArray[np.float64]
Blocks = Callable[[], Iterator[Sound]]


class Analysis:
    """What is known of moments, window by window, as sound comes in; however it is cut into blocks.

    A row is about the middle of its window, so it is known half a window, 11 ms, later.
    """

    def __init__(self) -> None:
        self._hann = np.hanning(_WINDOW).astype(np.float32)
        frequencies = np.fft.rfftfreq(_WINDOW, 1 / RATE)
        self._masks = {band: (frequencies >= low) & (frequencies < high) for band, (low, high) in BANDS.items()}
        self._before = np.zeros((1, len(frequencies)), np.float32)
        # Half a window of silence first: a row is about the moment in the middle of its window.
        self._rest = np.zeros(_WINDOW // 2, np.float32)

    def push(self, block: NDArray[np.float32]) -> dict[str, Row]:
        """Return the rows, not yet brought to 0…1, that are known with these samples: one channel at `RATE`.

        Beside `MOMENTARY` there is `low`: how much begins in the bass.
        """
        self._rest = np.concatenate([self._rest, block])
        count = max(0, (len(self._rest) - _WINDOW) // HOP + 1)
        if not count:
            return {}
        frames = np.lib.stride_tricks.sliding_window_view(self._rest, _WINDOW)[: count * HOP : HOP]
        spectra = np.abs(np.fft.rfft(frames * self._hann)).astype(np.float32)
        rows = {"rms": np.sqrt(np.square(frames).mean(1, dtype=np.float64))}
        for band, mask in self._masks.items():
            rows[band] = np.sqrt(np.square(spectra[:, mask]).sum(1, dtype=np.float64))
        loudness = np.log1p(10 * spectra)
        rise = np.maximum(np.diff(loudness, axis=0, prepend=self._before), 0)
        rows["onset"] = rise.mean(1, dtype=np.float64)
        rows["low"] = rise[:, self._masks["bass"]].mean(1, dtype=np.float64)
        self._before = loudness[-1:]
        self._rest = self._rest[count * HOP :]
        return rows

    def end(self) -> dict[str, Row]:
        """Return the rows about the last samples."""
        return self.push(np.zeros(_WINDOW // 2, np.float32))


class Heard:
    """What is heard in a sound; what takes longer to find is looked for when it is asked for.

    Args:
        raw: Rows of the same length, as `Analysis` makes them.
        seconds: How long the sound is.
        again: Plays the sound once more.
    """

    def __init__(self, raw: Mapping[str, Row], seconds: Fraction, again: Blocks) -> None:
        self.seconds = seconds
        self._again = again
        self._raw = raw
        self._rows: dict[str, Row] = {name: _even(raw[name]) for name in MOMENTARY}

    def row(self, name: str, rate: Fraction) -> Row:
        """Return a row at a rate of frames.

        Of what rises and falls it is the most while each frame is shown, so that no moment is missed; of what goes on
        (`SMOOTH`) the last.

        Args:
            name: One of `NAMES`.
            rate: Frames a second.
        """
        row = self.whole(name)
        count = max(1, -(-len(row) * rate.numerator // (ROWS * rate.denominator)))
        starts = np.array([min(len(row) - 1, int(i * ROWS / rate)) for i in range(count)], np.intp)
        if name in SMOOTH:
            last: Row = row[np.maximum(starts, np.append(starts[1:], len(row)) - 1)]
            return last
        most: Row = np.maximum.reduceat(row, starts)
        return most

    def whole(self, name: str) -> Row:
        """Return a row with `ROWS` numbers a second."""
        if name not in self._rows:
            found = self._rhythm() if name in RHYTHMICAL else self._tonal() if name in TONAL else self._structure()
            self._rows.update(found)
        return self._rows[name]

    @cached_property
    def pulse(self) -> Pulse:
        """Its beats and bars."""
        return find_pulse(self._raw["onset"], self._raw["low"], ROWS)

    @cached_property
    def tones(self) -> Tones:
        """Its tones."""
        return find_tones(lowered(self._again(), RATE), RATE, HOP, len(self._raw["rms"]))

    @cached_property
    def sections(self) -> Row:
        """Seconds at which its sections begin; the first is 0."""
        colours = [np.log1p(1e3 * self._rows[name]) for name in ("rms", *BANDS)]
        return find_sections(np.stack([*colours, *self.tones.chroma.T], 1), self.pulse, ROWS)

    def _rhythm(self) -> dict[str, Row]:
        beats, bars = self.pulse.beats, self.pulse.bars
        count = len(self._raw["rms"])
        return {
            "beat": _pulses(beats, count),
            "beat_phase": _phase(beats, count),
            "bar": _pulses(bars, count),
            "bar_phase": _phase(bars, count),
            "tempo": self.pulse.tempos(np.arange(count) / ROWS),
        }

    def _tonal(self) -> dict[str, Row]:
        tones = self.tones
        found = {"harmonic": _even(tones.harmonic), "percussive": _even(tones.percussive), "chroma": tones.hue}
        return found | {f"chroma_{pitch}": tones.chroma[:, index] for index, pitch in enumerate(PITCHES)}

    def _structure(self) -> dict[str, Row]:
        count = len(self._raw["rms"])
        begins = np.append(self.sections, count / ROWS)
        numbers: Row = np.searchsorted(_places(self.sections), np.arange(count), side="right") - np.float64(1)
        return {"section": numbers, "section_phase": _phase(begins, count)}


@lru_cache(maxsize=4)
def _listened(path: str, mark: tuple[int, int]) -> Heard:
    return hear(lambda: read_sound(path), path)


def listen(path: Path) -> Heard:
    """Listen to a sound file, or to the sound of a film; what was heard last is remembered.

    Raises:
        UseError: There is no such file, it cannot be opened, or it holds no sound.
    """
    if not exists(path):
        raise UseError(f"There is no sound file {path}.")
    state = path.stat()
    return _listened(str(path), (state.st_size, state.st_mtime_ns))


def hear(again: Blocks, name: str) -> Heard:
    """Listen to sound; only the rows are kept, not the sound.

    Args:
        again: Plays it from the beginning, as often as it is called.
        name: What it is called when there is nothing in it.

    Raises:
        UseError: It is empty.
    """
    analysis = Analysis()
    found: list[dict[str, Row]] = []
    total = 0
    for block in _limited(lowered(again(), RATE)):
        total += len(block)
        found.append(analysis.push(block))
    if not total:
        raise UseError(f"{name} holds no sound.", "Name a song or a film with sound: --audio song.wav")
    found.append(analysis.end())
    length = -(-total // HOP)
    rows = {key: np.concatenate([one[key] for one in found if one])[:length] for key in (*MOMENTARY, "low")}
    return Heard(rows, Fraction(total, RATE), again)


def _limited(blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    count = 0
    for block in blocks:
        yield block
        count += len(block)
        if count > _LONGEST * RATE:
            return


def _even(row: Row) -> Row:
    """Bring a row to 0…1: the loudest hundredth of what is not silence is 1."""
    sounding = row[row > 1e-4 * row.max()] if row.size and row.max() > 1e-6 else row[:0]
    if not sounding.size:
        return np.zeros_like(row)
    return np.clip(row / np.percentile(sounding, _TOP), 0, 1)


def _places(times: Row) -> NDArray[np.intp]:
    return np.rint(times * ROWS).astype(np.intp)


def _pulses(times: Row, count: int) -> Row:
    """Rise to 1 at each time, and fall."""
    now = np.arange(count)
    places = _places(times)
    last = np.searchsorted(places, now, side="right") - 1
    if not len(places):
        return np.zeros(count)
    since = now - places[np.maximum(last, 0)]
    return np.where(last < 0, 0.0, np.exp(-since / (_FALL * ROWS)))


def _phase(times: Row, count: int) -> Row:
    """Go from 0 to 1 between each time and the next, also before the first and after the last."""
    if len(times) < 2:
        return np.zeros(count)
    now = np.arange(count) / ROWS
    last = np.clip(np.searchsorted(times, now + 0.5 / ROWS, side="right") - 1, 0, len(times) - 2)
    phase: Row = np.mod(np.maximum(now, 0) - times[last], np.diff(times)[last]) / np.diff(times)[last]
    at = _places(times)
    phase[at[at < count]] = 0.0  # to the row, so that it is never 0.99 where a beat is
    return phase

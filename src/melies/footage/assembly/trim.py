"""Which part of a shot is used: no word is cut, and the cut comes on action where there is some."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from melies.footage.record import Record, Word

_BEFORE = 0.12
"""Seconds that are left before a word, and …"""
_AFTER = 0.2
"""… after one."""
_RUN_UP = 0.3
"""Seconds of a movement that are seen before it is strongest."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a shot.

    Attributes:
        start: Clip time in seconds, on a frame of the film.
        end: Likewise; not included.
        why: Why it begins and ends there.
    """

    start: Fraction
    end: Fraction
    why: str

    @property
    def seconds(self) -> float:
        """How long it is."""
        return float(self.end - self.start)


def clean(record: Record) -> tuple[Fraction, Fraction]:
    """Return the stretch of a shot that has nothing of a dissolve or fade in it."""
    shot = record.shot
    lost = Fraction(shot.blend - shot.blend // 2) / shot.rate
    return min(shot.start + lost, shot.end), shot.end


def part(record: Record, seconds: float, said: tuple[Word, ...] = ()) -> Part:
    """Choose which part of a shot to use.

    Args:
        record: The shot.
        seconds: How long it should be; shorter where the shot is, longer where words would be cut.
        said: Words that must be heard: they are used whole, whatever the length.
    """
    first, last = clean(record)
    low, high = float(first), float(last)
    if said:
        begin, end = said[0].start - _BEFORE, said[-1].end + _AFTER
        why = f"from “{said[0].text}” to “{said[-1].text}”"
    else:
        begin, why = _begin(record, low, high, seconds)
        end = begin + seconds
    begin, end = max(low, begin), min(high, end)
    begin, end = _between(record.words, begin, -1), _between(record.words, end, 1)
    return Part(_frame(record, max(low, begin), first, last), _frame(record, min(high, end), first, last, up=True), why)


def _begin(record: Record, low: float, high: float, seconds: float) -> tuple[float, str]:
    spare = high - low - seconds
    if spare <= 0:
        return low, "the whole shot"
    energy = record.of("energy")
    peak = energy[0].measured.get("peak") if energy else None
    if peak is not None and low <= peak <= high:
        return min(max(low, peak - _RUN_UP), high - seconds), f"begins with the movement at {peak:.1f} s"
    return low + spare / 2, "its middle"


def _between(words: tuple[Word, ...], moment: float, direction: int) -> float:
    """Move a moment out of a word: to its beginning or behind its end, but not into the next one."""
    for index, word in enumerate(words):
        if word.start < moment < word.end:
            if direction < 0:
                floor = words[index - 1].end if index else word.start - _BEFORE
                return max(floor, word.start - _BEFORE)
            ceiling = words[index + 1].start if index + 1 < len(words) else word.end + _AFTER
            return min(ceiling, word.end + _AFTER)
    return moment


def _frame(record: Record, moment: float, first: Fraction, last: Fraction, up: bool = False) -> Fraction:
    """The frame at a moment, or after it; films of variable rate are taken as if theirs were constant."""
    rate = record.shot.rate
    ticks = (Fraction(moment).limit_denominator(10**6) - record.shot.start) * rate
    whole = -(-ticks // 1) if up else ticks // 1
    return min(last, max(first, record.shot.start + whole / rate))

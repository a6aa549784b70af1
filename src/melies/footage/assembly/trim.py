"""Which part of a shot is used: no word is cut, and the cut comes on action where there is some."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

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


def frames_of(record: Record) -> int:
    """Return how many frames of a shot can be used; one of variable rate is taken as if its rate were constant."""
    first, last = clean(record)
    return max(0, int((last - first) * record.shot.rate))


def part(record: Record, seconds: float, said: tuple[Word, ...] = ()) -> Part | None:
    """Choose which part of a shot to use.

    Args:
        record: The shot.
        seconds: How long it should be.
        said: Words that must be heard, whole.

    Returns:
        The part, exactly as many frames long as asked; None if the shot is too short for that, or if no such part has
        the words and cuts none.
    """
    first, _ = clean(record)
    rate, most = record.shot.rate, frames_of(record)
    count = round(seconds * rate)
    if not 1 <= count <= most:
        return None
    begins = np.arange(most - count + 1)
    cuts = _cut_words(record, first, most)
    good = ~cuts[begins] & ~cuts[begins + count]
    if said:
        good &= begins <= float((_exact(said[0].start) - first) * rate)
        good &= begins + count >= float((_exact(said[-1].end) - first) * rate)
        wanted = float((_exact(said[0].start - _BEFORE) - first) * rate)
        why = f"from “{said[0].text}” to “{said[-1].text}”"
    else:
        wanted, why = _begin(record, float(first), most - count)
    if not good.any():
        return None
    begin = int(begins[good][np.argmin(np.abs(begins[good] - wanted))])
    return Part(first + begin / rate, first + (begin + count) / rate, why)


def quote(record: Record, said: tuple[Word, ...]) -> Part:
    """Return the part in which words are said, with a breath before and after and nothing of other words."""
    first, _ = clean(record)
    rate, most = record.shot.rate, frames_of(record)
    index = record.words.index(said[0])
    before = record.words[index - 1].end if index else float("-inf")
    rest = record.words[index + len(said) :]
    after = rest[0].start if rest else float("inf")
    begin = (_exact(max(before, said[0].start - _BEFORE)) - first) * rate
    end = (_exact(min(after, said[-1].end + _AFTER)) - first) * rate
    # Inwards to a frame, as long as nothing of the words themselves is lost.
    early = min(-(-begin // 1), (_exact(said[0].start) - first) * rate // 1)
    late = max(end // 1, -(-(_exact(said[-1].end) - first) * rate // 1))
    low = min(max(0, int(early)), max(0, most - 1))
    high = max(low + 1, min(most, int(late)))
    return Part(first + low / rate, first + high / rate, f"from “{said[0].text}” to “{said[-1].text}”")


def _cut_words(record: Record, first: Fraction, most: int) -> NDArray[np.bool_]:
    """Which of the moments between frames lie inside a word."""
    moments = float(first) + np.arange(most + 1) / float(record.shot.rate)
    inside = np.zeros(most + 1, np.bool_)
    for word in record.words:
        inside |= (word.start < moments) & (moments < word.end)
    return inside


def _begin(record: Record, first: float, spare: int) -> tuple[float, str]:
    """Which frame to begin with, best of all."""
    if spare <= 0:
        return 0.0, "the whole shot"
    energy = record.of("energy")
    peak = energy[0].measured.get("peak") if energy else None
    if peak is not None:
        begin = (peak - _RUN_UP - first) * float(record.shot.rate)
        if -1 <= begin <= spare:
            return begin, f"begins with the movement at {peak:.1f} s"
    return spare / 2, "its middle"


def _exact(moment: float) -> Fraction:
    return Fraction(moment).limit_denominator(10**6)

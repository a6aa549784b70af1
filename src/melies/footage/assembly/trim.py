"""Which part of a shot is used: it shows what the shot was chosen for, no word is cut, and cuts come on action."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from melies.footage.record import Record, Word
from melies.footage.search_conditions import Condition

_BEFORE = 0.12
"""Seconds that are left before a word, and …"""
_AFTER = 0.2
"""… after one."""
_RUN_UP = 0.3
"""Seconds of a movement that are seen before it is strongest."""
_AROUND = 0.3
"""Seconds that are seen before and after a moment for which a shot was chosen, where there is room."""


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


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment for which a shot was chosen.

    Attributes:
        time: When it is, in seconds of clip time.
        what: What is seen then, such as `"smiling"`.
    """

    time: float
    what: str

    def __str__(self) -> str:
        return f"{self.time:.1f} s ({self.what})"


def moments(record: Record, conditions: Iterable[Condition]) -> tuple[Moment, ...]:
    """Return when a shot shows what was asked for, as far as its labels know."""
    found: dict[float, dict[str, None]] = {}
    for condition in conditions:
        label = None if condition.negative else condition.label(record)
        if label is None:
            continue
        time = label.measured.get("at", label.measured.get("peak"))
        if time is not None:
            what = label.value if isinstance(label.value, str) else condition.source
            found.setdefault(time, {})[what] = None
    return tuple(Moment(time, ", ".join(what)) for time, what in sorted(found.items()))


def clean(record: Record) -> tuple[Fraction, Fraction]:
    """Return the stretch of a shot that has nothing of a dissolve or fade in it."""
    shot = record.shot
    lost = Fraction(shot.blend - shot.blend // 2) / shot.rate
    return min(shot.start + lost, shot.end), shot.end


def frames_of(record: Record) -> int:
    """Return how many frames of a shot can be used; one of variable rate is taken as if its rate were constant."""
    first, last = clean(record)
    return max(0, int((last - first) * record.shot.rate))


def part(record: Record, seconds: float, said: tuple[Word, ...] = (), shown: Sequence[Moment] = ()) -> Part | None:
    """Choose which part of a shot to use.

    Args:
        record: The shot.
        seconds: How long it should be.
        said: Words that must be heard, whole.
        shown: Moments that should be seen: as many as can be, with something before and after.

    Returns:
        The part, exactly as many frames long as asked, of which `why` says what it shows; None if the shot is too short
        for that, or if no such part has the words and cuts none.
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
    if not good.any():
        return None
    places = np.array([round((_exact(moment.time) - first) * rate) for moment in shown], np.int64)
    held = _held(begins, count, places, round(_AROUND * rate))
    good &= held == held[good].max()
    if said:
        wanted = float((_exact(said[0].start - _BEFORE) - first) * rate)
        why = f"from “{said[0].text}” to “{said[-1].text}”"
    else:
        wanted, why = _aim(record, count, good, places)
    begin = int(begins[good][np.argmin(np.abs(begins[good] - wanted))])
    return _made(first + begin / rate, first + (begin + count) / rate, why, shown)


def quote(record: Record, said: tuple[Word, ...], shown: Sequence[Moment] = ()) -> Part:
    """Return the part in which words are said, with a breath before and after and nothing of other words.

    Args:
        record: The shot.
        said: The words.
        shown: Moments of which `why` says whether they are in it.
    """
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
    why = f"from “{said[0].text}” to “{said[-1].text}”"
    return _made(first + low / rate, first + high / rate, why, shown)


def _made(start: Fraction, end: Fraction, why: str, shown: Sequence[Moment]) -> Part:
    """A part that says which moments it shows, and which it does not."""
    inside = [str(moment) for moment in shown if start <= _exact(moment.time) < end]
    outside = [str(moment) for moment in shown if not start <= _exact(moment.time) < end]
    told = [why] if why else []
    told += [f"{'with' if why else 'around'} {' and '.join(inside)}"] if inside else []
    told += [f"without {' and '.join(outside)}"] if outside else []
    return Part(start, end, ", ".join(told))


def _cut_words(record: Record, first: Fraction, most: int) -> NDArray[np.bool_]:
    """Which of the moments between frames lie inside a word."""
    moments = float(first) + np.arange(most + 1) / float(record.shot.rate)
    inside = np.zeros(most + 1, np.bool_)
    for word in record.words:
        inside |= (word.start < moments) & (moments < word.end)
    return inside


def _held(begins: NDArray[np.int64], count: int, places: NDArray[np.int64], around: int) -> NDArray[np.int64]:
    """How well parts of so many frames show moments: how many, and of equal ones how many not at their very ends."""
    around = min(around, (count - 1) // 2)
    late = places - begins[:, None]
    shown = ((late >= 0) & (late < count)).sum(1)
    held: NDArray[np.int64] = shown * (len(places) + 1) + ((late >= around) & (late < count - around)).sum(1)
    return held


def _aim(record: Record, count: int, good: NDArray[np.bool_], places: NDArray[np.int64]) -> tuple[float, str]:
    """Which frame to begin with, best of all: with the movement if that may be, else around what is to be shown."""
    spare = len(good) - 1
    if spare <= 0:
        return 0.0, "the whole shot"
    energy = record.of("energy")
    peak = energy[0].measured.get("peak") if energy else None
    if peak is not None:
        begin = (peak - _RUN_UP - float(clean(record)[0])) * float(record.shot.rate)
        if -1 <= begin <= spare and (not len(places) or good[max(0, round(begin))]):
            return begin, f"begins with the movement at {peak:.1f} s"
    if len(places):
        return float(places.mean()) - count / 2, ""
    return spare / 2, "its middle"


def _exact(moment: float) -> Fraction:
    return Fraction(moment).limit_denominator(10**6)

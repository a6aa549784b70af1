"""Choosing: for every line of the brief a shot, so that each fits its line and all go together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from melies.footage.assembly.brief import Beat
from melies.footage.assembly.continuity import Clash, clashes
from melies.footage.assembly.trim import Moment
from melies.footage.record import Record, Word

_WIDTH = 48
"""How many rough cuts are kept in mind on the way."""
_AGAIN = 0.8
"""What it costs to use a shot twice."""
_TAKEN = 0.4
"""What it costs to use a shot that hardly fits here and fits another line better than all others do."""


@dataclass(frozen=True)
class Candidate:
    """A shot that could stand for a line.

    Attributes:
        record: The shot.
        score: How well it fits, 0…1.
        why: Why, for the paper edit.
        said: Words of it that the line asks for.
        weak: Whether it hardly fits: there was nothing better.
        shown: When it shows what the line asks for, where that is known.
    """

    record: Record
    score: float
    why: tuple[str, ...] = ()
    said: tuple[Word, ...] = ()
    weak: bool = False
    shown: tuple[Moment, ...] = ()


@dataclass(frozen=True)
class Choice:
    """A shot in the cut.

    Attributes:
        beat: The line of the brief.
        candidate: What was chosen for it.
        clashes: What spoke for and against cutting to it from the one before.
        others: How many more there were to choose from.
    """

    beat: Beat
    candidate: Candidate
    clashes: tuple[Clash, ...] = ()
    others: int = 0

    @property
    def fixed(self) -> bool:
        """Whether its line says how long it is, or quotes what takes as long as it takes to say."""
        return bool(self.candidate.said) or self.beat.seconds is not None


@dataclass(frozen=True)
class _Cut:
    cost: float = 0.0
    choice: Choice | None = None
    before: _Cut | None = None
    used: frozenset[str] = field(default=frozenset())

    def choices(self) -> list[Choice]:
        made: list[Choice] = []
        cut: _Cut | None = self
        while cut is not None and cut.choice is not None:
            made.append(cut.choice)
            cut = cut.before
        return made[::-1]


Seen = Callable[[int, int], None]
"""Told how many lines are done, and of how many."""


def unseen(done: int, total: int) -> None:
    """Tell nobody."""


def choose(
    beats: Sequence[Beat], candidates: Sequence[Sequence[Candidate]], seen: Seen = unseen
) -> tuple[list[Choice], list[Beat]]:
    """Find the cut that fits its brief and breaks the fewest rules (beam search).

    Args:
        beats: The lines of the brief.
        candidates: For each of them what could stand for it.
        seen: Called before every line.

    Returns:
        The choices, in order, and the lines for which there was nothing.
    """
    cuts = [_Cut()]
    empty: list[Beat] = []
    best = _best(candidates)
    for number, (beat, possible) in enumerate(zip(beats, candidates, strict=True)):
        seen(number, len(beats))
        if not possible:
            empty.append(beat)
            continue
        clash = _clashes()
        costs = [(one, _misses(one, best)) for one in possible]
        pairs = [
            (cut.cost + cost + clash(cut, one)[1] + _AGAIN * (one.record.id in cut.used), cut, one)
            for cut in cuts
            for one, cost in costs
        ]
        # Of equal ones the first: the same brief and footage give the same cut.
        pairs = sorted(pairs, key=lambda pair: pair[0])[:_WIDTH]
        cuts = [
            _Cut(cost, Choice(beat, one, clash(cut, one)[0], len(possible) - 1), cut, cut.used | {one.record.id})
            for cost, cut, one in pairs
        ]
    return cuts[0].choices(), empty


def _best(candidates: Sequence[Sequence[Candidate]]) -> dict[str, float]:
    """How well the best shot of each line fits there, by its id."""
    best: dict[str, float] = {}
    for possible in candidates:
        first = max(possible, key=lambda one: one.score, default=None)
        if first is not None:
            best[first.record.id] = max(first.score, best.get(first.record.id, 0.0))
    return best


def _misses(one: Candidate, best: Mapping[str, float]) -> float:
    """What it costs to use a shot for a line, whatever comes before it."""
    return 1 - one.score + _TAKEN * (one.weak and one.score < best.get(one.record.id, 0.0))


def _clashes() -> Callable[[_Cut, Candidate], tuple[tuple[Clash, ...], float]]:
    """What says how well a shot follows a cut, and what that costs; many cuts end with the same shot."""
    known: dict[tuple[str, str], tuple[tuple[Clash, ...], float]] = {}

    def between(cut: _Cut, one: Candidate) -> tuple[tuple[Clash, ...], float]:
        if cut.choice is None:
            return (), 0.0
        before = cut.choice.candidate.record
        pair = before.id, one.record.id
        if pair not in known:
            found = tuple(clashes(before, one.record))
            known[pair] = found, sum(clash.cost for clash in found)
        return known[pair]

    return between

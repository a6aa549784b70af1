"""Choosing: for every line of the brief a shot, so that each fits its line and all go together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from melies.footage.assembly.brief import Beat
from melies.footage.assembly.continuity import Clash, clashes
from melies.footage.record import Record, Word

_WIDTH = 48
"""How many rough cuts are kept in mind on the way."""
_AGAIN = 0.8
"""What it costs to use a shot twice."""


@dataclass(frozen=True)
class Candidate:
    """A shot that could stand for a line.

    Attributes:
        record: The shot.
        score: How well it fits, 0…1.
        why: Why, for the paper edit.
        said: Words of it that the line asks for.
        weak: Whether it hardly fits: there was nothing better.
    """

    record: Record
    score: float
    why: tuple[str, ...] = ()
    said: tuple[Word, ...] = ()
    weak: bool = False


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


def choose(beats: Sequence[Beat], candidates: Sequence[Sequence[Candidate]]) -> tuple[list[Choice], list[Beat]]:
    """Find the cut that fits its brief and breaks the fewest rules (beam search).

    Args:
        beats: The lines of the brief.
        candidates: For each of them what could stand for it.

    Returns:
        The choices, in order, and the lines for which there was nothing.
    """
    cuts = [_Cut()]
    empty: list[Beat] = []
    for beat, possible in zip(beats, candidates, strict=True):
        if not possible:
            empty.append(beat)
            continue
        pairs = [(_cost(cut, one), cut, one) for cut in cuts for one in possible]
        # Of equal ones the first: the same brief and footage give the same cut.
        pairs = sorted(pairs, key=lambda pair: pair[0])[:_WIDTH]
        cuts = [_with(cut, beat, one, cost, len(possible) - 1) for cost, cut, one in pairs]
    return cuts[0].choices(), empty


def _cost(cut: _Cut, one: Candidate) -> float:
    found = clashes(cut.choice.candidate.record, one.record) if cut.choice else []
    return cut.cost + (1 - one.score) + sum(clash.cost for clash in found) + _AGAIN * (one.record.id in cut.used)


def _with(cut: _Cut, beat: Beat, one: Candidate, cost: float, others: int) -> _Cut:
    found = tuple(clashes(cut.choice.candidate.record, one.record)) if cut.choice else ()
    return _Cut(cost, Choice(beat, one, found, others), cut, cut.used | {one.record.id})

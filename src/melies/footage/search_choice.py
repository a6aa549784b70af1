"""A choice in a search: `3 or 5 seconds`, `a close-up or a wide shot`, `Anna or Bob`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from melies.footage.label import Facet, Label
from melies.footage.record import Record
from melies.footage.search_conditions import Amount, Condition, Match, Trait, neighbours


@dataclass(frozen=True)
class Either(Condition):
    """Conditions of the same kind, any of which will do."""

    among: tuple[Condition, ...]

    def match(self, record: Record) -> Match:
        """See `Condition`."""
        return self._best(record).match(record)

    def label(self, record: Record) -> Label | None:
        """See `Condition`."""
        return self._best(record).label(record)

    def _best(self, record: Record) -> Condition:
        return max(self.among, key=lambda one: ((score := one.match(record).score) is not None, score))

    def sql(self, facets: Mapping[str, Facet]) -> str | None:
        """See `Condition`."""
        parts = [one.sql(facets) for one in self.among]
        return " OR ".join(f"({part})" for part in parts) if all(parts) else None

    @property
    def exact(self) -> bool:
        """Whether each of them is."""
        return all(one.exact for one in self.among)

    @property
    def asked(self) -> frozenset[str] | None:
        """See `Condition`."""
        asked = [one.asked for one in self.among]
        known = [one for one in asked if one is not None]
        return frozenset().union(*known) if len(known) == len(asked) else None

    def __str__(self) -> str:
        return " or ".join(map(str, self.among))


def either(conditions: Sequence[Condition], source: str) -> Condition:
    """Return the condition that one of these holds; of one alone, itself."""
    first, *others = conditions
    return Either(tuple(conditions), source=source, strict=first.strict) if others else first


def alternatives(condition: Condition) -> tuple[Condition, ...]:
    """Return what a condition gives the choice of: of one that gives none, itself."""
    return condition.among if isinstance(condition, Either) else (condition,)


def either_of(one: Condition, other: Condition, source: str, facets: Mapping[str, Facet]) -> Condition | None:
    """Return the condition that either of two of the same kind holds; None if they are of different kinds."""
    if one.negative or other.negative:
        return None
    if isinstance(one, Trait) and isinstance(other, Trait) and not one.count and not other.count:
        if {option.facet for option in one.options}.isdisjoint(option.facet for option in other.options):
            return None
        options = tuple(dict.fromkeys((*one.options, *other.options)))
        return Trait(options, neighbours(options, facets), source=source)
    among = (*alternatives(one), *alternatives(other))
    if len({_kind(part) for part in among}) > 1 or len({*map(str, among)}) == 1:
        return None  # A man or a woman are somebody, once.
    return Either(among, source=source, strict=one.strict, weight=one.weight)


def _kind(condition: Condition) -> tuple[type, object]:
    what = condition.facet if isinstance(condition, Amount) else None
    if isinstance(condition, Trait):
        what = condition.options[0].facet
    return type(condition), what

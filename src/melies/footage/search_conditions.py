"""What a search asks of a shot, part by part: each says how far a shot fulfils it, and why."""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from melies.footage.label import Facet, Label
from melies.footage.record import SURE, Record, Word

NEAR = 0.5
"""What the neighbour of a value counts on a scale, such as a close-up for a medium close-up."""
SCALES = ("size",)
"""Facets whose values are steps from one end to the other, in the order in which they are declared."""

SPOKEN = {
    word: number
    for number, word in enumerate(
        (
            *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
            *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
            "twenty",
        )
    )
}
"""Numbers as they are said."""

_PART = 0.5
"""What a phrase counts at most of which only some words are said."""


class Match(NamedTuple):
    """How far a condition holds: 0 not at all … 1 surely; None where nothing is known. And why."""

    score: float | None
    why: str


@dataclass(frozen=True, kw_only=True)
class Condition(ABC):
    """Something that is asked of a shot.

    Attributes:
        source: The words of the sentence it was read from.
        negative: Whether it must not hold: a shot of which it does is left out.
        strict: Whether a shot of which it does not hold is left out, if it is not negative.
        weight: How much it counts.
    """

    source: str
    negative: bool = False
    strict: bool = False
    weight: float = 1.0

    @abstractmethod
    def match(self, record: Record) -> Match:
        """Say how far it holds, as if it were not negative."""

    def label(self, record: Record) -> Label | None:
        """Return the label by which it holds; None if it does not, or holds by none."""
        return None

    @abstractmethod
    def sql(self, facets: Mapping[str, Facet]) -> str | None:
        """Return it as a condition on the catalogue's columns that is true where it may hold; None if there is none."""

    @property
    def exact(self) -> bool:
        """Whether `sql` is true only where it holds."""
        return True

    @property
    def asked(self) -> frozenset[str] | None:
        """The facets of whose labels `match` makes use; None where it needs all that is known of a shot."""
        return None


class Option(NamedTuple):
    """A value of a facet."""

    facet: str
    value: str


@dataclass(frozen=True)
class Trait(Condition):
    """One of some values, such as a size or an object.

    Attributes:
        options: The values, any of which will do.
        near: Their neighbours, where the facet is a scale.
        count: How many of it there are, at least and at most; None for any number.
    """

    options: tuple[Option, ...]
    near: tuple[Option, ...] = ()
    count: tuple[float, float] | None = None

    def label(self, record: Record) -> Label | None:
        """See `Condition`."""
        best: Label | None = None
        for label in record.labels:
            if self._is(label) and (best is None or label.sure > best.sure):
                best = label
        return best

    def match(self, record: Record) -> Match:
        """See `Condition`."""
        best = self.label(record)
        if best is not None:
            return Match(best.sure, f"{best.value}: {best.why}")
        for label in record.labels:
            if (label.facet, label.value) in self.near:
                return Match(NEAR * label.sure, f"nearly, {label.value}: {label.why}")
        asked = {option.facet for option in self.options}
        instead = sorted((one for one in record.labels if one.facet in asked), key=lambda one: -one.sure)
        if not instead:
            return Match(None, "not known")
        return Match(0.0, f"{instead[0].value}: {instead[0].why}")

    def _is(self, label: Label) -> bool:
        if (label.facet, label.value) not in self.options:
            return False
        least, most = self.count or (1, float("inf"))
        return least <= label.measured.get("count", 1.0) <= most

    def sql(self, facets: Mapping[str, Facet]) -> str | None:
        """See `Condition`."""
        parts = []
        for facet, value in self.options:
            text = "'" + value.replace("'", "''") + "'"
            parts.append(f"array_has({facet}, {text})" if facets[facet].kind == "many" else f"{facet} = {text}")
        return " OR ".join(parts)

    @property
    def exact(self) -> bool:
        """Lists of what is seen have no counts."""
        return self.count is None

    @property
    def asked(self) -> frozenset[str]:
        """See `Condition`."""
        return frozenset(option.facet for option in (*self.options, *self.near))

    def __str__(self) -> str:
        by_facet: dict[str, list[str]] = {}
        for facet, value in self.options:
            by_facet.setdefault(facet, []).append(value)
        told = " or ".join(f"{facet} {' or '.join(values)}" for facet, values in by_facet.items())
        return told + (f", {_range(*self.count)} of it" if self.count else "")


@dataclass(frozen=True)
class Amount(Condition):
    """A number that lies in a range.

    Attributes:
        facet: Which number; `"seconds"` is the shot's length, and `"frames"` the same in frames of the film.
        least: From.
        most: To.
        over: Whether `least` itself does not do.
        under: Whether `most` itself does not do.
    """

    facet: str
    least: float = float("-inf")
    most: float = float("inf")
    over: bool = False
    under: bool = False

    @property
    def limits(self) -> tuple[float, float]:
        """The least and the greatest number that will do."""
        return (
            math.nextafter(self.least, math.inf) if self.over else self.least,
            math.nextafter(self.most, -math.inf) if self.under else self.most,
        )

    def label(self, record: Record) -> Label | None:
        """See `Condition`."""
        least, most = self.limits
        return next((one for one in record.of(self.facet)[:1] if least <= float(one.value) <= most), None)

    def match(self, record: Record) -> Match:
        """See `Condition`."""
        least, most = self.limits
        if self.facet == "seconds":
            held = least <= record.shot.seconds <= most
            return Match(float(held), f"{round(record.shot.seconds, 3):g} s")
        if self.facet == "frames":
            frames = record.shot.frames
            return Match(float(least <= frames <= most), f"{frames} frames")
        found = record.of(self.facet)
        if not found:
            return Match(None, "not known")
        label, value = found[0], float(found[0].value)
        if least <= value <= most:
            # Eight people may be seven, but they are surely more than one.
            beyond = value - self.least if self.most == float("inf") else 0.0
            return Match(1 - (1 - label.sure) ** (1 + beyond), f"{value:g} ({label.why})")
        return Match(0.0, f"{value:g} ({label.why})")

    def sql(self, facets: Mapping[str, Facet]) -> str | None:
        """See `Condition`."""
        if self.facet == "frames":
            return None  # The catalogue has no column for it.
        if self.facet == "seconds":
            return _lasting(*self.limits)
        parts = [f"{self.facet} >= {self.least:g}"] if self.least > float("-inf") else []
        parts += [f"{self.facet} <= {self.most:g}"] if self.most < float("inf") else []
        return " AND ".join(parts) or None

    @property
    def asked(self) -> frozenset[str]:
        """See `Condition`."""
        return frozenset((self.facet,))

    def __str__(self) -> str:
        if self.over or self.under:
            return f"{self.facet} {f'more than {self.least:g}' if self.over else f'less than {self.most:g}'}"
        return f"{self.facet} {_range(self.least, self.most)}"


@dataclass(frozen=True)
class Anything(Condition):
    """Anything at all that a facet may say, such as some text in the picture."""

    facet: str

    def label(self, record: Record) -> Label | None:
        """See `Condition`."""
        return next(iter(record.of(self.facet)), None)

    def match(self, record: Record) -> Match:
        """See `Condition`."""
        found = self.label(record)
        return Match(found.sure, f"{found.value}: {found.why}") if found else Match(None, "not known")

    def sql(self, facets: Mapping[str, Facet]) -> str | None:
        """See `Condition`."""
        return f"array_length({self.facet}) > 0" if facets[self.facet].kind == "many" else f"{self.facet} IS NOT NULL"

    @property
    def asked(self) -> frozenset[str]:
        """See `Condition`."""
        return frozenset((self.facet,))

    def __str__(self) -> str:
        return f"any {self.facet}"


@dataclass(frozen=True)
class Phrase(Condition):
    """Words that are said one after the other."""

    words: str
    weight: float = field(default=2.0, kw_only=True)

    def match(self, record: Record) -> Match:
        """See `Condition`."""
        said = best_spoken(record.words, self.words)
        if said:
            heard = min(word.sure for word in said)
            why = f"“{self.words}” is said at {said[0].start:.1f} s{_doubt(heard)}"
            return Match(1.0 if heard >= SURE else heard, why)
        wanted = _heard(self.words)
        there = {piece for word in record.words if word.sure >= SURE for piece in _heard(word.text)}
        share = sum(word in there for word in wanted) / len(wanted)
        part = 0.0 if self.negative else _PART  # Who does not want "good night" may have "good".
        return (
            Match(part * share, f"{share:.0%} of its words are said")
            if record.words
            else Match(None, "nothing is known")
        )

    def sql(self, facets: Mapping[str, Facet]) -> str | None:
        """See `Condition`."""
        rarest = max(plain(self.words).split(), key=lambda word: (not _forms(word)[1:], len(word)))
        return " OR ".join(f"lower(said) LIKE '%{one}%'" for one in _forms(rarest)) if rarest.isalnum() else None

    @property
    def exact(self) -> bool:
        """One word is not the phrase."""
        return False

    def __str__(self) -> str:
        return f"“{self.words}” is said"


@dataclass(frozen=True)
class Somebody(Condition):
    """A person of the catalogue."""

    name: str
    weight: float = field(default=2.0, kw_only=True)

    def match(self, record: Record) -> Match:
        """See `Condition`."""
        seen = self.name in record.people
        return Match(float(seen), f"{self.name} is {'' if seen else 'not '}seen")

    def sql(self, facets: Mapping[str, Facet]) -> str | None:
        """Names stand in the catalogue's book, not in its table."""
        return None

    @property
    def asked(self) -> frozenset[str]:
        """See `Condition`."""
        return frozenset()

    def __str__(self) -> str:
        return f"{self.name} is seen"


@dataclass(frozen=True)
class Mention(Condition):
    """Words that the labels have, or that are said; only to be left out by."""

    words: str

    def match(self, record: Record) -> Match:
        """See `Condition`."""
        told = [str(label.value) for label in record.labels if isinstance(label.value, str)]
        there = {singular(word) for text in (*told, record.text) for word in plain(text).split()}
        held = all(singular(word) in there for word in self.words.split())
        return Match(float(held), f"“{self.words}” is {'' if held else 'not '}seen or said")

    def sql(self, facets: Mapping[str, Facet]) -> str | None:
        """A word may have many forms, so that is looked at shot by shot."""
        return None

    def __str__(self) -> str:
        return f"“{self.words}” is seen or said"


def plain(text: str) -> str:
    """Return a text in small letters without punctuation, its words one space apart: `"Close-up!"` is `"close up"`."""
    return " ".join(re.findall(r"[^\W_]+(?:['’][^\W_]+)*", text.lower())).replace("’", "'")


def spoken(words: Sequence[Word], phrase: str) -> Iterator[tuple[Word, ...]]:
    """Yield the places where a phrase is said; case, punctuation and how numbers are written do not matter."""
    said = [(piece, word) for word in words for piece in _heard(word.text)]
    wanted = _heard(phrase)
    for at in range(len(said) - len(wanted) + 1) if wanted else ():
        run = said[at : at + len(wanted)]
        if [piece for piece, _ in run] == wanted:
            yield tuple(dict.fromkeys(word for _, word in run))


def best_spoken(words: Sequence[Word], phrase: str) -> tuple[Word, ...]:
    """Return the place where a phrase is heard most surely, of equal ones the first; empty if it is not said."""
    return max(spoken(words, phrase), key=lambda run: min(word.sure for word in run), default=())


def _heard(text: str) -> list[str]:
    """The words of a text, numbers up to twenty as digits: a listener writes `nine` or `9`, as it comes."""
    return [str(SPOKEN.get(word, word)) for word in plain(text).split()]


def _forms(word: str) -> list[str]:
    """How a word may be written down."""
    said = [name for name, number in SPOKEN.items() if word in (name, str(number))]
    return [said[0], str(SPOKEN[said[0]])] if said else [word]


@lru_cache(maxsize=4096)
def singular(word: str) -> str:
    """Return an English word without the ending of its plural."""
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x")):
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return word.removesuffix(ending) + instead
    return word[:-1] if word.endswith("s") and len(word) > 3 and word[-2] not in "sui" else word


def neighbours(options: Iterable[Option], facets: Mapping[str, Facet]) -> tuple[Option, ...]:
    """Return the values next to these on scales."""
    wanted = set(options)
    found = []
    for facet, value in sorted(wanted):
        values = facets[facet].values if facet in SCALES else ()
        if value in values:
            at = values.index(value)
            found += [Option(facet, other) for other in (*values[max(0, at - 1) : at], *values[at + 1 : at + 2])]
    return tuple(dict.fromkeys(one for one in found if one not in wanted))


def _doubt(sure: float) -> str:
    return "" if sure >= SURE else f", heard only with confidence {sure:.2f}"


def _range(least: float, most: float) -> str:
    if least == most:
        return f"{least:g}"
    if most == float("inf"):
        return f"at least {least:g}"
    return f"at most {most:g}" if least == float("-inf") else f"{least:g} to {most:g}"


def _lasting(least: float, most: float) -> str | None:
    """A range of lengths in SQL: whole tenths of a second, which are found much faster, and seconds at its ends."""
    if least == float("-inf") and most == float("inf"):
        return None
    whole, ends = [], []
    first = last = 0
    if least > float("-inf"):
        first = math.ceil(10 * least)
        whole.append(f"tenths >= {first}")
        ends += [f"seconds >= {least} AND seconds < {first / 10}"] if first / 10 > least else []
    if most < float("inf"):
        last = math.floor(10 * most)
        whole.append(f"tenths < {last}")
        ends.append(f"seconds >= {last / 10} AND seconds <= {most}")
    if first > last and len(whole) == 2:
        return f"seconds >= {least} AND seconds <= {most}"
    return " OR ".join(f"({part})" for part in (" AND ".join(whole), *ends))

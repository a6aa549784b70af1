"""Finding shots: by what was measured, by words, by meaning and by looks, all four weighed together.

Up to `search_index.WHOLE` shots every one is looked at. In larger catalogues each way of searching first proposes its
best few hundred through an index, and only these are looked at.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from melies.footage.catalogue.rows import describe
from melies.footage.label import Label
from melies.footage.record import SURE, Record
from melies.footage.search_conditions import Condition, plain, singular
from melies.footage.search_lexicon import TOLD
from melies.footage.search_look import COLOURS, PALETTE, SHOWN, Look, coloured_alike, shown_alike
from melies.footage.terms import FILLERS, Query

Vector = NDArray[np.float32]

UNKNOWN = 0.2
"""What a condition counts of which nothing is known."""
WORDS, MEANING = 1.0, 1.0
"""What words and meaning count; a condition counts 1."""
WEAK = 0.45
"""Score below which a shot was found for want of a better one: one thing of three, or half of two by chance."""

_ALIKE = 0.6
"""Scalar product of two texts from which on they count as the same."""
_STRANGE, _SAME = 0.47, 0.7
"""Scalar products of a text and a word up to which they have nothing in common, and from which they mean the same."""
_CHANCE = 0.4
"""Score of the meaning that may be by chance."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one way of searching says of a shot.

    Attributes:
        kind: Which.
        name: The words of the condition, or the kind.
        score: 0…1.
        weight: How much it counts.
        why: The reason.
        speaks: Whether it speaks for the shot: a little likeness is there between any two texts.
        strict: Whether all that is found has it, so that it says nothing about how well a shot fits.
    """

    kind: Literal["condition", "words", "meaning", "look", "colours"]
    name: str
    score: float
    weight: float
    why: str
    speaks: bool
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A shot that was found.

    Attributes:
        record: The shot.
        score: How well it fits, 0…1: the weighted mean of the parts.
        parts: What speaks for it.
    """

    record: Record
    score: float
    parts: tuple[Part, ...]

    @property
    def weak(self) -> bool:
        """Whether little of what was asked for is there, or only little is known of it."""
        asked = [part for part in self.parts if not part.strict]
        return bool(asked) and _mean(asked) < WEAK


@dataclass(frozen=True)
class Wish:
    """A search in the form in which shots are compared with it.

    Attributes:
        query: What was understood.
        vector: What its text means, of unit length; None where it has none.
        look: The picture that is looked for, as `look_at` gives it; None for none.
    """

    query: Query
    vector: Vector | None = None
    look: Look | None = None

    @cached_property
    def stems(self) -> frozenset[str]:
        """The words that are looked for."""
        return frozenset(stems(self.query.meaning))


def wish(query: Query, look: Look | None = None) -> Wish:
    """Work out what the query's text means.

    Raises:
        ModelError: The file of the text model is damaged.
    """
    from melies.footage.text import embed

    return Wish(query, embed([query.meaning])[0] if query.meaning else None, look)


def rank(records: Sequence[Record], wanted: Wish, words: Mapping[str, float], limit: int) -> list[Found]:
    """Return the shots that fit best, the best first; shots that must not be are left out.

    Args:
        records: The shots, or drafts of them with the labels of `judged_by`.
        wanted: What is looked for.
        words: How well a shot's words fit, 0…1, by the shot's id.
        limit: How many are wanted.

    Returns:
        What was found, of which the words are still to be `told`.
    """
    likeness = _likeness(records, wanted)
    judged = (judge(one, wanted, words.get(one.id, 0.0) if words else None, likeness) for one in records)
    return heapq.nlargest(limit, (found for found in judged if found is not None), key=lambda found: found.score)


def judged_by(wanted: Wish) -> frozenset[str] | None:
    """Return the facets of whose labels `judge` makes use; None where it needs all that is known of a shot."""
    asked = [condition.asked for condition in wanted.query.conditions]
    known = [facets for facets in asked if facets is not None]
    return None if len(known) < len(asked) else frozenset(TOLD).union(*known, () if wanted.look is None else (PALETTE,))


def _likeness(records: Sequence[Record], wanted: Wish) -> dict[str, float]:
    if wanted.vector is None:
        return {}
    from melies.footage.text import embed_words

    named = sorted({str(one.value) for record in records for one in record.labels if _names(one)})
    return dict(zip(named, map(float, embed_words(named) @ wanted.vector), strict=True))


def judge(record: Record, wanted: Wish, words: float | None, likeness: Mapping[str, float]) -> Found | None:
    """Say how well a shot fits; None if it must not be, or nothing speaks for it.

    Args:
        record: The shot.
        wanted: What is looked for.
        words: How well its words fit, 0…1; None if no shot has any of the words.
        likeness: How much each word that names something means what is looked for, as `embed` compares them.
    """
    parts = []
    for condition in wanted.query.conditions:
        held, why = condition.match(record)
        if held if condition.negative else condition.strict and not held:
            return None
        if not condition.negative:
            score = UNKNOWN if held is None else held
            speaks, strict = bool(held), condition.strict
            parts.append(Part("condition", condition.source, score, condition.weight, why, speaks, strict))
    if words is not None:
        parts.append(Part("words", "words", words, WORDS, "", words > 0))
    if wanted.vector is not None:
        parts.append(_meaning(record, wanted.vector, likeness))
    if wanted.look is not None:
        parts += _looks(record, wanted.look)
    if not parts:  # Only what must not be was said: every other shot is as good as the next.
        return Found(record, 1.0, ())
    if not any(part.speaks for part in parts):
        return None
    return Found(record, _mean(parts), tuple(parts))


def _mean(parts: Sequence[Part]) -> float:
    return sum(part.score * part.weight for part in parts) / sum(part.weight for part in parts)


def _looks(record: Record, wanted: Look) -> Iterator[Part]:
    """What is shown, and the colours; these alone do not speak for a shot: many pictures are grey and brown."""
    score, why = shown_alike(record, wanted)
    yield Part("look", "look", score, SHOWN, why, score > 0)
    colours = coloured_alike(record, wanted)
    if colours is not None:
        yield Part("colours", "colours", colours[0], COLOURS, colours[1], False)


def _names(label: Label) -> bool:
    """Whether a label names what is seen, and is sure enough to be compared with what was meant."""
    return label.facet in TOLD and label.sure >= SURE


def _meaning(record: Record, vector: Vector, likeness: Mapping[str, float]) -> Part:
    """All of a shot's words together, or the one that names what comes nearest, whichever means more of it."""
    alike = 0.0 if record.vector is None else float(record.vector @ vector)
    score, why = min(1.0, max(0.0, alike / _ALIKE)), f"the likeness of both texts is {alike:.2f}"
    speaks = score > _CHANCE
    for label in record.labels:
        near = likeness.get(str(label.value), 0.0) if _names(label) else 0.0
        if near > _STRANGE:
            speaks = True
            named = label.sure * min(1.0, (near - _STRANGE) / (_SAME - _STRANGE))
            if named > score:
                score, why = named, f"the likeness of “{label.value}” is {near:.2f}"
    return Part("meaning", "meaning", score, MEANING, why, speaks)


def told(found: Found, wanted: Wish) -> Found:
    """Say which words a shot has; that takes longer than all the rest, so only those that were chosen are asked."""
    there = wanted.stems & set(stems(texts(found.record)))
    why = f"has {', '.join(sorted(there))}" if there else "has none of the words"
    return replace(found, parts=tuple(replace(one, why=why) if one.kind == "words" else one for one in found.parts))


def texts(record: Record) -> str:
    """Return the words of a shot that are fairly sure: what is seen, and what is said."""
    return f"{describe(record.labels)} {record.heard}"


def stems(text: str) -> list[str]:
    """Return the words of a text that say something, in singular."""
    return [singular(word) for word in plain(text).split() if word not in FILLERS]


def bm25(wanted: Iterable[str], documents: Iterable[tuple[str, str]]) -> dict[str, float]:
    """Say how well texts fit some words; those that have none of them are left out.

    Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009).

    Args:
        wanted: Words, as `stems` returns them.
        documents: Names and texts; they are gone through once.

    Returns:
        A score for each name, of which the best is 1.
    """
    words = set(wanted)
    counts: dict[str, tuple[dict[str, int], int]] = {}
    total = number = 0
    for name, text in documents:
        there = stems(text)
        total, number = total + len(there), number + 1
        found = Counter(word for word in there if word in words)
        if found:
            counts[name] = found, len(there)
    usual = max(1.0, total / max(1, number))
    having = Counter(word for found, _ in counts.values() for word in found)
    rare = {word: math.log(1 + (number - count + 0.5) / (count + 0.5)) for word, count in having.items()}
    scores = {
        name: sum(
            rare[word] * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * length / usual)) for word, count in found.items()
        )
        for name, (found, length) in counts.items()
    }
    return scaled(scores)


def scaled(scores: Mapping[str, float]) -> dict[str, float]:
    """Divide scores by the best of them."""
    most = max(scores.values(), default=0.0) or 1.0
    return {name: score / most for name, score in scores.items()}


def search(records: Sequence[Record], wanted: Wish, limit: int = 20) -> list[Found]:
    """Find shots among those that are at hand.

    Args:
        records: The shots.
        wanted: What is looked for, made by `wish`.
        limit: How many are wanted.

    Returns:
        The best first.
    """
    words = bm25(wanted.stems, ((record.id, texts(record)) for record in records)) if wanted.stems else {}
    return [told(found, wanted) for found in rank(records, wanted, words, limit)]


def positive(query: Query) -> Iterator[Condition]:
    """The conditions that are to hold."""
    return (one for one in query.conditions if not one.negative)

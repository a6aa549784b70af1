"""Reading a search: `"close-up of a smiling woman, backlit, slow push in, no cars, 3 to 5 seconds"`.

What the language of film has a word for becomes a condition on what was measured; phrases in quotation marks are looked
for in what is said; the rest is left for search by words and by meaning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from melies.footage.label import Facet
from melies.footage.search_conditions import (
    Amount,
    Condition,
    Mention,
    Option,
    Phrase,
    Somebody,
    Trait,
    neighbours,
    plain,
    singular,
)
from melies.footage.search_lexicon import ANYBODY, COUNTED, PEOPLE, SPEEDS, TOLD, amounts, terms

_NUMBERS = {
    word: number
    for number, word in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    )
}
_UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), 60.0),
}
_NOT = {"no", "not", "without", "except", "excluding", "excepting", "never", "minus", "nor"}
FILLERS = {
    *("a", "an", "the", "of", "with", "in", "on", "at", "and", "or", "is", "are", "to", "by", "any", "some", "very"),
    *("shot", "shots", "clip", "clips", "footage", "scene", "scenes", "where", "which", "that", "there", "it", "from"),
    *(
        "show",
        "me",
        "find",
        "all",
        "camera",
        "for",
        "but",
        "who",
        "his",
        "her",
        "its",
        "their",
        "length",
        "be",
        "being",
    ),
}
"""Words that ask for nothing by themselves."""
_SAYS = {
    *("says", "saying", "said", "say", "speaks of", "mentions", "mentioning", "talks about", "talking about"),
    *("speaking about", "the words", "the word", "the line", "quote"),
}
_LEAST = {"at least", "more than", "longer than", "over", "above", "from", "minimum", "min"}
_MOST = {
    "at most",
    "up to",
    "less than",
    "fewer than",
    "shorter than",
    "under",
    "below",
    "maximum",
    "max",
    "no more than",
}
_ABOUT = {"about", "around", "roughly", "approximately", "circa", "ca", "some"}
_MORE = {"or longer", "or more", "and more", "plus"}
_LESS = {"or shorter", "or less", "or fewer"}
_SLACK = 0.3
"""Share of a length by which a shot may differ from it when nothing else is said."""
_LONGEST = 6
"""Words of the longest name of anything."""

_PIECES = re.compile(
    r'["“„«](?P<quote>[^"“”„»]*)["”“»]?|(?P<number>\d+(?:\.\d+)?)|(?P<word>[^\W\d_]+(?:[\'’][^\W\d_]+)*)'
    r"|(?P<minus>(?<!\S)[-−](?=\w))|(?P<dash>[-–—])|(?P<stop>[,;.:!?/|])"
)


class _Piece(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Query:
    """A search that was understood.

    Attributes:
        sentence: As it was typed.
        conditions: What is asked of a shot.
        meaning: What is left, to be matched by words and by meaning; may be empty.
    """

    sentence: str
    conditions: tuple[Condition, ...] = ()
    meaning: str = ""

    def explain(self) -> list[str]:
        """Say which words became what, one line each."""
        lines = []
        for one in self.conditions:
            how = "must not be: " if one.negative else "must be: " if one.strict else "wanted: "
            lines.append(f"“{one.source}” → {how}{one}")
        if self.meaning:
            lines.append(f"“{self.meaning}” → by words and by meaning")
        return lines


def parse(sentence: str, facets: Mapping[str, Facet] | None = None, people: Sequence[str] = ()) -> Query:
    """Read a search.

    Args:
        sentence: What was typed, in English.
        facets: What is asked of shots; all that this installation asks by default.
        people: Names of those who are known.
    """
    if facets is None:
        from melies.footage.analyse import facets as asked

        facets = asked()
    return _Parser(sentence, dict(facets), people).parse()


class _Parser:
    def __init__(self, sentence: str, facets: dict[str, Facet], people: Sequence[str]) -> None:
        self.sentence = sentence
        self.facets = facets
        self.terms = terms(tuple(facets.values()))
        self.amounts = amounts(tuple(facets.values()))
        self.people = {plain(name): name for name in people}
        self.pieces = [
            _Piece(kind := str(match.lastgroup), match[kind].replace("’", "'"), *match.span())
            for match in _PIECES.finditer(sentence)
        ]
        self.conditions: list[Condition] = []
        self.rest: list[_Piece] = []
        self.at = 0
        self.negative = False

    def parse(self) -> Query:
        rules: tuple[Callable[[], bool], ...] = (
            *(self._stop, self._says, self._length, self._name, self._number, self._term, self._people, self._not),
            self._word,
        )
        while self.at < len(self.pieces):
            next(rule for rule in rules if rule())
        self._speed()
        return Query(self.sentence, self._joined(), self._meaning())

    # Rules: each takes what it knows at the front and says whether it did.

    def _stop(self) -> bool:
        if self.pieces[self.at].kind not in ("stop", "dash"):
            return False
        if self.pieces[self.at].kind == "stop":
            self.negative = False
            self.rest.append(self.pieces[self.at])
        self.at += 1
        return True

    def _says(self) -> bool:
        """`"…"`, `says "…"`, `says …` up to the next comma."""
        start, length = self.at, self._longest(_SAYS)
        at = start + length
        if at < len(self.pieces) and self.pieces[at].kind == "quote":
            words, end = self.pieces[at].text, at + 1
        elif length:
            end = next((i for i in range(at, len(self.pieces)) if self.pieces[i].kind == "stop"), len(self.pieces))
            words = self._source(at, end) if end > at else ""
        else:
            return False
        if plain(words):
            self._take(Phrase(words.strip(), source=self._source(start, end)), end)
        else:
            self.at = end
        return True

    def _length(self) -> bool:
        """`3 to 5 seconds`, `at least 4 s`, `5 seconds or longer`."""
        found = self._amount(self.at)
        if found is None:
            return False
        least, most, at, exact = found
        unit = _UNITS.get(self._text(at))
        if unit is None:
            return False
        at += 1
        if exact:
            if (length := self._longest(_MORE, at)) > 0:
                most, at = float("inf"), at + length
            elif (length := self._longest(_LESS, at)) > 0:
                least, at = 0.0, at + length
            else:
                least, most = least * (1 - _SLACK), most * (1 + _SLACK)
        at += self._text(at) in ("long", "in")
        source = self._source(self.at, at)
        amount = Amount("seconds", least * unit, most * unit, source=source, strict=True)
        self._take(amount, at)
        return True

    def _number(self) -> bool:
        """`two people`, `at least three cars`."""
        found = self._amount(self.at)
        if found is None:
            return False
        least, most, at, _ = found
        if self._text(at) in PEOPLE and "people" in self.facets:
            self._keep(at, at + 1)
            self._take(Amount("people", least, most, source=self._source(self.at, at + 1)), at + 1)
            return True
        for length in range(2, 0, -1):
            texts = [self._text(i) for i in range(at, at + length)]
            options = [one for one in self._options(" ".join(texts)) if one.facet in COUNTED] if all(texts) else []
            if options:
                self._keep(at, at + length)
                source = self._source(self.at, at + length)
                self._take(Trait(tuple(options), count=(least, most), source=source), at + length)
                return True
        return False

    def _name(self) -> bool:
        length = self._longest(self.people)
        if not length:
            return False
        source = self._source(self.at, self.at + length)
        self._take(Somebody(self.people[plain(source)], source=source), self.at + length)
        return True

    def _term(self) -> bool:
        for length in range(min(_LONGEST, len(self.pieces) - self.at), 0, -1):
            pieces = self.pieces[self.at : self.at + length]
            if any(piece.kind in ("quote", "stop", "minus") for piece in pieces):
                continue
            words, source = plain(" ".join(piece.text for piece in pieces)), self._source(self.at, self.at + length)
            if words in self.amounts:
                facet, least, most = self.amounts[words]
                self._take(Amount(facet, least, most, source=source), self.at + length)
                return True
            if options := self._options(words):
                if self.negative and options[0].facet == "palette" and self._plain_word(self.at + length):
                    return False  # What must not be is not the colour but the thing of that colour.
                if options[0].facet in TOLD:
                    self._keep(self.at, self.at + length)
                self._take(Trait(options, neighbours(options, self.facets), source=source), self.at + length)
                return True
        return False

    def _people(self) -> bool:
        """A word for somebody asks for at least one, and is matched by meaning too."""
        if self._text(self.at) not in PEOPLE or "people" not in self.facets:
            return False
        self._keep(self.at, self.at + 1)
        self._take(Amount("people", 1, source=self.pieces[self.at].text), self.at + 1)
        return True

    def _not(self) -> bool:
        piece = self.pieces[self.at]
        length = 2 if (self._text(self.at), self._text(self.at + 1)) == ("other", "than") else 1
        if piece.kind != "minus" and piece.text.lower() not in _NOT and length == 1:
            return False
        self.negative = True
        self.at += length
        return True

    def _word(self) -> bool:
        piece = self.pieces[self.at]
        if not self.negative:
            self.rest.append(piece)
        elif self._text(self.at) not in FILLERS:
            end = self.at + 1
            while self._plain_word(end):
                end += 1
            source = self._source(self.at, end)
            self._take(Mention(plain(source), source=source), end)
            return True
        self.at += 1
        return True

    # Helpers

    def _take(self, condition: Condition, at: int) -> None:
        """Keep a condition; what is denied stays denied only over `or`."""
        if self.negative:
            condition = replace(condition, negative=True)
        self.conditions.append(condition)
        self.at = at
        self.negative = self.negative and self._text(at) in ("or", "nor")
        self.at += self.negative

    def _keep(self, start: int, end: int) -> None:
        if not self.negative:
            self.rest += [piece for piece in self.pieces[start:end] if piece.text.lower() not in ANYBODY]

    def _amount(self, at: int) -> tuple[float, float, int, bool] | None:
        """A number or a range of two: from, to, where it ends, and whether it is a number by itself."""
        start = at
        at += self._longest({"between"}, at)
        most_first, least_first = self._longest(_MOST, at), self._longest(_LEAST, at)
        at += max(most_first, least_first)
        about = self._longest(_ABOUT, at)
        at += about
        first = self._value(at)
        if first is None:
            return None
        if self._joins(at + 1) and (second := self._value(at + 2)) is not None:
            return min(first, second), max(first, second), at + 3, False
        if most_first > least_first:
            return 0.0, first, at + 1, False
        if least_first and self._text(start) != "from":
            more = self._text(start) in ("more", "longer", "over", "above") and self._text(at + 1) not in _UNITS
            return first + more, float("inf"), at + 1, False
        return first, first, at + 1, True

    def _joins(self, at: int) -> bool:
        return self._text(at) in ("to", "and", "till", "until") or self._kind(at) == "dash"

    def _value(self, at: int) -> float | None:
        if self._kind(at) == "number":
            return float(self.pieces[at].text)
        return _NUMBERS.get(self._text(at))

    def _options(self, words: str) -> tuple[Option, ...]:
        """The values of a name, in singular or plural."""
        if words in self.terms or not words:
            return self.terms.get(words, ())
        *first, last = words.split()
        return self.terms.get(" ".join([*first, singular(last)]), ())

    def _longest(self, known: Mapping[str, object] | set[str], at: int | None = None) -> int:
        """How many pieces from here on are one of these names; 0 for none."""
        at = self.at if at is None else at
        for length in range(min(_LONGEST, len(self.pieces) - at), 0, -1):
            pieces = self.pieces[at : at + length]
            words = plain(" ".join(piece.text for piece in pieces))
            if words in known and all(piece.kind in ("word", "number", "dash") for piece in pieces):
                return length
        return 0

    def _plain_word(self, at: int) -> bool:
        """Whether a word goes on with what is said before it."""
        return self._text(at) not in {"", *FILLERS, *_NOT}

    def _kind(self, at: int) -> str:
        return self.pieces[at].kind if at < len(self.pieces) else ""

    def _text(self, at: int) -> str:
        return self.pieces[at].text.lower() if self._kind(at) == "word" else ""

    def _source(self, start: int, end: int) -> str:
        return self.sentence[self.pieces[start].start : self.pieces[end - 1].end].strip()

    def _speed(self) -> None:
        """`slow` and its like mean the camera where a movement is asked for."""
        moves = any(isinstance(one, Trait) and one.options[0].facet == "movement" for one in self.conditions)
        values = self.facets["pace"].values if "pace" in self.facets else ()
        for piece in list(self.rest):
            speed = next((speed for speed, words in SPEEDS.items() if piece.text.lower() in words), None)
            if moves and speed in values:
                self.rest.remove(piece)
                self.conditions.append(Trait((Option("pace", str(speed)),), source=piece.text))

    def _joined(self) -> tuple[Condition, ...]:
        """The conditions, each once: of two counts of people, the one that says more."""
        counts = [one for one in self.conditions if isinstance(one, Amount) and one.facet == "people"]
        vague = [one for one in counts if one.least == 1 and one.most == float("inf") and not one.negative]
        spare = vague[1:] if len(vague) == len(counts) else vague
        return tuple(one for one in dict.fromkeys(self.conditions) if not any(one is other for other in spare))

    def _meaning(self) -> str:
        words = [piece for piece in self.rest if piece.kind != "stop"]
        while words and words[0].text.lower() in FILLERS:
            words.pop(0)
        while words and words[-1].text.lower() in FILLERS:
            words.pop()
        return " ".join(piece.text for piece in words)

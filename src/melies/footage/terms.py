"""Reading a search: `"close-up of a smiling woman, backlit, slow push in, no cars, 3 to 5 seconds"`.

What the language of film has a word for becomes a condition on what was measured; phrases in quotation marks are looked
for in what is said; the rest is left for search by words and by meaning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor
from typing import NamedTuple

from melies.footage.label import Facet
from melies.footage.search_conditions import (
    SPOKEN,
    Amount,
    Anything,
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
from melies.footage.search_lexicon import (
    ANYBODY,
    COUNTED,
    DOING,
    FACES,
    HELPING,
    NOBODY,
    NOT,
    NOT_NOT,
    PEOPLE,
    SPEEDS,
    TOLD,
    WRITING,
    amounts,
    terms,
)

_UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), ("seconds", 1.0)),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), ("seconds", 60.0)),
    **dict.fromkeys(("hour", "hours"), ("seconds", 3600.0)),
    **dict.fromkeys(("frame", "frames"), ("frames", 1.0)),
}
"""Word → what it measures, and how much it is."""
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
    *("i", "want", "please"),
}
"""Words that ask for nothing by themselves."""
_SAYS = {
    *("says", "saying", "said", "say", "speaks of", "mentions", "mentioning", "talks about", "talking about"),
    *("speaking about", "the words", "the word", "the line", "quote"),
}
_MORE_THAN = {"more than", "longer than", "over", "above"}
_LEAST = {"at least", "no less than", "not less than", "no fewer than", "from", "minimum", "min", *_MORE_THAN}
_FEWER = {"less than", "fewer than", "shorter than", "under", "below"}
_MOST = {
    *("at most", "up to", "maximum", "max", "no more than", "not more than", "no longer than", "not longer than"),
    *_FEWER,
}
_ABOUT = {"about", "around", "roughly", "approximately", "circa", "ca", "some"}
_MORE = {"or longer", "or more", "and more", "plus"}
_LESS = {"or shorter", "or less", "or fewer"}
_SLACK = 0.3
"""Share of a length by which a shot may differ from it when nothing else is said."""
_LONGEST = 6
"""Words of the longest name of anything."""

_PIECES = re.compile(
    r'["“„«](?P<quote>[^"“”„»]*)["”“»]?|(?P<clock>\d{1,2}(?::[0-5]\d){1,2}(?:\.\d+)?(?![\d:]))'
    r"|(?P<number>\d+/[1-9]\d*|\d{1,3}(?:,\d{3})+(?!\d)|\d+(?:[.,]\d+)?)"
    r"|(?P<word>[^\W\d_]+(?:[\'’][^\W\d_]+)*)"
    r"|(?P<minus>(?<!\S)[-−](?=\w))|(?P<dash>[-–—])|(?P<stop>[,;.:!?/|])"
)


class _Piece(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


class _Value(NamedTuple):
    """A number, where it ends, what it measures if that is said, and how much its unit is."""

    number: float
    end: int
    measure: str
    factor: float


class _Range(NamedTuple):
    """From, to, where it ends, what it measures if that is said, and whether it is a number by itself."""

    least: float
    most: float
    end: int
    measure: str
    exact: bool


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
            *(self._stop, self._says, self._length, self._name, self._number, self._writing, self._term),
            *(self._nobody, self._people, self._not, self._word),
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
        if found is None or not found.measure:
            return False
        if self._kind(self.at) == "clock" and self.at and self._text(self.at - 1) == "at":
            return False  # That is a place, not a length.
        least, most, at, measure, exact = found
        if exact:
            least, most = least * (1 - _SLACK), most * (1 + _SLACK)
        at += self._text(at) in ("long", "in")
        self._take(Amount(measure, least, most, source=self._source(self.at, at), strict=True), at)
        return True

    def _number(self) -> bool:
        """`two people`, `at least three cars`."""
        found = self._amount(self.at)
        if found is None or found.measure:
            return False
        least, most, at = found[:3]
        if facet := self._countable(at):
            if most == 0:
                least, most, self.negative = 1, float("inf"), not self.negative
            self._keep(at, at + 1)
            self._take(Amount(facet, least, most, source=self._source(self.at, at + 1)), at + 1)
            return True
        for length in range(2, 0, -1):
            texts = [self._text(i) for i in range(at, at + length)]
            options = [one for one in self._options(" ".join(texts)) if one.facet in COUNTED] if all(texts) else []
            if options:
                if least == 0:  # Where there is none, none are counted: so there must not be more.
                    least, most, self.negative = floor(most) + 1, float("inf"), not self.negative
                self._keep(at, at + length)
                count = None if (least, most) == (1, float("inf")) else (least, most)
                self._take(Trait(tuple(options), count=count, source=self._source(self.at, at + length)), at + length)
                return True
        return False

    def _writing(self) -> bool:
        """`text`, `subtitles`: anything that can be read in the picture."""
        length = self._longest(WRITING) if "writing" in self.facets else 0
        if length:
            self._keep(self.at, self.at + length)
            self._take(Anything("writing", source=self._source(self.at, self.at + length)), self.at + length)
        return length > 0

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
            if length == 1 and self._countable(self.at):
                return False  # People are counted better than `person` is found.
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
                if self._denies_of(options[0].facet) and self._text(self.at + length) in PEOPLE:
                    length += 1
                    source = self._source(self.at, self.at + length)
                self._take(Trait(options, neighbours(options, self.facets), source=source), self.at + length)
                return True
        return False

    def _nobody(self) -> bool:
        """`nobody` leaves out shots with people, `nobody smiling` those in which somebody smiles."""
        length = self._longest(NOBODY) if "people" in self.facets else 0
        if not length:
            return False
        end = self.at + length
        if self._does(end):
            self.negative, self.at = True, end
        else:
            self.negative = not self.negative
            self._take(Amount("people", 1, source=self._source(self.at, end)), end)
        return True

    def _people(self) -> bool:
        """A word for somebody asks for at least one, and is matched by meaning too."""
        facet = self._countable(self.at)
        if not facet:
            return False
        if self.negative and facet == "people" and self._does(self.at + 1):
            self.at += 1
            return True
        self._keep(self.at, self.at + 1)
        self._take(Amount(facet, 1, source=self.pieces[self.at].text), self.at + 1)
        return True

    def _not(self) -> bool:
        if length := self._longest(NOT_NOT):
            self.at += length
            return True
        length = 1 if self.pieces[self.at].kind == "minus" or _denies(self._text(self.at)) else self._longest(NOT)
        self.negative = self.negative or length > 0
        self.at += length
        return length > 0

    def _word(self) -> bool:
        piece = self.pieces[self.at]
        if not self.negative:
            self.rest.append(piece)
        elif self._text(self.at) not in FILLERS | HELPING:
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

    def _amount(self, at: int) -> _Range | None:
        start = at
        at += self._longest({"between"}, at)
        most_first, least_first = self._longest(_MOST, at), self._longest(_LEAST, at)
        fewer, more = self._longest(_FEWER, at) > 0, self._longest(_MORE_THAN, at) > 0
        at += max(most_first, least_first)
        at += self._longest(_ABOUT, at)
        first = self._value(at, limited=max(most_first, least_first) > 0)
        if first is None:
            return None
        number, end, measure, _ = first
        second = self._value(end + 1) if self._joins(end) else None
        if second is not None and measure in ("", second.measure):
            number *= 1.0 if measure else second.factor
            low, high = sorted((number, second.number))
            return _Range(low, high, second.end, second.measure, exact=False)
        if most_first > least_first:
            return _Range(0.0, max(0, ceil(number) - 1) if fewer and not measure else number, end, measure, exact=False)
        if least_first and self._text(start) != "from":
            return _Range(
                floor(number) + 1 if more and not measure else number, float("inf"), end, measure, exact=False
            )
        if length := self._longest(_MORE, end):
            return _Range(number, float("inf"), end + length, measure, exact=False)
        if length := self._longest(_LESS, end):
            return _Range(0.0, number, end + length, measure, exact=False)
        return _Range(number, number, end, measure, exact=True)

    def _joins(self, at: int) -> bool:
        return self._text(at) in ("to", "and", "till", "until") or self._kind(at) == "dash"

    def _value(self, at: int, *, limited: bool = False) -> _Value | None:
        """A number with its unit; `a minute` only where something limits it, as in `under a minute`."""
        text, end = self._text(at), at + 1
        if self._kind(at) == "clock":
            return _Value(_clock(self.pieces[at].text), end, "seconds", 1.0)
        if self._kind(at) == "number":
            number = _decimal(self.pieces[at].text)
            if self._kind(end) == "number" and "/" in self.pieces[end].text:
                number, end = number + _decimal(self.pieces[end].text), end + 1
        elif text in SPOKEN:
            number = float(SPOKEN[text])
        elif text == "half":
            number, end = 0.5, end + self._longest({"a", "an", "of a"}, end)
        elif limited and text in ("a", "an"):
            number = 1.0
        else:
            return None
        if length := self._longest({"and a half"}, end):
            number, end = number + 0.5, end + length
        unit = end + (self._kind(end) == "dash")
        measure, factor = _UNITS.get(self._text(unit), ("", 1.0))
        if measure and self._text(unit + 1) != "per":  # 24 frames per second are no length.
            return _Value(number * factor, unit + 1, measure, factor)
        return None if text in ("half", "a", "an") else _Value(number, end, "", 1.0)

    def _countable(self, at: int) -> str:
        """The facet that counts what a word names; empty if there is none."""
        facet = "people" if self._text(at) in PEOPLE else "faces" if self._text(at) in FACES else ""
        return facet if facet in self.facets else ""

    def _denies_of(self, facet: str) -> bool:
        """Whether `no smiling people` is being read, and not `non-smiling people`."""
        return self.negative and facet in DOING and (not self.at or self.pieces[self.at - 1].kind != "dash")

    def _does(self, at: int) -> bool:
        """Whether what follows somebody is what they do."""
        while self._text(at) in ("is", "are", "who", "that"):
            at += 1
        for length in range(_LONGEST, 0, -1):
            texts = [self._text(i) for i in range(at, at + length)]
            if all(texts) and (options := self._options(" ".join(texts))):
                return options[0].facet in DOING
        return len(self._text(at)) > 4 and self._text(at).endswith("ing")

    def _options(self, words: str) -> tuple[Option, ...]:
        """The values of a name, in singular or plural."""
        if words in self.terms or not words:
            return self.terms.get(words, ())
        *first, last = words.split()
        singulars = (" ".join([*first, one]) for one in (singular(last), last.removesuffix("s")))  # Close-ups, CUs.
        return next((self.terms[one] for one in singulars if one in self.terms), ())

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
        return self._text(at) not in {"", *FILLERS, *HELPING, *NOT} and not _denies(self._text(at))

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
        self._tell_apart()
        counts = [one for one in self.conditions if isinstance(one, Amount) and one.facet == "people"]
        vague = [one for one in counts if one.least == 1 and one.most == float("inf") and not one.negative]
        spare = vague[1:] if len(vague) == len(counts) else vague
        return tuple(one for one in dict.fromkeys(self.conditions) if not any(one is other for other in spare))

    def _tell_apart(self) -> None:
        """`A woman, no children`: nothing measured tells them apart, so only what is called a child is left out."""
        if not any(isinstance(one, Amount) and one.facet == "people" and not one.negative for one in self.conditions):
            return
        for at, one in enumerate(self.conditions):
            if isinstance(one, Amount) and one.negative and one.source.lower() in PEOPLE - ANYBODY:
                self.conditions[at] = Mention(one.source.lower(), source=one.source, negative=True)

    def _meaning(self) -> str:
        words = [piece for piece in self.rest if piece.kind != "stop"]
        while words and words[0].text.lower() in FILLERS:
            words.pop(0)
        while words and words[-1].text.lower() in FILLERS:
            words.pop()
        return " ".join(piece.text for piece in words)


def _denies(word: str) -> bool:
    return word.endswith("n't")


def _clock(text: str) -> float:
    """Seconds of `1:02` or `1:02:03.5`."""
    seconds = 0.0
    for part in text.split(":"):
        seconds = seconds * 60 + float(part)
    return seconds


def _decimal(text: str) -> float:
    """The number of `2.5`, `2,5`, `1/2` or `1,000`."""
    if "/" in text:
        over, under = text.split("/")
        return int(over) / int(under)
    return float(text.replace(",", "") if re.fullmatch(r"\d{1,3}(,\d{3})+", text) else text.replace(",", "."))

"""Reading a search: `"close-up of a smiling woman, backlit, slow push in, no cars, 3 to 5 seconds"`.

What the language of film has a word for becomes a condition on what was measured; phrases in quotation marks are looked
for in what is said; the rest is left for search by words and by meaning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import floor, inf

from melies.footage.label import Facet
from melies.footage.search_choice import alternatives, either, either_of
from melies.footage.search_conditions import (
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
    SEEN,
    SHOWN,
    SPEEDS,
    TOLD,
    WRITING,
    amounts,
    terms,
)
from melies.footage.search_pieces import LONGEST, Piece, Pieces, Range

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
_SLACK = 0.3
"""Share of a length by which a shot may differ from it when nothing else is said."""
_TENTH, _HALF_FRAME = 0.05, 1 / 48
"""Seconds by which it may from what is exact: as tables round it, or half a frame where hundredths are written."""


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

    @property
    def asks(self) -> bool:
        """Whether anything is asked for: a `no` alone does not."""
        return bool(self.conditions or self.meaning)

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


class _Parser(Pieces):
    def __init__(self, sentence: str, facets: dict[str, Facet], people: Sequence[str]) -> None:
        super().__init__(sentence)
        self.facets = facets
        self.terms = terms(tuple(facets.values()))
        self.amounts = amounts(tuple(facets.values()))
        self.people = {plain(name): name for name in people}
        self.conditions: list[Condition] = []
        self.rest: list[Piece] = []
        self.negative = False
        self.begins = self.ends = 0  # Of the last condition.

    def parse(self) -> Query:
        rules: tuple[Callable[[], bool], ...] = (
            *(self._stop, self._says, self._length, self._name, self._number, self._writing, self._term),
            *(self._nobody, self._people, self._not, self._shown, self._word),
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
        start, length = self.at, self.longest(_SAYS)
        at = start + length
        if at < len(self.pieces) and self.pieces[at].kind == "quote":
            words, end = self.pieces[at].text, at + 1
        elif length:
            end = next((i for i in range(at, len(self.pieces)) if self.pieces[i].kind == "stop"), len(self.pieces))
            words = self.source(at, end) if end > at else ""
        else:
            return False
        if plain(words):
            self._take(Phrase(words.strip(), source=self.source(start, end)), end)
        else:
            self.at = end
        return True

    def _length(self) -> bool:
        """`3 to 5 seconds`, `at least 4 s`, `5 seconds or longer`."""
        found, at = self._ranges()
        if not found or not found[0].measure:
            return False
        if self.kind(self.at) == "clock" and self.at and self.text(self.at - 1) == "at":
            return False  # That is a place, not a length.
        at += self.text(at) in ("long", "in")
        source = self.source(self.at, at)
        self._take(either([_length(one, source) for one in found], source), at)
        return True

    def _number(self) -> bool:
        """`two people`, `at least three cars`, `two or three people`."""
        found, at = self._ranges()
        if not found or found[0].measure:
            return False
        if facet := self._countable(at):
            found, end = self._limited(found, at + 1)
            if found[0].most == 0:
                found, self.negative = [found[0]._replace(least=1, most=inf)], not self.negative
            self._keep(at, at + 1)
            source = self.source(self.at, end)
            self._take(either([Amount(facet, one.least, one.most, source=source) for one in found], source), end)
            return True
        for length in range(2, 0, -1):
            texts = [self.text(i) for i in range(at, at + length)]
            options = [one for one in self._options(" ".join(texts)) if one.facet in COUNTED] if all(texts) else []
            if options:
                found, end = self._limited(found, at + length)
                if found[0].least == 0:  # Where there is none, none are counted: so there must not be more.
                    found = [found[0]._replace(least=floor(found[0].most) + 1, most=inf)]
                    self.negative = not self.negative
                self._keep(at, at + length)
                source = self.source(self.at, end)
                counts = [None if (one.least, one.most) == (1, inf) else (one.least, one.most) for one in found]
                self._take(either([Trait(tuple(options), count=one, source=source) for one in counts], source), end)
                return True
        return False

    def _ranges(self) -> tuple[list[Range], int]:
        """The number or range that stands here, or the numbers of which any will do; and where they end."""
        if choice := self.choice(self.at):
            return choice
        found = self.amount(self.at)
        return ([], self.at) if found is None else ([found], found.end)

    def _limited(self, found: list[Range], end: int) -> tuple[list[Range], int]:
        """What is counted, with what is said behind it: `two people at most`."""
        if len(found) > 1:
            return found, end
        one = self.limited(found[0]._replace(end=end), end)
        return [one], one.end

    def _shown(self) -> bool:
        """`in the picture`, `in frame`: where else."""
        if self.text(self.at) not in ("in", "within"):
            return False
        at = self.at + 1
        at += self.text(at) in ("a", "the", "this", "that")
        if self.text(at) not in SHOWN or self.text(at + 1) in SHOWN or self._plain_word(at + 1):
            return False
        self.at = at + 1
        return True

    def _writing(self) -> bool:
        """`text`, `subtitles`: anything that can be read in the picture."""
        length = self.longest(WRITING) if "writing" in self.facets else 0
        if length:
            self._keep(self.at, self.at + length)
            self._take(Anything("writing", source=self.source(self.at, self.at + length)), self.at + length)
        return length > 0

    def _name(self) -> bool:
        length = self.longest(self.people)
        if not length:
            return False
        source = self.source(self.at, self.at + length)
        self._take(Somebody(self.people[plain(source)], source=source), self.at + length)
        return True

    def _term(self) -> bool:
        for length in range(min(LONGEST, len(self.pieces) - self.at), 0, -1):
            pieces = self.pieces[self.at : self.at + length]
            if any(piece.kind in ("quote", "stop", "minus") for piece in pieces):
                continue
            if length == 1 and self._countable(self.at):
                return False  # People are counted better than `person` is found.
            words, source = plain(" ".join(piece.text for piece in pieces)), self.source(self.at, self.at + length)
            if words in self.amounts:
                facet, least, most = self.amounts[words]
                self._take(Amount(facet, least, most, source=source), self.at + length)
                return True
            if options := self._options(words):
                if self.negative and options[0].facet == "palette" and self._plain_word(self.at + length):
                    return False  # What must not be is not the colour but the thing of that colour.
                if options[0].facet in TOLD:
                    self._keep(self.at, self.at + length)
                if self._denies_of(options[0].facet) and self.text(self.at + length) in PEOPLE:
                    length += 1
                    source = self.source(self.at, self.at + length)
                self._take(Trait(options, neighbours(options, self.facets), source=source), self.at + length)
                return True
        return False

    def _nobody(self) -> bool:
        """`nobody` leaves out shots with people, `nobody smiling` those in which somebody smiles."""
        length = self.longest(NOBODY) if "people" in self.facets else 0
        if not length:
            return False
        end = self.at + length
        if self._does(end):
            self.negative, self.at = True, end
        else:
            self.negative = not self.negative
            self._take(Amount("people", 1, source=self.source(self.at, end)), end)
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
        if length := self.longest(NOT_NOT):
            self.at += length
            return True
        length = 1 if self.pieces[self.at].kind == "minus" or _denies(self.text(self.at)) else self.longest(NOT)
        self.negative = self.negative or length > 0
        self.at += length
        return length > 0

    def _word(self) -> bool:
        piece = self.pieces[self.at]
        if not self.negative:
            self.rest.append(piece)
        elif self.text(self.at) not in FILLERS | HELPING:
            end = self.at + 1
            while self._plain_word(end):
                end += 1
            source = self.source(self.at, end)
            self._take(Mention(plain(source), source=source), end)
            return True
        self.at += 1
        return True

    # Helpers

    def _take(self, condition: Condition, at: int) -> None:
        """Keep a condition; what is denied stays denied only over `or`."""
        start, self.at = self.at, at
        if self.negative:
            condition = replace(condition, negative=True)
        before = self.conditions[-1] if self.conditions and self._chosen(self.ends, start) else None
        joined = before and either_of(before, condition, self.source(self.begins, at), self.facets)
        if joined:
            self.conditions[-1] = joined
        else:
            self.conditions.append(condition)
            self.begins = start
        self.ends = at
        self.negative = self.negative and self.text(at) in ("or", "nor")
        self.at += self.negative

    def _chosen(self, start: int, end: int) -> bool:
        """Whether what stands between two conditions leaves the choice, as the `or a` of `a dog or a cat` does."""
        words = [self.text(at) for at in range(start, end)]
        return "or" in words and all(word in FILLERS - {"and", "but", "where", "which", "who"} for word in words)

    def _keep(self, start: int, end: int) -> None:
        if not self.negative:
            self.rest += [piece for piece in self.pieces[start:end] if piece.text.lower() not in ANYBODY]

    def _countable(self, at: int) -> str:
        """The facet that counts what a word names; empty if there is none."""
        facet = "people" if self.text(at) in PEOPLE else "faces" if self.text(at) in FACES else ""
        return facet if facet in self.facets else ""

    def _denies_of(self, facet: str) -> bool:
        """Whether `no smiling people` is being read, and not `non-smiling people`."""
        return self.negative and facet in DOING and (not self.at or self.pieces[self.at - 1].kind != "dash")

    def _does(self, at: int) -> bool:
        """Whether what follows somebody is what they do."""
        while self.text(at) in ("is", "are", "who", "that"):
            at += 1
        for length in range(LONGEST, 0, -1):
            texts = [self.text(i) for i in range(at, at + length)]
            if all(texts) and (options := self._options(" ".join(texts))):
                return options[0].facet in DOING
        return len(self.text(at)) > 4 and self.text(at).endswith("ing")

    def _options(self, words: str) -> tuple[Option, ...]:
        """The values of a name, in singular or plural."""
        if words in self.terms or not words:
            return self.terms.get(words, ())
        *first, last = words.split()
        singulars = (" ".join([*first, one]) for one in (singular(last), last.removesuffix("s")))  # Close-ups, CUs.
        return next((self.terms[one] for one in singulars if one in self.terms), ())

    def _plain_word(self, at: int) -> bool:
        """Whether a word goes on with what is said before it."""
        return self.text(at) not in {"", *FILLERS, *HELPING, *NOT} and not _denies(self.text(at))

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
        counts = [one for one in self.conditions if _counts_people(one)]
        vague = [
            one for one in counts if isinstance(one, Amount) and (one.least, one.most) == (1, inf) and not one.negative
        ]
        spare = vague[1:] if len(vague) == len(counts) else vague
        return tuple(one for one in dict.fromkeys(self.conditions) if not any(one is other for other in spare))

    def _tell_apart(self) -> None:
        """`A woman, no children`: nothing measured tells them apart, so only what is called a child is left out."""
        if not any(_counts_people(one) and not one.negative for one in self.conditions):
            return
        for at, one in enumerate(self.conditions):
            if isinstance(one, Amount) and one.negative and one.source.lower() in PEOPLE - ANYBODY:
                self.conditions[at] = Mention(one.source.lower(), source=one.source, negative=True)

    def _meaning(self) -> str:
        words = [piece for piece in self.rest if piece.kind != "stop"]
        idle = FILLERS | (SEEN if all(one.negative for one in self.conditions) else SHOWN)
        if self.conditions and all(piece.text.lower() in idle for piece in words):
            return ""
        while words and words[0].text.lower() in FILLERS:
            words.pop(0)
        while words and words[-1].text.lower() in FILLERS:
            words.pop()
        return " ".join(piece.text for piece in words)


def _counts_people(condition: Condition) -> bool:
    return all(isinstance(one, Amount) and one.facet == "people" for one in alternatives(condition))


def _denies(word: str) -> bool:
    return word.endswith("n't")


def _length(found: Range, source: str) -> Amount:
    """A length; of a number alone it is not said how exactly it is meant."""
    least, most = found.least, found.most
    if found.exactly and found.measure == "seconds":
        slack = _HALF_FRAME if re.search(r"\d[.,]\d\d", source) else _TENTH
        least, most = least - slack, most + slack
    elif found.alone and not found.exactly:
        least, most = least * (1 - _SLACK), most * (1 + _SLACK)
    return Amount(found.measure, least, most, found.over, found.under, source=source, strict=True)

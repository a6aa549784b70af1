"""A sentence in pieces, and the numbers and lengths in it: `at least 2.5 s`, `0:02 to 0:03`, `fewer than two`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import ceil, floor, inf
from typing import NamedTuple

from melies.footage.search_conditions import SPOKEN, plain

_UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), ("seconds", 1.0)),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), ("seconds", 60.0)),
    **dict.fromkeys(("hour", "hours"), ("seconds", 3600.0)),
    **dict.fromkeys(("frame", "frames"), ("frames", 1.0)),
}
"""Word → what it measures, and how much it is."""
_MORE_THAN = {"more than", "longer than", "over", "above"}
_LEAST = {"at least", "no less than", "not less than", "no fewer than", "from", "minimum", "min", *_MORE_THAN}
_FEWER = {"less than", "fewer than", "shorter than", "under", "below"}
_MOST = {
    *("at most", "up to", "maximum", "max", "no more than", "not more than", "no longer than", "not longer than"),
    *_FEWER,
}
_ABOUT = {"about", "around", "roughly", "approximately", "circa", "ca", "some"}
_MORE = {"or longer", "or more", "and more", "plus", "at least", "at the least", "minimum", "min"}
_LESS = {"or shorter", "or less", "or fewer", "at most", "at the most", "maximum", "max"}
_EXACTLY = {"exactly", "precisely"}
_FEW = {"few": (1, 3), "a few": (2, 5), "quite a few": (4, inf)}
"""What is meant by it, from and to."""
_GREATEST = 1e9
"""Numbers above it are not told apart."""
LONGEST = 6
"""Words of the longest name of anything."""

_PIECES = re.compile(
    r'["“„«](?P<quote>[^"“”„»]*)["”“»]?|(?P<clock>\d{1,2}(?::[0-5]\d){1,2}(?:\.\d+)?(?![\d:]))'
    r"|(?P<number>\d{1,4}/[1-9]\d{0,3}(?!\d)|\d{1,3}(?:,\d{3})+(?!\d)|\d+(?:[.,]\d+)?)"
    r"|(?P<word>[^\W\d_]+(?:[\'’][^\W\d_]+)*)"
    r"|(?P<minus>(?<!\S)[-−](?=\w))|(?P<dash>[-–—])|(?P<stop>[,;.:!?/|])"
)


class Piece(NamedTuple):
    """A word, a number, a mark or a quotation, and where in the sentence it stands."""

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


class Range(NamedTuple):
    """A number or what lies between two.

    Attributes:
        least: From.
        most: To.
        end: Index of the piece after it.
        measure: What it measures, if that is said.
        alone: Whether it is a number by itself.
        exactly: Whether it is said that just that is meant.
        over: Whether `least` is no part of it.
        under: Whether `most` is no part of it.
    """

    least: float
    most: float
    end: int
    measure: str
    alone: bool = False
    exactly: bool = False
    over: bool = False
    under: bool = False


class Pieces:
    """A sentence that is read from left to right.

    Attributes:
        sentence: As it was typed.
        pieces: Its words, numbers, marks and quotations.
        at: Index of the piece that is read next.
    """

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence
        self.pieces = [
            Piece(kind := str(match.lastgroup), match[kind].replace("’", "'"), *match.span())
            for match in _PIECES.finditer(sentence)
        ]
        self.at = 0

    def amount(self, at: int) -> Range | None:
        """A number or a range of two, with its unit; None if there is none here."""
        if found := self._few(at):
            return found
        start = at
        exactly = self.longest(_EXACTLY, at)
        at += exactly
        at += self.longest({"between"}, at)
        most_first, least_first = self.longest(_MOST, at), self.longest(_LEAST, at)
        fewer, more = self.longest(_FEWER, at) > 0, self.longest(_MORE_THAN, at) > 0
        at += max(most_first, least_first)
        at += self.longest(_ABOUT, at)
        first = self._value(at, limited=max(most_first, least_first) > 0)
        if first is None:
            return None
        number, end, measure, _ = first
        second = self._value(end + 1) if self._joins(end) else None
        if second is not None and measure in ("", second.measure):
            number *= 1.0 if measure else second.factor
            low, high = sorted((number, second.number))
            return Range(low, high, second.end, second.measure)
        if most_first > least_first:
            below = fewer and not measure
            return Range(0.0, max(0, ceil(number) - 1) if below else number, end, measure, under=fewer and not below)
        if least_first and self.text(start) != "from":
            above = more and not measure
            return Range(floor(number) + 1 if above else number, inf, end, measure, over=more and not above)
        return self.limited(Range(number, number, end, measure, alone=True, exactly=exactly > 0), end)

    def limited(self, found: Range, end: int) -> Range:
        """A number with what is said behind it, from `end` on: `2 seconds at most`, `two people or more`."""
        for names, least, most in ((_MORE, found.least, inf), (_LESS, 0.0, found.most)):
            after = end + self.longest(names, end)
            if after > end and found.alone and self._value(after) is None:  # At least two people, 3 s at most 4 cars.
                return found._replace(least=least, most=most, end=after, alone=False, exactly=False)
        after = self.longest(_EXACTLY, end)
        return found._replace(end=end + after, exactly=found.exactly or after > 0)

    def choice(self, at: int) -> tuple[list[Range], int] | None:
        """Numbers of which any will do, `3 or 5 seconds`, and where they end; None if there are not two here."""
        values = [self._value(at + self.longest(_EXACTLY, at))]
        while (last := values[-1]) and self.text(last.end) == "or":
            values.append(self._value(last.end + 1))
        found = [one for one in values if one is not None]
        if len(found) < 2 or any(one.measure for one in found[:-1]):  # 3 seconds or 5 seconds are two lengths.
            return None
        *others, last = found
        exactly = self.longest(_EXACTLY, at) > 0
        numbers = [*(one.number * last.factor for one in others), last.number]
        return [Range(one, one, last.end, last.measure, True, exactly) for one in numbers], last.end

    def _few(self, at: int) -> Range | None:
        length = self.longest(_FEW, at)
        if not length:
            return None
        least, most = _FEW[plain(self.source(at, at + length))]
        measure, factor = _UNITS.get(self.text(at + length), ("", 1.0))
        return Range(least * factor, most * factor, at + length + (measure != ""), measure)

    def _joins(self, at: int) -> bool:
        return self.text(at) in ("to", "and", "till", "until") or self.kind(at) == "dash"

    def _value(self, at: int, *, limited: bool = False) -> _Value | None:
        """A number with its unit; `a minute` only where something limits it, as in `under a minute`."""
        text, end = self.text(at), at + 1
        if self.kind(at) == "clock":
            return _Value(_clock(self.pieces[at].text), end, "seconds", 1.0)
        if self.kind(at) == "number":
            number = _decimal(self.pieces[at].text)
            if self.kind(end) == "number" and "/" in self.pieces[end].text:
                number, end = number + _decimal(self.pieces[end].text), end + 1
        elif text in SPOKEN:
            number = float(SPOKEN[text])
        elif text == "half":
            number, end = 0.5, end + self.longest({"a", "an", "of a"}, end)
        elif limited and text in ("a", "an"):
            number = 1.0
        else:
            return None
        if length := self.longest({"and a half"}, end):
            number, end = number + 0.5, end + length
        unit = end + (self.kind(end) == "dash")
        measure, factor = _UNITS.get(self.text(unit), ("", 1.0))
        if measure and self.text(unit + 1) != "per":  # 24 frames per second are no length.
            return _Value(number * factor, unit + 1, measure, factor)
        return None if text in ("half", "a", "an") else _Value(number, end, "", 1.0)

    def longest(self, known: Mapping[str, object] | set[str], at: int | None = None) -> int:
        """How many pieces from here on are one of these names; 0 for none."""
        at = self.at if at is None else at
        for length in range(min(LONGEST, len(self.pieces) - at), 0, -1):
            pieces = self.pieces[at : at + length]
            words = plain(" ".join(piece.text for piece in pieces))
            if words in known and all(piece.kind in ("word", "number", "dash") for piece in pieces):
                return length
        return 0

    def kind(self, at: int) -> str:
        """What a piece is, such as `"word"`; empty behind the last."""
        return self.pieces[at].kind if at < len(self.pieces) else ""

    def text(self, at: int) -> str:
        """A word in small letters; empty if it is none."""
        return self.pieces[at].text.lower() if self.kind(at) == "word" else ""

    def source(self, start: int, end: int) -> str:
        """The sentence from a piece to before another, as it was typed."""
        return self.sentence[self.pieces[start].start : self.pieces[end - 1].end].strip()


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
    text = text.replace(",", "") if re.fullmatch(r"\d{1,3}(,\d{3})+", text) else text.replace(",", ".")
    return min(float(text), _GREATEST)

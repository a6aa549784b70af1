"""Prompts by frame, as Deforum's users write them: `{"0": "a forest", "60": "a city --neg people"}`."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

from melies.dreaming.schedule import NAMES
from melies.errors import UseError
from melies.expression import Expression, FormulaError

_NEGATIVE = "--neg"
_WEIGHT = re.compile(r"\s*(?P<text>.*?)\s*(?::\s*(?P<weight>[+-]?[0-9]*\.?[0-9]+))?\s*", re.DOTALL)
_FORMULA = re.compile("`([^`]*)`")
_KEYED = re.compile(r"(?P<frame>[^:|{}]*):(?P<text>.*)", re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_JSON = {
    "Expecting value": "a prompt in double quotes is missing here",
    "Expecting property name enclosed in double quotes": "a frame in double quotes is missing here",
    "Illegal trailing comma before end of object": "a frame in double quotes is missing here",
    "Expecting ':' delimiter": "a colon is missing here",
    "Expecting ',' delimiter": "a comma is missing here",
    "Unterminated string starting at": "these quotes are not closed",
    "Extra data": "this is behind the end",
}
"""What Python's reader of JSON says, in plain words."""


class Part(NamedTuple):
    """One thing that a prompt asks for, and how much; below 0 it is not wanted."""

    text: str
    weight: float


class _Written(NamedTuple):
    """A frame and a prompt as they were written, and where in the whole each begins."""

    frame: str
    frame_at: int
    prompt: str
    prompt_at: int


class Prompts:
    """What is asked for, by frame.

    Args:
        text: `{"0": "a forest", "60": "a city"}`, or shorter `0: a forest | 60: a city`, or one prompt for all. After
            `--neg` stands what is not wanted; `a :0.7 AND b :0.3` gives parts weights, and formulas of `t`, `max_f` and
            `s` between backticks become numbers. Frames may be formulas of `max_f` and `s`.
        seed: What `s` is.

    Raises:
        UseError: It cannot be read; the message shows the place with a caret.
    """

    def __init__(self, text: str, seed: int = 0) -> None:
        self.seed = seed
        self._keys: list[tuple[Expression, str]] = []
        for written in _keys(text):
            frame = Expression.within(
                text, written.frame_at, written.frame, "prompts", names=NAMES[1:], whole=NAMES[1:]
            )
            if not written.prompt.strip():
                raise FormulaError("what shall be seen is missing here", text, written.prompt_at, "prompts")
            for formula in _FORMULA.finditer(written.prompt):
                at = written.prompt_at + formula.start(1)
                Expression.within(text, at, formula[1], "prompts", names=NAMES, whole=NAMES)
            self._keys.append((frame, written.prompt.strip()))

    def at(self, frame: int, length: int | None, blend: bool = True) -> tuple[Part, ...]:
        """Return what is asked for at a frame.

        Args:
            frame: Which, from 0.
            length: Frames that there are; None if they never end, where `max_f` is refused.
            blend: Go over from one prompt to the next bit by bit, as Deforum does; else at once.

        Raises:
            UseError: A formula needs the end and there is none.
        """
        placed = sorted(((self._number(key, frame, length), prompt) for key, prompt in self._keys), key=lambda k: k[0])
        for (start, prompt), (end, following) in pairwise(placed):
            if frame < end:
                share = (frame - start) / (end - start) if blend and frame > start else 0.0
                parts = [*self._parts(prompt, 1 - share, frame, length), *self._parts(following, share, frame, length)]
                return tuple(part for part in parts if part.weight)
        return tuple(self._parts(placed[-1][1], 1.0, frame, length))

    def _number(self, formula: Expression, frame: int, length: int | None) -> float:
        if "max_f" in formula.used and length is None:
            raise UseError("max_f is the last frame, and this never ends.", "Give it a --duration.")
        value = float(formula(t=frame, max_f=(length or 1) - 1, s=self.seed))
        if value != value:
            raise UseError(f"{formula.text!r} gives no number at frame {frame}.")
        return value

    def _parts(self, prompt: str, share: float, frame: int, length: int | None) -> list[Part]:
        said = _FORMULA.sub(lambda match: f"{self._number(_formula(match[1]), frame, length):.6f}", prompt)
        wanted, _, unwanted = said.partition(_NEGATIVE)
        return [*_weighted(wanted, share), *_weighted(unwanted, -share)]


@lru_cache(maxsize=64)
def _formula(text: str) -> Expression:
    return Expression(text, NAMES, whole=NAMES)


def _weighted(text: str, share: float) -> list[Part]:
    """Cut `a :0.7 AND b` into its parts."""
    parts = []
    for piece in text.split(" AND "):
        match = _WEIGHT.fullmatch(piece)
        if match and match["text"]:
            parts.append(Part(match["text"], share * float(match["weight"] or 1)))
    return parts


def _keys(text: str) -> list[_Written]:
    if not text.strip():
        raise UseError("The prompt is empty.", "Say what shall be seen, such as: 0: a forest | 60: a city.")
    if text.lstrip().startswith("{"):
        return _from_json(text)
    if re.match(r'\s*\[\s*"', text):
        raise FormulaError('prompts have frames: write {"0": "…"}, or the prompt without brackets', text, 0, "prompts")
    pieces = [(match.start(), match[0]) for match in re.finditer(r"[^|]+", text) if match[0].strip()]
    keyed = [_KEYED.fullmatch(piece) for _, piece in pieces]
    if len(pieces) == 1 and not (keyed[0] and keyed[0]["frame"].strip().isdecimal()):
        return [_Written("0", 0, text, 0)]
    written = []
    for (start, piece), key in zip(pieces, keyed, strict=True):
        if key is None:
            at = start + len(piece) - len(piece.lstrip())
            raise FormulaError("this prompt has no frame; write FRAME: PROMPT | FRAME: PROMPT", text, at, "prompts")
        written.append(_Written(key["frame"], start, key["text"], start + key.start("text")))
    return written


def _from_json(text: str) -> list[_Written]:
    try:
        read: Any = json.loads(text, object_pairs_hook=list, strict=False)
    except json.JSONDecodeError as error:
        what = _JSON.get(error.msg, "this cannot be read as JSON")
        raise FormulaError(what, text, error.pos, "prompts") from None
    except RecursionError:
        raise UseError("The prompts are nested too deeply.") from None
    if not read or not all(isinstance(prompt, str) for _, prompt in read):
        raise UseError("The prompts should be texts by frame.", 'Such as: {"0": "a forest", "60": "a city"}.')
    # Nothing but such pairs is quoted. What is escaped is one sign and was written as two, or more.
    places = [match.start(1) for match in _QUOTED.finditer(text)]
    pairs = zip(read, places[::2], places[1::2], strict=True)
    # Of two prompts for one frame the last counts.
    return list({frame: _Written(frame, at, prompt, at_prompt) for (frame, prompt), at, at_prompt in pairs}.values())

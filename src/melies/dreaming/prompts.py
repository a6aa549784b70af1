"""Prompts by frame, as Deforum's users write them: `{"0": "a forest", "60": "a city --neg people"}`."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import NamedTuple

from melies.dreaming.schedule import NAMES
from melies.errors import UseError
from melies.expression import Expression

_NEGATIVE = "--neg"
_WEIGHT = re.compile(r"\s*(?P<text>.*?)\s*(?::\s*(?P<weight>[+-]?[0-9]*\.?[0-9]+))?\s*", re.DOTALL)
_FORMULA = re.compile("`([^`]*)`")
_KEYED = re.compile(r"(?P<frame>[^:|{}]*):(?P<text>.*)", re.DOTALL)


class Part(NamedTuple):
    """One thing that a prompt asks for, and how much; below 0 it is not wanted."""

    text: str
    weight: float


class Prompts:
    """What is asked for, by frame.

    Args:
        text: `{"0": "a forest", "60": "a city"}`, or shorter `0: a forest | 60: a city`, or one prompt for all. After
            `--neg` stands what is not wanted; `a :0.7 AND b :0.3` gives parts weights, and formulas of `t`, `max_f` and
            `s` between backticks become numbers. Frames may be formulas of `max_f` and `s`.
        seed: What `s` is.

    Raises:
        UseError: It cannot be read.
    """

    def __init__(self, text: str, seed: int = 0) -> None:
        self.seed = seed
        self._keys = [(Expression(frame, NAMES[1:]), prompt.strip()) for frame, prompt in _keys(text)]
        for _, prompt in self._keys:
            for formula in _FORMULA.findall(prompt):
                Expression(formula, NAMES)

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
        value = float(formula(t=frame, max_f=(length or 1) - 1.0, s=self.seed))
        if value != value:
            raise UseError(f"{formula.text!r} gives no number at frame {frame}.")
        return value

    def _parts(self, prompt: str, share: float, frame: int, length: int | None) -> list[Part]:
        said = _FORMULA.sub(lambda match: f"{self._number(Expression(match[1], NAMES), frame, length):.6f}", prompt)
        wanted, _, unwanted = said.partition(_NEGATIVE)
        return [*_weighted(wanted, share), *_weighted(unwanted, -share)]


def _weighted(text: str, share: float) -> list[Part]:
    """Cut `a :0.7 AND b` into its parts."""
    parts = []
    for piece in text.split(" AND "):
        match = _WEIGHT.fullmatch(piece)
        if match and match["text"]:
            parts.append(Part(match["text"], share * float(match["weight"] or 1)))
    return parts


def _keys(text: str) -> list[tuple[str, str]]:
    if not text.strip():
        raise UseError("The prompt is empty.", "Say what shall be seen, such as: 0: a forest | 60: a city.")
    if text.lstrip().startswith("{"):
        return _from_json(text)
    pieces = [piece for piece in text.split("|") if piece.strip()]
    keyed = [_KEYED.fullmatch(piece) for piece in pieces]
    if len(pieces) == 1 and not (keyed[0] and keyed[0]["frame"].strip().isdecimal()):
        return [("0", text)]
    missing = next((piece for piece, key in zip(pieces, keyed, strict=True) if key is None), None)
    if missing is not None:
        raise UseError(f"{missing.strip()!r} has no frame.", "Write FRAME: PROMPT | FRAME: PROMPT.")
    return [(key["frame"], key["text"]) for key in keyed if key]


def _from_json(text: str) -> list[tuple[str, str]]:
    try:
        read = json.loads(text)
    except json.JSONDecodeError as error:
        line = re.sub(r"\s", " ", text)
        raise UseError(f"In the prompts, {error.msg}:\n  {line}\n  {' ' * error.pos}^") from None
    except RecursionError:
        raise UseError("The prompts are nested too deeply.") from None
    if not read or not all(isinstance(prompt, str) for prompt in read.values()):
        raise UseError("The prompts should be texts by frame.", 'Such as: {"0": "a forest", "60": "a city"}.')
    return list(read.items())

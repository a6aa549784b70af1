"""What is said about a shot, how sure that is, and what was measured to say it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["one", "many", "number", "count"]


@dataclass(frozen=True, slots=True)
class Facet:
    """Something that can be asked of every shot.

    Attributes:
        name: One word, as in the catalogue, in searches and in JSON, such as `"size"`.
        kind: `"one"` value of a few holds for a shot, or `"many"` at once, or it is a `"number"`, or a `"count"`: a
            whole number.
        about: One sentence for those who search.
        values: The values there are; empty for numbers and where any word may come.
        unit: Of a number, such as `"LUFS"`.
    """

    name: str
    kind: Kind
    about: str
    values: tuple[str, ...] = ()
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """An answer.

    Attributes:
        facet: What was asked.
        value: What holds, a word of the facet's values; for numbers, the number.
        sure: Confidence, 0…1.
        why: The measurement behind it in words, short: `"face is 0.61 of the picture's height"`.
        measured: The same as numbers, by name.
    """

    facet: str
    value: str | float
    sure: float
    why: str
    measured: dict[str, float] = field(default_factory=dict)

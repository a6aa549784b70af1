"""What a shot is."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

Transition = Literal["start", "cut", "dissolve", "fade"]


@dataclass(frozen=True, slots=True)
class Shot:
    """A stretch of a film without a cut.

    Attributes:
        file: The film.
        number: Which shot of it, counted from 1.
        start: When its first frame is shown, in seconds of clip time (0 is the film's first frame).
        end: When its last frame has been shown, in seconds.
        first: Index of its first frame in the film, counted from 0.
        frames: How many frames it has.
        rate: Frames per second of the film, nominal where that varies.
        transition: How it begins: `"start"` of the film, a `"cut"`, a `"dissolve"` from the shot before or a `"fade"`
            from one colour.
        blend: Frames that a dissolve or fade takes, about half of them before `first`; 0 for a cut.
    """

    file: Path
    number: int
    start: Fraction
    end: Fraction
    first: int
    frames: int
    rate: Fraction
    transition: Transition = "start"
    blend: int = 0

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return float(self.end - self.start)

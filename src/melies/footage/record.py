"""What is known of a shot, as it is kept in the catalogue, searched and cut together."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from melies.footage.label import Label
from melies.footage.shot import Shot

SURE = 0.3
"""Confidence below which words and labels count little in a search."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word that is said.

    Attributes:
        text: The word, with the punctuation after it.
        start: When it begins, in seconds of clip time.
        end: When it ends.
        sure: Confidence, 0…1.
    """

    text: str
    start: float
    end: float
    sure: float


@dataclass(frozen=True)
class Record:
    """A shot and everything that is known of it.

    Attributes:
        id: Names it for good: the film's fingerprint and the shot's first frame, `"a1b2c3d4e5f60718-000120"`.
        shot: Where it is.
        labels: What is said about it.
        people: Names of those whose faces are seen, or `"person 3"` while they have none.
        words: What is said in it.
        pictures: JPEG files of its stills, in order; the middle one stands for it.
        vector: What it is about, for text search: unit length; None where the text model is not installed.
        look: What it looks like, for search by picture: unit length; None where that was not made.
    """

    id: str
    shot: Shot
    labels: tuple[Label, ...] = ()
    people: tuple[str, ...] = ()
    words: tuple[Word, ...] = ()
    pictures: tuple[Path, ...] = ()
    vector: NDArray[np.float32] | None = field(default=None, repr=False)
    look: NDArray[np.float32] | None = field(default=None, repr=False)

    @property
    def text(self) -> str:
        """What is said in it, as one line."""
        return " ".join(word.text for word in self.words)

    @property
    def heard(self) -> str:
        """What is said in it, without the words of which a listener was hardly sure."""
        return " ".join(word.text for word in self.words if word.sure >= SURE)

    def of(self, facet: str) -> tuple[Label, ...]:
        """The labels of one facet, the surest first."""
        return tuple(sorted((one for one in self.labels if one.facet == facet), key=lambda one: -one.sure))

    def value(self, facet: str) -> str | None:
        """The surest word for a facet, None if it was not answered."""
        found = self.of(facet)
        return str(found[0].value) if found else None

    def number(self, facet: str) -> float | None:
        """The number of a facet, None if it was not measured."""
        found = self.of(facet)
        return float(found[0].value) if found else None

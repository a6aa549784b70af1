"""Pieces of pictures that are looked up again: the nearest in memory, what does not fit there on disk."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.effects._scratch import Closing
from melies.effects._shelf import Shelf
from melies.frame import Frame, Image

cv: Any = cv2

_BUDGET = 128 << 20
"""Bytes of pictures that stay in memory."""
_LINE = 1024
"""OpenCV fetches from places in a rectangle; a list is folded into lines this long."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a picture, and where it lies in it."""

    image: Image
    left: int
    top: int

    def fetch(self, places: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the colours at places (`N×2`, x before y, of the whole picture), `N×C`, between pixels bicubic."""
        at = places - np.array([self.left, self.top], np.float32)
        return sample(self.image, at, cv2.INTER_CUBIC).astype(np.float32)


def sample(image: NDArray[Any], places: NDArray[np.float32], how: int = cv2.INTER_LINEAR) -> NDArray[Any]:
    """Return the values at a list of places, `N×C`; beyond the border those of the border."""
    count = len(places)
    lines = -(-count // _LINE)
    folded = np.zeros((lines * _LINE, 2), np.float32)
    folded[:count] = places
    found = cv.remap(image, folded.reshape(lines, _LINE, 2), None, how, borderMode=cv2.BORDER_REPLICATE)
    values: NDArray[Any] = found.reshape(lines * _LINE, -1)[:count]
    return values


class Album(Closing):
    """Pieces by number, in memory up to a budget, beyond it compressed in a temporary file."""

    def __init__(self) -> None:
        self._memory: dict[int, Piece] = {}
        self._disk: dict[int, tuple[int, int, int]] = {}
        self._shelf = Shelf()
        self._held = 0

    def put(self, number: int, piece: Piece) -> None:
        """Keep a piece under a number that is not taken."""
        if self._held + piece.image.nbytes <= _BUDGET:
            self._memory[number] = piece
            self._held += piece.image.nbytes
            return
        frame = Frame(np.ascontiguousarray(piece.image), 0, Fraction(1), 1)
        self._disk[number] = self._shelf.put(frame), piece.left, piece.top

    def __getitem__(self, number: int) -> Piece:
        """Look a piece up."""
        if number in self._memory:
            return self._memory[number]
        index, left, top = self._disk[number]
        return Piece(self._shelf[index].image, left, top)

    def drop(self, number: int) -> None:
        """Forget a piece, if there is one of that number."""
        if number in self._memory:
            self._held -= self._memory.pop(number).image.nbytes
        elif number in self._disk:
            self._shelf.drop(self._disk.pop(number)[0])

    def close(self) -> None:
        """Let go of everything."""
        self._memory.clear()
        self._shelf.close()

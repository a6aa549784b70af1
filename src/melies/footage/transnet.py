"""Shots by TransNetV2, a network that has seen many films: `melies models pull transnet`."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.footage.detect import Boundary
from melies.matting.scale import cv
from melies.models.convert.transnet import BINS, FRAMES, SIZE
from melies.models.runtime import load

_KEPT = FRAMES // 2
"""Pictures in the middle of a window of which the answer counts; windows are as far apart."""
_EDGE = (FRAMES - _KEPT) // 2
_SHARP = 3
"""Pictures that the network takes for within a transition where there is a cut, at most."""


class TransNet:
    """Find cuts, dissolves and fades by TransNetV2.

    It looks at windows of a hundred pictures, and answers for the fifty in their middle.

    Args:
        threshold: How likely a transition has to be, 0…1.

    Raises:
        ModelError: The network is not on this computer.
    """

    def __init__(self, threshold: float = 0.5) -> None:
        self._network = load("transnet")
        self._threshold = threshold
        self._frames: list[NDArray[np.float32]] = []
        self._colours: list[NDArray[np.float32]] = []
        self._answered = 0
        self._ends: list[int] = []
        self._within = 0

    def step(self, picture: NDArray[np.uint8]) -> list[Boundary]:
        """Look at the next picture, `H×W×3` uint8 BGR, and return boundaries that have become certain."""
        small = cv.cvtColor(cv.resize(picture, SIZE, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)
        # Before the first picture and after the last one they are thought to stand still.
        self._add(small, 1 if self._frames else _EDGE + 1)
        return self._look(_KEPT) if len(self._frames) == FRAMES else []

    def finish(self) -> list[Boundary]:
        """Return the rest when the film has ended."""
        left = len(self._frames) - _EDGE
        found: list[Boundary] = []
        while left > 0:
            self._fill()
            found += self._look(min(_KEPT, left))
            left -= _KEPT
        return found + self._ended()

    def _add(self, picture: NDArray[np.uint8], times: int) -> None:
        levels = (picture >> 5).astype(np.int64) @ (64, 8, 1)
        counts = np.bincount(levels.reshape(-1), minlength=BINS).astype(np.float32)
        self._frames += times * [picture.transpose(2, 0, 1).astype(np.float32) / np.float32(255)]
        self._colours += times * [counts / np.linalg.norm(counts)]

    def _fill(self) -> None:
        missing = FRAMES - len(self._frames)
        self._frames += missing * self._frames[-1:]
        self._colours += missing * self._colours[-1:]

    def _look(self, count: int) -> list[Boundary]:
        """Run the network on the window, and take the answers for `count` pictures."""
        answer = self._network.run({"frames": np.stack(self._frames), "colours": np.stack(self._colours)})
        del self._frames[:_KEPT], self._colours[:_KEPT]
        found: list[Boundary] = []
        for last, within in zip(answer["last"][_EDGE:], answer["within"][_EDGE : _EDGE + count], strict=False):
            if last > self._threshold:
                self._ends.append(self._answered)
            if within > self._threshold:
                self._within += 1
            elif last <= self._threshold:
                found += self._ended()
            self._answered += 1
        return found

    def _ended(self) -> list[Boundary]:
        """Make a boundary of pictures in a row that were said to be the last of their shot, or within a transition."""
        ends, blend = self._ends, self._within
        self._ends, self._within = [], 0
        if not ends:
            return []
        first = (ends[0] + ends[-1]) // 2 + 1
        return [Boundary(first, "dissolve", blend) if blend > _SHARP else Boundary(first)]

"""Reaction and diffusion: two substances that meet on a plane, which is how Turing explained spots and stripes.

Gray and Scott's model (1984) as Pearson explored it ("Complex Patterns in a Simple System", Science 1993): one
substance is fed everywhere, the other eats it, makes more of itself, and dies.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.matting.scale import cv

Plane = NDArray[np.float32]

SPREAD = 1.0, 0.5
"""How fast the two substances spread, in cells² a step."""
_AROUND = np.array([[0.05, 0.2, 0.05], [0.2, -1.0, 0.2], [0.05, 0.2, 0.05]], np.float32)


class Mixture(NamedTuple):
    """How fast the first substance is fed and the second one dies, a step."""

    feed: float
    kill: float


MIXTURES: Mapping[str, Mixture] = MappingProxyType(
    {
        "coral": Mixture(0.0545, 0.062),
        "mitosis": Mixture(0.0367, 0.0649),
        "worms": Mixture(0.058, 0.065),
        "maze": Mixture(0.029, 0.057),
        "holes": Mixture(0.039, 0.058),
        "spots": Mixture(0.025, 0.06),
        "chaos": Mixture(0.018, 0.051),
    }
)
"""By what they look like."""


class Chemistry:
    """Two substances on a plane that goes round at its edges.

    Args:
        height: Cells.
        width: Cells.
    """

    def __init__(self, height: int, width: int) -> None:
        self._planes = np.zeros((2, height, width), np.float32)
        self._planes[0] = 1

    @property
    def grown(self) -> Plane:
        """How much there is of the second substance, 0…about 0.4."""
        second: Plane = self._planes[1]
        return second

    def step(self, mixture: Mixture) -> None:
        """Let a moment pass."""
        first, second = self._planes
        reaction = first * second * second
        for plane, spread in zip(self._planes, SPREAD, strict=True):
            padded = cv.copyMakeBorder(plane, 1, 1, 1, 1, cv2.BORDER_WRAP)
            plane += spread * cv.filter2D(padded, -1, _AROUND)[1:-1, 1:-1]
        first += mixture.feed * (1 - first) - reaction
        second += reaction - (mixture.feed + mixture.kill) * second
        # What reactions to music ask for may have no balance.
        np.clip(self._planes, 0, 1, out=self._planes)

    def put(self, disc: NDArray[np.bool_], amount: float) -> None:
        """Set the second substance to an amount on a disc: to sow it, or with 0 to tear a hole."""
        self._planes[1][disc] = amount
        self._planes[0][disc] = 1 - amount

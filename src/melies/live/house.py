"""What a show's places show while there is no result: a picture of the house, or, while it rests, nothing."""

from __future__ import annotations

import math

import numpy as np

from melies.frame import Image
from melies.live.numbers import placard
from melies.live.sources import SIZE

AGAIN = 5.0
"""Seconds between two times that a show which rests makes its places dark."""


class House:
    """Says what to show in place of results.

    Args:
        picture: What is shown while there is no result; dark, with a word on it, if None.
    """

    def __init__(self, picture: Image | None) -> None:
        self._picture = picture
        self._darkened = -math.inf

    def rests(self, now: float) -> Image | None:
        """Return a dark picture, and now and then again: a last result may still have been on its way.

        Args:
            now: Seconds.
        """
        if now - self._darkened < AGAIN:
            return None
        self._darkened = now
        return np.zeros((*SIZE[::-1], 3), np.uint8)

    def waits(self, away: bool, size: tuple[int, int]) -> Image | None:
        """Return what is shown while nothing comes, if it is so.

        Args:
            away: Whether it is.
            size: Width and height of what would come.
        """
        self._darkened = -math.inf
        if not away:
            return None
        return placard(*size, "One moment, please.") if self._picture is None else self._picture

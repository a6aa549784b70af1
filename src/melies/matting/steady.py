"""Keeping a matte still where the picture is still, without letting it lag where something moves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from melies.matting.scale import Map, cv
from melies.motion import SMALLEST, Flow, Grey, grey, warp

_STILL = np.exp(-((np.arange(256) / 9.0) ** 2)).astype(np.float32)
"""How much of the past a brightness difference (0…255) leaves: noise leaves all, plain motion nothing."""

_LONGEST = 384
"""Longest side of the pictures between which motion is found."""


class Steadier:
    """Blend each map with the one before it, moved along by optical flow.

    The past counts only where the moved picture looks like the present one, and not where a whole patch of the
    map changed its mind: what flickers is thin (an edge), what really moved or appeared is broad.

    Args:
        amount: The largest share of the past, 0…1 (exclusive).
    """

    def __init__(self, amount: float) -> None:
        self.amount = np.float32(amount)
        self._flow = Flow("ultrafast", longest=_LONGEST)
        self._past: tuple[Map, Grey] | None = None

    def step(self, present: Map, picture: NDArray[np.uint8] | NDArray[np.uint16]) -> Map:
        """Return the steadied map.

        Args:
            present: `H×W`, 0…1.
            picture: `H×W×3` of the same moment and size.
        """
        if self.amount == 0 or min(present.shape) < SMALLEST:
            return present
        luma = grey(picture)
        if self._past is not None:
            present = self._blend(present, luma, *self._past)
        self._past = present, luma
        return present

    def _blend(self, present: Map, luma: Grey, past: Map, past_luma: Grey) -> Map:
        height, width = luma.shape
        if past.shape != present.shape:
            past, past_luma = cv.resize(past, (width, height)), cv.resize(past_luma, (width, height))
        field = self._flow(luma, past_luma)
        past, past_luma = warp(past, field), warp(past_luma, field)
        still = _STILL[cv.blur(cv.absdiff(luma, past_luma), (5, 5))]
        change = past - present
        side = max(3, round(width / 35)) | 1
        broad: Map = cv.blur(np.abs(change), (side, side))
        share = self.amount * still * np.clip(np.float32(1.5) - np.float32(3) * broad, 0, 1)
        steadied: Map = present + share * change
        return steadied

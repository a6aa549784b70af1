"""Keeping a matte still where the picture is still, without letting it lag where something moves."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.matting.scale import Map

# How much of the past a brightness difference (0…255) leaves: all below noise, none above what is plainly motion.
_STILL = np.exp(-((np.arange(256) / 9.0) ** 2)).astype(np.float32)


class Steadier:
    """Blend each map with the one before it, moved along by optical flow.

    The past counts only where the moved picture looks like the present one, and not where a whole patch of the
    map changed its mind: what flickers is thin (an edge), what really moved or appeared is broad.

    Args:
        amount: The largest share of the past, 0…1 (exclusive).
    """

    def __init__(self, amount: float) -> None:
        self.amount = np.float32(amount)
        self._flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._grey: NDArray[Any] | None = None
        self._map: Map | None = None
        self._grid: NDArray[np.float32] | None = None

    def step(self, present: Map, picture: NDArray[np.uint8]) -> Map:
        """Return the steadied map.

        Args:
            present: `H×W`, 0…1.
            picture: `H×W×3` uint8 of the same moment and size.
        """
        if self.amount == 0:
            return present
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        if self._map is not None and self._grey is not None and min(grey.shape) >= 16:
            present = self._blend(present, grey, self._map, self._grey)
        self._grey, self._map = grey, present
        return present

    def _blend(self, present: Map, grey: NDArray[Any], past: Map, past_grey: NDArray[Any]) -> Map:
        height, width = grey.shape
        if past.shape != present.shape:
            past, past_grey = cv2.resize(past, (width, height)), cv2.resize(past_grey, (width, height))
        flow = self._flow.calc(grey, past_grey, None)
        flow += self._pixels(height, width)
        past = cv2.remap(past, flow, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        past_grey = cv2.remap(past_grey, flow, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        still = _STILL[cv2.blur(cv2.absdiff(grey, past_grey), (5, 5))]
        change = past - present
        side = max(3, round(width / 35)) | 1
        broad = cv2.blur(np.abs(change), (side, side))
        share = self.amount * still * np.clip(1.5 - 3 * broad, 0, 1)
        return present + share * change

    def _pixels(self, height: int, width: int) -> NDArray[np.float32]:
        """The coordinates of every pixel, `H×W×2`, made once."""
        if self._grid is None or self._grid.shape[:2] != (height, width):
            x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
            self._grid = np.dstack([x, y])
        return self._grid

"""Keeping a matte still where the picture is still, without letting it lag where something moves."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.imaging import to_depth
from melies.matting.scale import Map, cv, reduce, within

_STILL = np.exp(-((np.arange(256) / 9.0) ** 2)).astype(np.float32)
"""How much of the past a brightness difference (0…255) leaves: noise leaves all, plain motion nothing."""

_FLOW = 384
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
        self._flow = cv.DISOpticalFlow_create(cv.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._past: tuple[Map, NDArray[np.uint8]] | None = None
        self._grid = np.zeros((0, 0, 2), np.float32)

    def step(self, present: Map, picture: NDArray[np.uint8] | NDArray[np.uint16]) -> Map:
        """Return the steadied map.

        Args:
            present: `H×W`, 0…1.
            picture: `H×W×3` of the same moment and size.
        """
        if self.amount == 0 or min(present.shape) < 16:  # too small for optical flow
            return present
        grey = cv.cvtColor(to_depth(picture, np.dtype(np.uint8)), cv2.COLOR_RGB2GRAY)
        if self._past is not None:
            present = self._blend(present, grey, *self._past)
        self._past = present, grey
        return present

    def _blend(self, present: Map, grey: NDArray[np.uint8], past: Map, past_grey: NDArray[np.uint8]) -> Map:
        height, width = grey.shape
        if past.shape != present.shape:
            past, past_grey = cv.resize(past, (width, height)), cv.resize(past_grey, (width, height))
        flow = self._moved(grey, past_grey)
        past = cv.remap(past, flow, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        past_grey = cv.remap(past_grey, flow, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        still = _STILL[cv.blur(cv.absdiff(grey, past_grey), (5, 5))]
        change = past - present
        side = max(3, round(width / 35)) | 1
        broad: Map = cv.blur(np.abs(change), (side, side))
        share = self.amount * still * np.clip(np.float32(1.5) - np.float32(3) * broad, 0, 1)
        steadied: Map = present + share * change
        return steadied

    def _moved(self, grey: NDArray[np.uint8], past_grey: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Where each pixel was in the picture before, `H×W×2`."""
        height, width = grey.shape
        size = within(width, height, _FLOW)
        flow: NDArray[np.float32] = self._flow.calc(reduce(grey, *size), reduce(past_grey, *size), None)
        if size != (width, height):
            flow = cv.resize(flow, (width, height)) * np.float32(width / size[0])
        return flow + self._pixels(height, width)

    def _pixels(self, height: int, width: int) -> NDArray[np.float32]:
        """The coordinates of every pixel, `H×W×2`, made once."""
        if self._grid.shape[:2] != (height, width):
            x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
            self._grid = np.dstack([x, y])
        return self._grid

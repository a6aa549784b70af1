"""One frame after the other to mattes at full size."""

from __future__ import annotations

import cv2
import numpy as np

from melies.frame import Image
from melies.imaging import Plane
from melies.matting.clean import clean
from melies.matting.nets import Net
from melies.matting.refine import Refiner
from melies.matting.scale import cv, reduce, within
from melies.matting.steady import Steadier

_LARGE = 768
"""Longest side of what a network sees of the whole frame, and of maps made from several looks."""
_SMALL = 384
"""Longest side of maps made from one look."""
_EXACT = Refiner(radius=2, black=0, white=1)
_SOFT = 6
"""How wide the soft edge of a rough map may be, in its pixels."""


class Cutter:
    """Cut one shot out, frame by frame.

    Args:
        net: Says where somebody is.
        steady: Largest share of the past in what does not move, 0…1 (exclusive).
        refiner: Fits rough maps to the picture.
    """

    def __init__(self, net: Net, steady: float, refiner: Refiner) -> None:
        self._net = net
        self._steadier = Steadier(0 if net.steady else steady)
        self._refiner = _EXACT if net.exact else refiner

    def step(self, image: Image) -> Plane:
        """Return the matte of the next frame.

        Args:
            image: `H×W×3` uint8 or uint16.

        Returns:
            `H×W` of the same type.
        """
        height, width = image.shape[:2]
        half = reduce(image, *within(width, height, _LARGE))
        rough = self._net.step(image, half)
        if self._net.exact and rough.shape == (height, width):
            white = np.iinfo(image.dtype).max
            return (clean(rough, _SOFT) * white + np.float32(0.5)).astype(image.dtype)
        # The map is brought to the frame's proportions, about as fine as the network really was.
        longest = max(rough.shape) if self._net.exact else _SMALL if max(rough.shape) <= _SMALL else _LARGE
        size = within(width, height, longest)
        picture = reduce(image if size[0] > half.shape[1] else half, *size)
        rough = cv.resize(rough, size, interpolation=cv2.INTER_LINEAR)
        if not self._net.checked:
            rough = clean(rough, _SOFT)
        rough = self._steadier.step(rough, picture)
        if not self._net.exact:
            # Rough maps hesitate over patches, which would look like haze: only their edges should be soft.
            rough = np.clip(2 * rough - np.float32(0.5), np.float32(0), np.float32(1))
        return self._refiner.full(image, picture, rough)

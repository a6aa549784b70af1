"""`Painter`: frames painted in a look, or anywhere between two."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from melies.frame import Image
from melies.matting.scale import cv, reduce
from melies.styling.looks import Look
from melies.translating.mix import Picture


@dataclass(frozen=True)
class Painter:
    """Paints pictures one by one; several threads may use it at once.

    Attributes:
        first: A look.
        second: Another to go to; None if there is only one.
        size: The most pixels of the shorter side at which pictures are painted; 0 for as many as they have.
    """

    first: Look
    second: Look | None
    size: int

    @property
    def workers(self) -> int:
        """How many pictures may be painted at the same time."""
        return min(look.workers for look in (self.first, self.second) if look is not None)

    def shrunk(self, image: Image) -> Image:
        """Return a picture, `H×W×3`, uint8 or uint16, at the size at which it is painted."""
        height, width = image.shape[:2]
        factor = min(1.0, self.size / min(height, width)) if self.size else 1.0
        if factor == 1:
            return image
        return reduce(image, max(1, round(width * factor)), max(1, round(height * factor)))

    def paint(self, image: Image, share: float = 0.0) -> Picture:
        """Paint a picture of the size that `shrunk` gives.

        Args:
            image: `H×W×3`, uint8 or uint16.
            share: How far to go from the first look to the second, 0…1.

        Returns:
            A picture of the same size, the caller's own.
        """
        if self.second is None or share == 0:
            return self.first.paint(image)
        if share == 1:
            return self.second.paint(image)
        between = self.first.towards(self.second, share)
        if between is not None:
            return between.paint(image)
        one, two = self.first.paint(image), self.second.paint(image)
        one *= np.float32(1 - share)
        two *= np.float32(share)
        one += two
        return one


def enlarged(made: Picture, image: Image) -> Picture:
    """Return a painted picture at the size of the one that it was painted of."""
    size = image.shape[1::-1]
    return made if made.shape[1::-1] == size else cv.resize(made, size, interpolation=cv2.INTER_CUBIC)

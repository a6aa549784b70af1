"""A picture with alpha, ready in several sizes to be warped without aliasing."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Image
from melies.matting.scale import cv, unit

_LEAST = 32


class Texture:
    """A picture in halves, quarters and so on; colours are multiplied by their alpha.

    Attributes:
        width: Of the largest, in pixels.
        height: Of the largest, in pixels.

    Args:
        image: `H×W×3` or `H×W×4`, uint8 or uint16.
    """

    def __init__(self, image: Image) -> None:
        colours = unit(image if image.shape[2] == 4 else cv.cvtColor(image, cv2.COLOR_RGB2RGBA))
        colours[..., :3] *= colours[..., 3:]
        self.height, self.width = image.shape[:2]
        self._sizes: list[NDArray[np.float32]] = [colours]
        while min(self._sizes[-1].shape[:2]) >= 2 * _LEAST:
            height, width = self._sizes[-1].shape[:2]
            size = ((width + 1) // 2, (height + 1) // 2)
            self._sizes.append(cv.resize(self._sizes[-1], size, interpolation=cv2.INTER_AREA))

    def at_least(self, width: float) -> NDArray[np.float32]:
        """Return the smallest that is `width` pixels wide or more, or the largest, `h×w×4` float32."""
        return next((one for one in reversed(self._sizes) if one.shape[1] >= width), self._sizes[0])

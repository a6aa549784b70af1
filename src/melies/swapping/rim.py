"""How far inside its outline a place of the unrolled face lies."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from melies.matting.scale import cv
from melies.swapping.flat import Floats, flat, smoothstep


@lru_cache(16)
def rim(side: int, low: float, high: float, tall: int = 1) -> Floats:
    """Rise from 0 at the outline to 1 inside, smoothly: `side×side`.

    Args:
        side: Of the unrolled face, in pixels.
        low: How far inside it is 0 still, as a share of the side.
        high: How far inside it is 1.
        tall: How many times more a step up or down counts than one aside: brows are near the top.
    """
    inside = flat(side).inside.astype(np.uint8)
    inside[[0, -1]] = 0
    inside[:, [0, -1]] = 0
    far = cv.distanceTransform(np.repeat(inside, tall, 0), cv2.DIST_L2, 3)[tall // 2 :: tall] / np.float32(side)
    risen = smoothstep(far, low, high)
    risen.flags.writeable = False
    return risen

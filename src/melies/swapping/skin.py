"""What on an unrolled face is skin, and what hangs over it: hair, a cap, a hand."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.faces import anatomy
from melies.matting.scale import cv
from melies.swapping.flat import Floats, flat, places, smoothstep

BARE = 128
"""Side, in pixels, of the unrolled face on which it is told."""
_SPREAD = np.array([7.0, 3.0, 3.5], np.float32)
"""The least that skin varies, in L*, a* and b*."""
_WIDEST = np.array([16.0, 7.0, 8.0], np.float32)
_SHINE = 0.4
_SKIN, _OTHER = 2.2, 3.8
"""How many of these a colour may be off and is surely skin, and from where it surely is not."""
BROWS, CLEAR = 0.01, 0.06
"""How far above the brows hair may begin: as far down as it goes, and far enough for raised brows to be none."""


def lab(texture: Floats) -> Floats:
    """Return L* (0…100), a* and b* of an RGB picture, 0…1."""
    converted: Floats = cv.cvtColor(np.clip(texture, 0, 1), cv2.COLOR_RGB2Lab)
    return converted


def skin(texture: Floats, trust: Floats, above: float = BROWS) -> Floats:
    """Say where the upper part of a face is bare: hair and hats hang from above.

    The colour of the person's skin is learned on cheeks, nose and between the brows; brightness is compared with what
    is near, so that shadow remains skin.

    Args:
        texture: `side×side×3`, RGB 0…1, unrolled.
        trust: `side×side×1`, 0…1, where it is seen well.
        above: How far above the brows hair may begin, as a share of the side.

    Returns:
        `side×side`, 1 where it is bare.
    """
    side = texture.shape[0]
    colours = lab(cv.GaussianBlur(texture, (0, 0), side / 100))  # grain is no hair
    core, hairy = _regions(side, above)
    known = colours[core & (trust[..., 0] > 0.5)]
    if len(known) < 16:
        return np.ones((side, side), np.float32)
    middle = np.median(known, 0)
    spread = np.clip(1.5 * np.median(np.abs(known - middle), 0), _SPREAD, _WIDEST)
    apart = (colours - middle) / spread
    # What shines is skin; hair is rarely brighter.
    apart[..., 0] = np.where(apart[..., 0] > 0, np.float32(_SHINE) * apart[..., 0], apart[..., 0])
    off = np.linalg.norm(apart, axis=2)
    bare = 1 - smoothstep(off.astype(np.float32), _SKIN, _OTHER)
    radius = max(1, side // 64)
    bare = cv.erode(bare, np.ones((2 * radius + 1, 2 * radius + 1), np.uint8))
    soft: Floats = cv.GaussianBlur(1 - hairy * (1 - bare), (0, 0), side / 64)
    return soft


@cache
def _regions(side: int, above: float) -> tuple[NDArray[np.bool_], Floats]:
    """Where there is hardly ever anything but skin, and how much each place may have hair over it."""
    square = flat(side)
    y = (np.arange(side, dtype=np.float32) + np.float32(0.5)) / np.float32(side)
    x = np.abs(y - np.float32(0.5))
    brows = square.polygon(anatomy.RIGHT_BROW, anatomy.LEFT_BROW) > 0
    columns = np.flatnonzero(brows.any(0))
    line = np.interp(np.arange(side), columns, y[brows.argmax(0)[columns]]).astype(np.float32)
    lips = float(places()[anatomy.LIPS_OUTER, 1].min())
    over = 1 - smoothstep(y[:, None] - line, -above - 0.03, -above)
    aside = np.outer(1 - smoothstep(y, lips - 0.2, lips), smoothstep(x, 0.30, 0.36))
    return spots(side) & square.inside, np.maximum(over, aside)


def spots(side: int) -> NDArray[np.bool_]:
    """Where there is hardly ever anything but skin, on an unrolled face of this side."""
    mask = np.zeros((side, side), np.uint8)
    for point, radius in ((50, 0.07), (280, 0.07), (6, 0.025), (195, 0.03), (9, 0.02), (205, 0.04), (425, 0.04)):
        x, y = places()[point] * side
        cv.circle(mask, (round(float(x)), round(float(y))), max(1, round(radius * side)), 255, -1)
    return mask > 0

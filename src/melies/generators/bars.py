"""`bars`: a test picture."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from melies.frame import Image, VideoSpec
from melies.generators._canvas import Canvas

_COLOURS = ((191, 191, 191), (191, 191, 0), (0, 191, 191), (0, 191, 0), (191, 0, 191), (191, 0, 0), (0, 0, 191))


class Bars(Canvas):
    """Colour bars of 75 % and, below them, a grey ramp with a mark that goes round once a second.

    What comes out of a chain can be measured against them: the bars tell of a wrong matrix or range, the ramp of lost
    levels, the mark of lost frames. With the seed 0 the bars stand as they always do, with others in another order.
    """

    def picture(self, index: int, spec: VideoSpec) -> Image:
        """Make one picture."""
        image = _chart(*self.size, self.seed).copy()
        height, width = image.shape[:2]
        side = min(max(2, height // 16), width)
        left = int(index / self.fps % 1 * (width - side))
        image[-side:, left : left + side] = (255, 255, 255)
        return image


@lru_cache(maxsize=2)
def _chart(width: int, height: int, seed: int) -> Image:
    colours = np.array(_COLOURS, np.uint8)
    if seed:
        colours = np.random.default_rng(seed).permutation(colours)
    top = height * 3 // 4
    chart = np.empty((height, width, 3), np.uint8)
    chart[:top] = colours[np.arange(width) * len(colours) // width]
    chart[top:] = np.linspace(0, 255, width).round().astype(np.uint8)[:, None]
    return chart

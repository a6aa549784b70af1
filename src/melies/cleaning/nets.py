"""Running networks that clean a picture, tile by tile, so that memory does not grow with its size."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from melies.cleaning.pictures import Picture, Plane, cv

TILE = 512
REACH = 24
"""How far FFDNet sees: twelve 3×3 convolutions at half size. With this margin tiles join exactly."""


class FFDNet:
    """The network of Zhang, Zuo and Zhang (2018), which is told how much noise there is and where."""

    def __init__(self) -> None:
        from melies import models

        self._session = models.load("ffdnet")

    def clean(self, picture: Picture, noise: Plane | float) -> Picture:
        """Return the picture without its noise.

        Args:
            picture: `H×W×3`.
            noise: Standard deviation of the noise, for all or each pixel (`H×W`).
        """
        height, width = picture.shape[:2]
        even = cv.copyMakeBorder(picture, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        levels = np.broadcast_to(np.float32(noise), (height, width))
        half = cv.resize(np.ascontiguousarray(levels), (even.shape[1] // 2, even.shape[0] // 2))
        clean = np.empty_like(even)
        for tile, inner in _tiles(*even.shape[:2]):
            made = self._run(even[tile], half[_halved(tile[0]), _halved(tile[1])])
            clean[inner] = made[_within(tile[0], inner[0]), _within(tile[1], inner[1])]
        whole: Picture = clean[:height, :width]
        return whole

    def _run(self, picture: Picture, noise: Plane) -> Picture:
        inputs = {"image": np.ascontiguousarray(picture.transpose(2, 0, 1))[None], "noise": noise[None, None]}
        made: Picture = self._session.run(inputs)["clean"][0].transpose(1, 2, 0)
        return made


Box = tuple[slice, slice]


def _tiles(height: int, width: int) -> Iterator[tuple[Box, Box]]:
    """Rows and columns to look at, and those of them to be kept, until everything is kept once."""
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            bottom, right = min(top + TILE, height), min(left + TILE, width)
            outer = (
                slice(max(0, top - REACH), min(bottom + REACH, height)),
                slice(max(0, left - REACH), min(right + REACH, width)),
            )
            yield outer, (slice(top, bottom), slice(left, right))


def _halved(side: slice) -> slice:
    return slice(side.start // 2, side.stop // 2)


def _within(outer: slice, inner: slice) -> slice:
    return slice(inner.start - outer.start, inner.stop - outer.start)

"""Taking what is sharp from each of several frames."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.cleaning.pictures import Picture, Plane, cv, to_picture
from melies.frame import Image
from melies.imaging import blend
from melies.motion import Flow, grey, trusted, warp

LONGEST = 1280
"""Longest side of the pictures in which motion is found."""

BLOCK = 64
STEP = BLOCK // 2
POWER = 11
"""Of the magnitude in the weights: the more, the more the sharpest frame has alone. The paper takes 7 to 20."""

LOYALTY = 0.8
"""What the strength of a frequency in a neighbour counts, for a frame that is sharp itself to be left alone."""

ALIKE = 0.1
"""Largest mean difference (0…1) of a patch of a neighbour from the frame's own, for it to be of use."""

PATCH = (9, 9)
ROWS = 8
"""Rows of blocks worked on at a time, so that memory does not grow with the picture."""


class Burst:
    """Fourier burst accumulation along motion.

    Delbracio and Sapiro, "Hand-held Video Deblurring via Efficient Fourier Aggregation" (IEEE TCI 2015): a hand
    shakes differently in every frame, and blur only ever weakens frequencies, so each frequency is taken mostly from
    the frames in which it is strongest. Neighbours are first moved to where the frame has the same thing; where that
    fails, the frame itself stands in for them. Here blocks are accumulated, since motion differs over the picture.
    """

    def __init__(self) -> None:
        self._flow = Flow(longest=LONGEST)

    def sharpest(self, images: Sequence[Image], place: int) -> Picture:
        """Return the image at `place` with what is sharper in the others.

        Args:
            images: RGB, all of one size and depth.
            place: Which of them is wanted.
        """
        here = images[place]
        moved = [here, *(self._moved(here, there) for index, there in enumerate(images) if index != place)]
        return accumulate(moved)

    def _moved(self, here: Image, there: Image) -> Image:
        """Another image in the place of this one, and this one where the other shows something else."""
        one, other = grey(here), grey(there)
        field = self._flow(one, other)
        image = warp(there, field, cubic=True)
        apart = np.abs(to_picture(cv.blur(image, PATCH)) - to_picture(cv.blur(here, PATCH))).mean(-1)
        good = trusted(field, self._flow(other, one)) & (apart < ALIKE)
        share: Plane = cv.GaussianBlur(cv.erode(good.astype(np.float32), np.ones((5, 5))), (0, 0), 2)
        return blend(image, here, share)


def accumulate(images: Sequence[Image]) -> Picture:
    """Put together, block by block and frequency by frequency, what is strongest in images of the same thing."""
    height, width = images[0].shape[:2]
    rows, columns = (-(-side // STEP) + 1 for side in (height, width))
    margins = STEP, (rows + 1) * STEP - STEP - height, STEP, (columns + 1) * STEP - STEP - width
    # Half a block is put around, so that every pixel lies in four blocks.
    padded = [cv.copyMakeBorder(image, *margins, cv2.BORDER_REFLECT) for image in images]
    result = np.zeros((*padded[0].shape[:2], 3), np.float32)
    for first in range(0, rows, ROWS):
        last = min(first + ROWS, rows)
        strip = slice(first * STEP, (last + 1) * STEP)
        _scatter(_merged([_blocks(image[strip]) for image in padded]), result[strip])
    return result[STEP : STEP + height, STEP : STEP + width]


_HALF = np.sin(np.pi * (np.arange(BLOCK, dtype=np.float32) + 0.5) / BLOCK)
_WINDOW = np.outer(_HALF, _HALF)
"""Its square, summed over the four blocks that a pixel lies in, is 1."""


def _blocks(image: Image) -> NDArray[np.float32]:
    """Cut a picture into overlapping blocks: rows×columns×3×64×64, faded out towards their edges."""
    views = np.lib.stride_tricks.sliding_window_view(to_picture(image), (BLOCK, BLOCK), axis=(0, 1))
    blocks: NDArray[np.float32] = views[::STEP, ::STEP] * _WINDOW
    return blocks


def _merged(stacks: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Merge the blocks of several pictures, the first of which is the one that is bettered."""
    spectra = [np.fft.rfft2(blocks) for blocks in stacks]
    strengths = [np.abs(spectrum).mean(2, keepdims=True) for spectrum in spectra]
    strengths[1:] = [strength * np.float32(LOYALTY) for strength in strengths[1:]]
    most = np.maximum(np.max(strengths, axis=0), 1e-12)
    weights = [(strength / most) ** POWER for strength in strengths]
    total = sum(spectrum * weight for spectrum, weight in zip(spectra, weights, strict=True)) / sum(weights)
    merged: NDArray[np.float32] = np.fft.irfft2(total, s=(BLOCK, BLOCK)).astype(np.float32)
    return merged


def _scatter(blocks: NDArray[np.float32], picture: Picture) -> None:
    """Add blocks to a picture where they were cut from it."""
    for row, line in enumerate(blocks):
        for column, block in enumerate(line):
            part = picture[row * STEP : row * STEP + BLOCK, column * STEP : column * STEP + BLOCK]
            part += (block * _WINDOW).transpose(1, 2, 0)

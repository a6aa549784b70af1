"""Averaging a frame with its neighbours, each moved to where the frame has the same thing."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import cv2
import numpy as np

from melies.cleaning.noise import level
from melies.cleaning.pictures import Picture, Plane, cv, to_picture
from melies.frame import Frame, Image
from melies.motion import Flow, grey, warp

MEMORY = 12
"""Frames before one that have a say in how noisy it is."""

LONGEST = 1280
"""Longest side of the pictures in which motion is found."""

PATCH = (5, 5)
WIDTH = 1.5**2
"""How quickly trust falls with the difference beyond what noise explains, in variances of the difference."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A frame, and how noisy it and those before it are: a standard deviation, 0…1."""

    frame: Frame
    noise: float


def measured(frames: Iterable[Frame], known: float | None = None) -> Iterator[Seen]:
    """Say of each frame how noisy it is: the median of what was measured in it and in those just before it.

    Args:
        frames: Of one shot.
        known: The standard deviation, 0…1, where it is known.
    """
    levels: deque[float] = deque(maxlen=MEMORY + 1)
    for frame in frames:
        if known is None:
            levels.append(level(to_picture(frame.image)))
        yield Seen(frame, median(levels) if known is None else known)


class Averager:
    """Average along motion (dense inverse search) as far as noise allows to say that it is the same thing.

    A neighbour's pixel counts less the more the patch around it differs from the frame's own, beyond what noise
    explains, so that what is covered, or was not found, keeps its own noise instead of getting a ghost: the weights of
    non-local means (Buades, Coll and Morel 2005), along the motion instead of all around.
    """

    def __init__(self) -> None:
        self._flow = Flow(longest=LONGEST)

    def average(self, window: Sequence[Seen], place: int, noise: float) -> tuple[Picture, Plane | float]:
        """Return the frame at `place` averaged with the others of its window.

        Args:
            window: Frames in order.
            place: Which of them is wanted.
            noise: Standard deviation of the noise, 0…1.

        Returns:
            The picture, and the standard deviation of the noise left at each pixel.
        """
        here = window[place].frame.image
        total = to_picture(here)
        others = [seen.frame.image for index, seen in enumerate(window) if index != place]
        if not others or noise == 0:
            return total, noise
        look, way = _soft(here, _guide_blur(noise)), grey(_soft(here, _flow_blur(noise)))
        allowed = _allowed(noise)
        weights: Plane = np.ones(here.shape[:2], np.float32)
        squares = weights.copy()
        for there in others:
            field = self._flow(way, grey(_soft(there, _flow_blur(noise))))
            seen = warp(_soft(there, _guide_blur(noise)), field, cubic=True)
            apart = cv.blur(np.square(to_picture(seen) - to_picture(look)).mean(-1), PATCH)
            share: Plane = np.exp(-np.maximum(apart - 2 * allowed, 0) / (WIDTH * allowed))
            total += warp(to_picture(there), field, cubic=True) * share[..., None]
            weights += share
            squares += np.square(share)
        left: Plane = cv.sqrt(squares) / weights * np.float32(noise)
        mean: Picture = total / weights[..., None]
        return mean, left


def _soft(image: Image, sigma: float) -> Image:
    """The picture with most of its noise blurred away, to compare by."""
    blurred: Image = cv.GaussianBlur(np.ascontiguousarray(image[..., :3]), (0, 0), sigma)
    return blurred


def _guide_blur(noise: float) -> float:
    return 0.8 + 2.5 * noise


def _flow_blur(noise: float) -> float:
    return 1 + 6 * noise


def _allowed(noise: float) -> float:
    """The variance that noise, and rounding to code values, leave in a blurred picture."""
    return (noise * _left_by_blur(_guide_blur(noise))) ** 2 + 1 / (12 * 255**2)


def _left_by_blur(sigma: float) -> float:
    """The share of its standard deviation that white noise keeps under a Gaussian blur."""
    kernel = cv.getGaussianKernel(2 * round(4 * sigma) + 1, sigma, cv2.CV_64F)
    return float(np.square(kernel).sum())

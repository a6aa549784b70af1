"""Lifting what is dark: how much light falls where, held steady over time."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from melies.cleaning.pictures import Picture, Plane, cv, to_picture
from melies.frame import Image
from melies.matting import guided
from melies.matting.scale import reduce, within
from melies.motion import Flow, grey, warp

LONGEST = 384
"""Longest side of the pictures in which light is measured."""

RADIUS = 12
EPS = 1e-3
"""Window and regularisation of the guided filter: light changes slowly, except where the picture has edges."""

DARKEST = 0.02
"""Light is never taken for less; below there is nothing but noise and what coding left."""

PATCH = (9, 9)
ALIKE = 0.06
"""A neighbour whose light in a patch differs by this much (0…1) counts a third: it shows something else."""

SHOULDER = 0.8
"""Brightness above which lifted light is compressed instead of clipped."""


class Light:
    """The light in each frame: the brightest of red, green and blue, smoothed within edges and along time.

    Guo, Li and Ling, "LIME: Low-Light Image Enhancement via Illumination Map Estimation" (IEEE TIP 2017) take the
    brightest colour of each pixel for the light that falls on it, and smooth it so that edges stay. Here a guided
    filter smooths it, and before that it is averaged with that of neighbouring frames, moved along the motion, so that
    what is lifted does not flicker.
    """

    def __init__(self) -> None:
        self._flow = Flow("fast")

    def measured(self, images: Sequence[Image], place: int, picture: Picture) -> Plane:
        """Return the light on the image at `place`: `H×W`, 0…1.

        Args:
            images: RGB, all of one size and depth.
            place: Which of them is wanted.
            picture: The same, with less noise, to take the edges from.
        """
        height, width = picture.shape[:2]
        size = within(width, height, LONGEST)
        small = [reduce(image, *size) for image in images]
        here, way = _brightest(small[place]), grey(small[place])
        total, weights = here.copy(), np.ones_like(here)
        for index, image in enumerate(small):
            if index != place:
                there = warp(_brightest(image), self._flow(way, grey(image)))
                share = np.exp(-np.square(cv.blur(there - here, PATCH) / ALIKE))
                total += share * there
                weights += share
        fit = guided.coefficients(reduce(picture, *size), total / weights, RADIUS, EPS)
        fit = cv.resize(fit, (width, height), interpolation=cv2.INTER_LINEAR)
        light: Plane = np.clip(guided.evaluate(fit, picture), DARKEST, 1)
        return light


def _brightest(image: Image) -> Plane:
    """The brightest colour of each pixel and its neighbours, so that a dark spot is not taken for a shadow."""
    brightest: Plane = cv.blur(to_picture(image).max(-1), (3, 3))
    return brightest


def lifted(picture: Picture, light: Plane, strength: float, most: float) -> Picture:
    """Return a picture as it would look in more light; the ratios of its colours stay.

    Args:
        picture: `H×W×3`.
        light: `H×W`, above 0.
        strength: How much of the missing light is made up for: 0 nothing, 1 all.
        most: The largest gain.
    """
    gain = np.minimum(light ** np.float32(-strength), np.float32(most))
    bright = picture.max(-1) * gain
    # Above the shoulder brightness approaches 1 and never gets there.
    room = np.float32(1 - SHOULDER)
    over = np.maximum(bright - np.float32(SHOULDER), 0)
    fitted = np.minimum(bright, np.float32(SHOULDER)) + room * (1 - np.exp(-over / room))
    gain *= fitted / np.maximum(bright, np.float32(1e-6))
    bettered: Picture = picture * np.maximum(gain, 1)[..., None]
    return bettered

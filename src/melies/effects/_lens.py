"""Blur as a fast lens makes it: discs of light, in linear light, that nothing sharp leaks into.

What is behind the plane of focus is gathered around each point, from what is about as far away and as unsharp (after
Kraus and Strengert, "Depth-of-Field Rendering by Pyramidal Image Processing", 2007). What is nearer than the plane of
focus is spread over what it hides in part.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import pairwise
from math import cos, pi, sin
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.effects._lut import linear_to_srgb, srgb_to_linear
from melies.frame import Image
from melies.imaging import white_of

cv: Any = cv2

Light = NDArray[np.float32]
"""`H×W×3` float32, linear, 1 is white."""
Map = NDArray[np.float32]
"""`H×W` float32."""

_STEP = 1.45
"""How much larger each level of blur is than the one before."""
_BRIGHT, _BOOST = 0.6, 6.0
"""From which value on (of 1) light may have been cut off by the camera, and how much of it at most to give back."""
_LEAST = np.float32(1e-4)


def to_light(image: Image, highlights: float) -> Light:
    """Turn display values (sRGB) into light.

    Args:
        image: `H×W×3` uint8 or uint16.
        highlights: 0…1: how much brighter than white the brightest parts are taken to have been.
    """
    table = _table(white_of(image))
    light: Light = cv.LUT(image, table) if image.dtype == np.uint8 else table[image]
    if highlights == 0:
        return light
    red, green, blue = cv.split(light)
    brightest = np.maximum(np.maximum(red, green), blue)
    over = np.clip((brightest - np.float32(_BRIGHT)) * np.float32(1 / (1 - _BRIGHT)), 0, 1)
    gain = 1 + np.float32(highlights * _BOOST) * over * over * over
    boosted: Light = light * gain[..., None]
    return boosted


def to_code(light: Light, dtype: np.dtype[Any]) -> Image:
    """Turn light into display values of uint8 or uint16; what is brighter than white becomes white."""
    # The root spaces the entries of the table about as display values are spaced.
    place = np.sqrt(np.clip(light, 0, 1)) * np.float32(65535) + np.float32(0.5)
    image: Image = _codes(dtype.str)[place.astype(np.uint16)]
    return image


@cache
def _table(white: int) -> NDArray[np.float32]:
    return np.asarray(srgb_to_linear(np.arange(white + 1) / white), np.float32)


@cache
def _codes(dtype: str) -> Image:
    kind = np.dtype(dtype)
    values = linear_to_srgb(np.square(np.arange(65536) / 65535))
    codes: Image = np.rint(np.clip(values, 0, 1) * np.iinfo(kind).max).astype(kind)
    return codes


@lru_cache(maxsize=64)
def opening(radius: float, blades: int) -> Map:
    """Return the picture of a point of light: a disc, or a polygon of as many sides, in sum 1.

    Args:
        radius: In pixels; the polygon has the area of the disc.
        blades: 0 for a disc.
    """
    fine, side = 8, 2 * int(np.ceil(radius + 0.5)) + 1
    canvas = np.zeros((side * fine, side * fine), np.uint8)
    centre, reach = side * fine / 2 - 0.5, radius * fine - 0.5
    corners = blades or 180
    reach *= (2 * pi / (corners * sin(2 * pi / corners))) ** 0.5
    angles = [2 * pi * (k + 0.5) / corners - pi / 2 for k in range(corners)]
    # Fixed-point coordinates: four bits of fraction.
    points = np.rint([[16 * (centre + reach * cos(a)), 16 * (centre + reach * sin(a))] for a in angles])
    cv.fillPoly(canvas, [points.astype(np.int32)], 255, cv2.LINE_8, 4)
    kernel = cv.resize(canvas, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
    shape: Map = kernel / kernel.sum()
    return shape


def smear(light: Light, weight: Map, radius: float, blades: int) -> tuple[Light, Map]:
    """Blur light that counts by weight.

    Args:
        light: `H×W×3`.
        weight: `H×W`, 0…1.
        radius: Of the opening, in pixels.
        blades: Of the opening.

    Returns:
        Blurred light times weight (`H×W×3`), and blurred weight (`H×W`).
    """
    height, width = weight.shape
    planes = np.dstack([light * weight[..., None], weight])
    shrink = max(1, int(radius**0.5))  # From 4 pixels on at half the size, from 9 at a third: never too coarse.
    if shrink > 1 and min(height, width) >= 4 * shrink:
        size = -(-width // shrink), -(-height // shrink)
        planes = cv.resize(planes, size, interpolation=cv2.INTER_AREA)
        radius /= shrink
    planes = cv.filter2D(planes, -1, opening(round(radius, 2), blades), borderType=cv2.BORDER_REFLECT)
    if planes.shape[:2] != (height, width):
        planes = cv.resize(planes, (width, height), interpolation=cv2.INTER_LINEAR)
    # Large kernels go through a Fourier transform, which leaves tiny negative numbers.
    planes = np.maximum(planes, 0)
    return planes[..., :3], planes[..., 3]


def behind(light: Light, weight: Map, radius: float, blades: int) -> Light:
    """Blur what has weight and nothing else; where nothing near has any, light stays nearly as it is."""
    blurred, whole = smear(light, weight * (1 - _LEAST) + _LEAST, radius, blades)
    blurred /= whole[..., None]
    return blurred


def levels(largest: float) -> list[float]:
    """Return the radii for which pictures are blurred: 0, 1, and so on up to the largest."""
    if largest <= 1:
        return [0.0, max(largest, 0.5)]
    count = int(np.ceil(np.log(largest) / np.log(_STEP)))
    return [0.0, *(largest ** (k / count) for k in range(count + 1))]


def by_depth(sharp: Light, light: Light, blur: Map, blades: int) -> Light:
    """Blur each point by a radius of its own.

    Args:
        sharp: `H×W×3`, for what is in focus.
        light: The same, with highlights, for what is not.
        blur: `H×W` radius in pixels: above 0 behind the plane of focus, below 0 before it.
        blades: Of the opening.
    """
    result = sharp.copy()
    radii = levels(max(1.0, float(blur.max())))
    for last, radius in pairwise(radii):
        share = np.clip((blur - np.float32(last)) * np.float32(1 / (radius - last)), 0, 1)
        if not share.any():
            break
        weight = np.clip(blur * np.float32(2 / radius) - 1, 0, 1)
        result += share[..., None] * (behind(light, weight, radius, blades) - result)
    if float(blur.min()) < -0.5:
        _before(result, light, -blur, blades)
    return result


def _before(result: Light, light: Light, blur: Map, blades: int) -> None:
    """Lay what is nearer than the plane of focus over the rest, in place; `blur` is its radius."""
    radii = levels(max(1.0, float(blur.max())))
    part = np.clip(blur * np.float32(1 / radii[1]), 0, 1)
    # What is hidden behind shows through the soft edge: go on with what surrounds it.
    result += (part**4)[..., None] * (behind(result, 1 - part, radii[-1] + 1, blades) - result)
    sheet, cover = np.zeros_like(light), np.zeros_like(blur)
    # Each level takes its share, so that together they cover what they did before they were blurred.
    for radius, share in zip(radii[1:], _shares(blur, radii), strict=True):
        blurred, whole = smear(light, share, radius, blades)
        sheet += blurred
        cover += whole
    shown = np.minimum(cover, 1)
    result *= (1 - shown)[..., None]
    result += sheet * (shown / np.maximum(cover, _LEAST))[..., None]


def _shares(blur: Map, radii: list[float]) -> Iterator[Map]:
    """How much of each point belongs to each level but the first: in sum 1 from the second on."""
    for index in range(1, len(radii)):
        share = np.clip((blur - np.float32(radii[index - 1])) * np.float32(1 / (radii[index] - radii[index - 1])), 0, 1)
        if index + 1 < len(radii):
            above = radii[index + 1] - radii[index]
            share *= np.clip(1 - (blur - np.float32(radii[index])) * np.float32(1 / above), 0, 1)
        yield share

"""The arithmetic of chroma keying: how much of a pixel is subject, and what colour the subject has there.

A pixel is `C = a·F + (1-a)·P`, subject F over screen P. The *colour difference* d(C), the key channel minus the
larger of the others, is large on the screen and near zero on most subjects, so that `a = 1 - d(C) / d(P)` (Vlahos,
US patent 3,595,987). Asking what d is for the subject nearby, instead of taking zero, was tried: grey hair beside skin
came out much worse.
"""

from __future__ import annotations

from typing import Any, Literal, cast

import cv2
import numpy as np

from melies.effects._screen import CHANNEL, Kind
from melies.frame import Image
from melies.imaging import Float, blend, blur, white_of

Despill = Literal["balance", "average", "max"]


def _key_and_others(planes: Any, kind: Kind) -> tuple[Any, Any, Any]:
    key = CHANNEL[kind]
    first, second = (channel for channel in range(3) if channel != key)
    return planes[key], planes[first], planes[second]


def matte(image: Image, plate: Float, kind: Kind) -> Float:
    """How much of every pixel is subject.

    Args:
        image: `H×W×3`.
        plate: The screen's colour, `H×W×3` of 0…1.
        kind: Which channel is the key.

    Returns:
        `H×W`; 0 on the screen, 1 on the subject, unclipped: noise lies around both.
    """
    key, first, second = _key_and_others(cv2.split(image), kind)
    difference = cv2.subtract(key, cv2.max(first, second), dtype=cv2.CV_32F)
    difference *= np.float32(1 / white_of(image))
    return 1 - cast(Float, cv2.divide(difference, _difference(plate, kind)))


def _difference(plate: Float, kind: Kind) -> Float:
    key, first, second = _key_and_others(cv2.split(plate), kind)
    return cast(Float, np.maximum(key - cv2.max(first, second), np.float32(0.04)))


def clipped(raw: Float, black: float, white: float) -> Float:
    """Stretch `black`…`white` to 0…1 and cut off what lies outside."""
    scale = 1 / (white - black)
    return cast(Float, np.clip(raw * np.float32(scale) - np.float32(black * scale), 0, 1))


def solidified(alpha: Float, reach: float, specks: float) -> Float:
    """Make a matte sure of itself away from its edges.

    Args:
        alpha: `H×W` of 0…1.
        reach: Pixels: so far inside the subject everything is solid, so far outside everything clear; 0 for neither.
        specks: Islands smaller than this share of the picture go.
    """
    small = cv2.resize(alpha, _half(alpha), interpolation=cv2.INTER_AREA)
    if specks > 0:
        count, labels, stats, _ = cv2.connectedComponentsWithStats((small > 0.1).view(np.uint8))
        tiny = stats[:, cv2.CC_STAT_AREA] < specks * small.size
        tiny[0] = False
        if count > 1 and tiny.any():
            gone = tiny[labels].view(np.uint8)
            small[gone > 0] = 0
            gone = cv2.dilate(gone, np.ones((3, 3), np.uint8))
            gone = cv2.resize(gone, alpha.shape[::-1], interpolation=cv2.INTER_NEAREST)
            alpha = np.where(gone > 0, np.float32(0), alpha)
    if reach > 0:
        # Among hair the screen shows through somewhere near; inside a body it does not.
        lowest = cv2.resize(cv2.erode(alpha, np.ones((3, 3), np.uint8), borderValue=1), _half(alpha))
        core = _depth(cv2.inRange(lowest, 0.35, 1.0), reach, alpha)
        clear = _depth(cv2.inRange(small, -1.0, 0.25), reach, alpha)
        alpha = cast(Float, cv2.max(cv2.min(alpha, 1 - clear), core))
    return alpha


def _half(alpha: Float) -> tuple[int, int]:
    height, width = alpha.shape
    return -(-width // 2), -(-height // 2)


def _depth(mask: Any, reach: float, like: Float) -> Float:
    """0 up to half of `reach` pixels inside a mask of half the size, 1 from `reach` on."""
    depth = np.minimum(cv2.distanceTransform(mask, cv2.DIST_L2, 3), np.float32(reach))
    ramp = np.clip(4 * depth / np.float32(reach) - 1, 0, 1)
    return cast(Float, cv2.resize(ramp, like.shape[::-1], interpolation=cv2.INTER_LINEAR))


def unmixed(image: Image, alpha: Float, plate: Float) -> Image:
    """Take the screen's share out of half-covered pixels: `F = (C - (1-a)·P) / a`; black where nothing is left."""
    soft = np.flatnonzero(cv2.inRange(alpha, 1e-6, 1 - 1e-6))
    result = cast(Image, cv2.bitwise_and(image, image, mask=cv2.inRange(alpha, 1e-6, 2)))
    if len(soft):
        white = white_of(image)
        share = alpha.reshape(-1)[soft, None]
        mixed = image.reshape(-1, 3)[soft] - (1 - share) * (plate.reshape(-1, 3)[soft] * white)
        result.reshape(-1, 3)[soft] = np.clip(np.rint(mixed / share), 0, white).astype(image.dtype)
    return result


def despilled(image: Image, kind: Kind, method: Despill, strength: float) -> Image:
    """Take away the screen's light that falls on the subject: the key channel may not exceed a mix of the others.

    Args:
        image: `H×W×3`.
        kind: Which channel is the key.
        method: What it may not exceed: the `average` of the others, the larger one (`max`), or halfway between.
        strength: 0 leaves everything, 1 takes away all that exceeds.
    """
    if strength == 0:
        return image
    planes = list(cv2.split(image))
    key, first, second = _key_and_others(planes, kind)
    limit = cv2.max(first, second)
    if method != "max":
        low = cv2.min(first, second)
        share = 0.5 if method == "average" else 0.25
        limit = cv2.addWeighted(limit, 1 - share, low, share, 0)
    less = cv2.min(key, limit)
    planes[CHANNEL[kind]] = less if strength == 1 else cv2.addWeighted(key, 1 - strength, less, strength, 0)
    return cast(Image, cv2.merge(planes))


def spread(image: Image, alpha: Float, pixels: float) -> Image:
    """Let the subject's colours run out over its edge, for mattes that are grown or softened outwards."""
    weight = cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB)
    sigma = max(1.0, pixels)
    light = blur(cv2.multiply(image, weight, dtype=cv2.CV_32F), sigma)
    depth = cv2.CV_8U if image.dtype == np.uint8 else cv2.CV_16U
    near = cv2.divide(light, np.maximum(blur(weight, sigma), 1e-4), dtype=depth)
    return blend(image, cast(Image, near), alpha)

"""Blend modes, as the W3C's *Compositing and Blending Level 1* defines them."""

from __future__ import annotations

from typing import Any, Literal, cast

import cv2
import numpy as np

from melies.frame import Image
from melies.imaging import blend, split_alpha, white_of

Blend = Literal[
    "normal", "multiply", "screen", "overlay", "soft-light", "hard-light", "add", "subtract", "difference", "darken",
    "lighten",
]  # fmt: skip


def mix(upper: Image, lower: Image, mode: Blend) -> Image:
    """Return the upper picture with the colours that `mode` makes of both; laying it over stays to be done.

    Args:
        upper: `H×W×4` or `H×W×3`; its alpha is carried along.
        lower: As large and deep. Where it is transparent the upper colours stay as they are.
        mode: How colours act on each other.
    """
    if mode == "normal":
        return upper
    (front, alpha), (back, below) = split_alpha(upper), split_alpha(lower)
    colours = cast(Image, _mixed(front, back, mode))
    if below is not None:
        colours = blend(colours, front, below)
    return colours if alpha is None else cast(Image, cv2.merge([*cv2.split(colours), alpha]))


def _mixed(front: Image, back: Image, mode: Blend) -> Any:
    white = white_of(front)
    match mode:
        case "multiply":
            return cv2.multiply(front, back, scale=1 / white)
        case "screen":
            return white - cv2.multiply(white - front, white - back, scale=1 / white)
        case "hard-light":
            return _hard_light(front, back, white)
        case "overlay":
            return _hard_light(back, front, white)
        case "soft-light":
            return _soft_light(front, back, white)
        case "add":
            return cv2.add(front, back)
        case "subtract":
            return cv2.subtract(back, front)
        case "difference":
            return cv2.absdiff(front, back)
        case "darken":
            return cv2.min(front, back)
        case "lighten":
            return cv2.max(front, back)
    return front


def _hard_light(front: Image, back: Image, white: int) -> Any:
    dark = cv2.multiply(front, back, scale=2 / white)
    light = white - cv2.multiply(white - front, white - back, scale=2 / white)
    return np.where(front <= white // 2, dark, light)


def _soft_light(front: Image, back: Image, white: int) -> Any:
    source = np.multiply(front, np.float32(1 / white), dtype=np.float32)
    ground = np.multiply(back, np.float32(1 / white), dtype=np.float32)
    curve = np.where(ground <= 0.25, ((16 * ground - 12) * ground + 4) * ground, np.sqrt(ground))
    darker = ground - (1 - 2 * source) * ground * (1 - ground)
    lighter = ground + (2 * source - 1) * (curve - ground)
    return np.rint(np.where(source <= 0.5, darker, lighter) * white).astype(front.dtype)

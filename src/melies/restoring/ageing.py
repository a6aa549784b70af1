"""Making a good film old, so that there is something to mend of which the truth is known."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Image
from melies.imaging import white_of
from melies.motion import pixels

cv: Any = cv2

Float = NDArray[np.float32]
Mask = NDArray[np.bool_]


def flicker(image: Image, index: int, amount: float = 0.1, *, colours: bool = False, seed: int = 0) -> Image:
    """Make the exposure of a frame a little wrong.

    Args:
        image: RGB.
        index: Which frame.
        amount: By what share, one standard deviation.
        colours: Whether each channel is wrong by itself.
        seed: Another number, other flicker.
    """
    factors = 1 + amount * _dice(index, seed).standard_normal(3 if colours else 1)
    return _rounded(image * np.clip(factors, 0.3, 2).astype(np.float32), image)


def bands(image: Image, index: int, amount: float = 0.1, *, seed: int = 0) -> Image:
    """Lay soft light and dark bands over a frame, elsewhere each time, as a rolling shutter does under mains light."""
    dice = _dice(index, seed + 1)
    rows = np.arange(image.shape[0], dtype=np.float32) / image.shape[0]
    wave = 1 + amount * np.sqrt(2) * np.sin(2 * np.pi * (1.5 * rows + dice.random()))
    return _rounded(image * wave[:, None, None].astype(np.float32), image)


def dust(image: Image, index: int, count: int = 12, *, seed: int = 0) -> tuple[Image, Mask]:
    """Drop specks and hairs on a frame, most of them dark.

    Args:
        image: RGB.
        index: Which frame.
        count: How many.
        seed: Another number, other dust.

    Returns:
        The frame, and where it changed.
    """
    dice = _dice(index, seed + 2)
    height, width = image.shape[:2]
    scale = max(height, width) / 720
    light, dark = (np.zeros((height, width), np.uint8) for _ in range(2))
    for _ in range(count):
        layer = light if dice.random() < 0.35 else dark
        x, y = dice.uniform(0, width), dice.uniform(0, height)
        points = np.array([x, y]) + np.cumsum(dice.normal(0, 2.5 * scale, (8 if dice.random() < 0.2 else 3, 2)), axis=0)
        thick = max(1, round(scale * dice.uniform(2, 6)) if len(points) == 3 else round(1.5 * scale))
        cv.polylines(layer, [np.round(points * 8).astype(np.int32)], False, 255, thick, cv2.LINE_AA, 3)
    white = white_of(image)
    dirty = image.astype(np.float32)
    for layer, level in ((dark, 0.06), (light, 0.95)):
        cover = (cv.GaussianBlur(layer, (0, 0), 0.5 * scale + 0.1) / np.float32(255))[..., None]
        dirty += cover * (np.float32(level * white) - dirty)
    return _with_mask(dirty, image)


def scratches(image: Image, index: int, count: int = 3, *, seed: int = 0) -> tuple[Image, Mask]:
    """Draw vertical scratches that stay for the whole film, and sway a little.

    Returns:
        The frame, and where it changed.
    """
    height, width = image.shape[:2]
    dice = _dice(0, seed + 3)
    places = pixels(height, width)
    white = np.float32(white_of(image))
    scale = max(1.0, width / 720)
    worn = image.astype(np.float32)
    for _ in range(count):
        base, speed, lean = dice.uniform(0.1, 0.9) * width, dice.uniform(0.1, 0.4), dice.normal(0, 0.004)
        depth, wide = dice.choice([-0.3, 0.35]), scale * dice.uniform(0.6, 1.2)
        x = base + 1.5 * scale * np.sin(index * speed) + lean * (places[..., 1] - height / 2)
        profile = np.exp(-0.5 * np.square((places[..., 0] - x) / wide)).astype(np.float32)
        worn += profile[..., None] * np.float32(depth) * white
    return _with_mask(worn, image)


def weave(image: Image, index: int, pixels_off: float = 1.0, *, seed: int = 0) -> Image:
    """Shift a frame a little, as worn perforations do."""
    x, y = pixels_off * _dice(index, seed + 4).standard_normal(2)
    move = np.array([[1, 0, x], [0, 1, y]], np.float32)
    size = image.shape[1], image.shape[0]
    moved: Image = cv.warpAffine(image, move, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return moved


def grain(image: Image, index: int, amount: float = 0.02, *, seed: int = 0) -> Image:
    """Add film grain: soft noise of one standard deviation `amount`, the same in every channel."""
    noise = _dice(index, seed + 5).standard_normal(image.shape[:2]).astype(np.float32)
    noise = cv.GaussianBlur(noise, (0, 0), 0.7)
    return _rounded(image + (noise / noise.std() * np.float32(amount * white_of(image)))[..., None], image)


def old_film(image: Image, index: int, *, seed: int = 0) -> Image:
    """Return a frame of a print that was shown too often: grain, weave, scratches, dust and flicker."""
    image = grain(weave(image, index, 0.5, seed=seed), index, seed=seed)
    image = dust(scratches(image, index, seed=seed)[0], index, seed=seed)[0]
    return flicker(image, index, 0.08, seed=seed)


def _dice(index: int, seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, index])


def _rounded(values: NDArray[Any], like: Image) -> Image:
    rounded: Image = np.clip(np.rint(values), 0, white_of(like)).astype(like.dtype)
    return rounded


def _with_mask(values: NDArray[Any], like: Image) -> tuple[Image, Mask]:
    result = _rounded(values, like)
    changed: NDArray[np.uint16] = cv.absdiff(result, like)
    return result, np.any(changed > 0.06 * white_of(like), axis=-1)

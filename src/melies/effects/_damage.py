"""What a bad signal does to a picture: each function takes a picture and a `Hit` and returns a new picture.

Sizes are shares of the picture's own, so that the damage looks the same at any resolution. Where parts are moved, alpha
moves with them; otherwise it is left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from melies.frame import Image
from melies.imaging import Float, white_of

cv: Any = cv2

Damage = Literal["blocks", "channels", "tear", "crush", "dct", "sync", "tape"]


@dataclass(frozen=True, slots=True)
class Hit:
    """How a picture is hit.

    Attributes:
        strength: 0…1.
        moment: Seconds since this began.
        lasting: Chances that are the same as long as it lasts.
        passing: Chances that change several times a second.
    """

    strength: float
    moment: float
    lasting: Generator
    passing: Generator


def blocks(image: Image, hit: Hit) -> Image:
    """Show blocks of the picture where they do not belong, some in the wrong colours."""
    height, width = image.shape[:2]
    rng, side = hit.passing, max(2, min(height, width) // 24)
    made = image.copy()
    for _ in range(3 + int(45 * hit.strength)):
        high = min(height, side * int(rng.integers(1, 3)))
        wide = min(width, side * int(rng.integers(1, 9)))
        y = int(rng.integers(0, height - high + 1)) // side * side
        x = int(rng.integers(0, width - wide + 1)) // side * side
        there_y = int(np.clip(y + rng.integers(-1, 2) * side, 0, height - high))
        there_x = int(rng.integers(0, width - wide + 1))
        part = image[there_y : there_y + high, there_x : there_x + wide]
        made[y : y + high, x : x + wide] = part
        if rng.random() < 0.25:
            made[y : y + high, x : x + wide, :3] = np.roll(part[..., :3], 1, axis=-1)
    return made


def channels(image: Image, hit: Hit) -> Image:
    """Pull red and blue apart."""
    width = image.shape[1]
    far = round(width * hit.strength * hit.passing.uniform(0.006, 0.045)) * int(hit.lasting.choice((-1, 1)))
    places = np.arange(width)
    made = image.copy()
    made[..., 0] = image[:, np.clip(places - far, 0, width - 1), 0]
    made[..., 2] = image[:, np.clip(places + far, 0, width - 1), 2]
    return made


def tear(image: Image, hit: Hit) -> Image:
    """Push bands of lines sideways."""
    height, width = image.shape[:2]
    rng = hit.passing
    starts = np.sort(rng.integers(0, height, 4 + int(14 * hit.strength)))
    shifts = rng.normal(0, 0.14 * hit.strength * width, len(starts) + 1) * (rng.random(len(starts) + 1) < 0.6)
    return _slid(image, shifts[np.searchsorted(starts, np.arange(height), "right")])


def crush(image: Image, hit: Hit) -> Image:
    """Leave few tones and coarse pixels in bands of the picture."""
    rng, made = hit.passing, image.copy()
    levels = int(rng.integers(2, 3 + round(5 * (1 - hit.strength))))
    coarse = max(2, round(min(image.shape[:2]) * 0.03 * hit.strength))
    for top, bottom in _bands(image.shape[0], rng, 1 + int(4 * hit.strength), 0.28):
        part = image[top:bottom, :, :3]
        size = -(-part.shape[1] // coarse), -(-part.shape[0] // coarse)
        part = cv.resize(cv.resize(part, size, interpolation=cv2.INTER_AREA), part.shape[1::-1], interpolation=0)
        step = white_of(image) / (levels - 1)
        made[top:bottom, :, :3] = np.rint(np.rint(part / step) * step)
    return made


def dct(image: Image, hit: Hit) -> Image:
    """Break the coefficients of slices of blocks, as a wrong bit does in a JPEG or MPEG stream."""
    height, width = image.shape[:2]
    side = min(max(4, round(min(height, width) / 45)), height, width)
    rng, made = hit.passing, image.copy()
    across = width // side
    for top, bottom in _bands(height // side, rng, 1 + int(5 * hit.strength), 0.15):
        rows = slice(top * side, bottom * side)
        part = np.ascontiguousarray(image[rows, : across * side, :3])
        if part.size:
            broken = _misread(cv.cvtColor(_unit(part), cv2.COLOR_RGB2YCrCb), side, hit)
            made[rows, : across * side, :3] = _codes(cv.cvtColor(broken, cv2.COLOR_YCrCb2RGB), image)
    return made


def _misread(part: Float, side: int, hit: Hit) -> Float:
    rng = hit.passing
    down, across = part.shape[0] // side, part.shape[1] // side
    grid = part.reshape(down, side, across, side, 3).transpose(0, 2, 4, 1, 3)
    basis = _basis(side)
    found = basis @ grid @ basis.T
    begin = int(rng.integers(0, max(1, across * 2 // 3)))
    kept = int(rng.integers(1, max(2, side // 3)))
    # From the wrong bit on, every block is read relative to the one before: the error stays until the slice ends.
    drift = rng.normal(0, [0.16, 0.12, 0.12]) * (0.4 + hit.strength) * side
    found[:, begin:, :, kept:, :] = 0
    found[:, begin:, :, :, kept:] = 0
    found[:, begin:, :, 0, 0] += drift.astype(np.float32)
    struck = rng.random((down, across)) < 0.5 * hit.strength
    struck[:, :begin] = False
    u, v = rng.integers(0, max(1, side // 2), 2)
    found[struck, 0, u, v] += np.float32(0.3 * side) * rng.choice((-1, 1), int(struck.sum()))
    return cast(Float, (basis.T @ found @ basis).transpose(0, 3, 1, 4, 2).reshape(part.shape))


def _basis(side: int) -> Float:
    """The orthonormal DCT-II."""
    place = np.arange(side)
    waves: NDArray[Any] = np.cos(np.pi * (2 * place[None] + 1) * place[:, None] / (2 * side)) * np.sqrt(2 / side)
    waves[0] /= np.sqrt(2)
    return waves.astype(np.float32)


def sync(image: Image, hit: Hit) -> Image:
    """Lose hold of the picture: it rolls through with a dark bar, and leans."""
    height, width = image.shape[:2]
    bar = max(1, height // 14)
    pace = hit.lasting.uniform(0.6, 2.2) * hit.lasting.choice((-1, 1))
    rolled = (np.arange(height) + round(pace * hit.moment * (0.3 + hit.strength) * height)) % (height + bar)
    dark = rolled >= height
    made = image[np.where(dark, 0, rolled)]
    made[dark, :, :3] = 0
    down = np.linspace(-0.5, 0.5, height)
    lean = hit.lasting.normal(0, 0.5) * down + 0.06 * np.sin(9 * down + 20 * hit.moment)
    return _slid(made, hit.strength * width * lean)


def tape(image: Image, hit: Hit) -> Image:
    """Play it from a worn video cassette: smeared colours, and noise where the head loses its track."""
    height, width = image.shape[:2]
    rng = hit.passing
    made = _smeared(image, hit)
    rows = np.arange(height) / height
    middle = (hit.lasting.random() + 0.7 * hit.moment) % 1
    lost = np.exp(-(((rows - middle) / (0.02 + 0.08 * hit.strength)) ** 2))
    # Where one head takes over from the other, at the bottom, lines always begin too late.
    late = 0.06 * np.clip((rows - 0.965) / 0.035, 0, 1) + 0.05 * lost * rng.normal(0.5, 0.6, height)
    made = _slid(made, hit.strength * width * late)
    grains = rng.random((height, -(-width // 8)), np.float32)
    grains = cv.resize(grains, (width, height), interpolation=cv2.INTER_LINEAR)
    dashes = np.clip((grains - 1 + 0.45 * hit.strength * lost[:, None]) * 12, 0, 0.9)
    hurt = lost > 0.05
    snow = _unit(made[hurt, :, :3]) + dashes[hurt, :, None]
    made[hurt, :, :3] = _codes(snow, image)
    return made


def _smeared(image: Image, hit: Hit) -> Image:
    """Blur along the lines, colour far more than light, and let colour lag behind."""
    width = image.shape[1]
    tones = cv.cvtColor(np.ascontiguousarray(image[..., :3]), cv2.COLOR_RGB2YCrCb)
    far = max(1, round(width * 0.022 * hit.strength))
    colour = cv.blur(np.roll(tones[..., 1:], far // 2, axis=1), (2 * far + 1, 1))
    light = cv.blur(np.ascontiguousarray(tones[..., 0]), (2 * (far // 8) + 1, 1))
    made = image.copy()
    made[..., :3] = cv.cvtColor(cv.merge([light, *cv.split(colour)]), cv2.COLOR_YCrCb2RGB)
    return made


def _slid(image: Image, shifts: NDArray[Any]) -> Image:
    """Move every line to the right by its own number of pixels, round the edge."""
    height, width = image.shape[:2]
    places = (np.arange(width) - np.rint(shifts).astype(np.intp)[:, None]) % width
    places += np.arange(height)[:, None] * width
    return cast(Image, image.reshape(height * width, -1).take(places.ravel(), axis=0).reshape(image.shape))


def _bands(height: int, rng: Generator, count: int, share: float) -> list[tuple[int, int]]:
    """Choose some stretches of lines, each at most `share` of the height."""
    tops = rng.integers(0, height, count)
    highs = np.maximum(1, rng.uniform(0.1, 1, count) * share * height).astype(int)
    return [(int(top), int(min(height, top + high))) for top, high in zip(tops, highs, strict=True)]


def _unit(image: Image) -> Float:
    return np.multiply(image, np.float32(1 / white_of(image)), dtype=np.float32)


def _codes(values: Float, like: Image) -> Image:
    white = white_of(like)
    return np.clip(np.rint(values * white), 0, white).astype(like.dtype)


DAMAGES: Final[dict[Damage, Callable[[Image, Hit], Image]]] = {
    "blocks": blocks,
    "channels": channels,
    "tear": tear,
    "crush": crush,
    "dct": dct,
    "sync": sync,
    "tape": tape,
}

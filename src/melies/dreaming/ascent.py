"""Making a picture more of what a guide wants, step by step, on what it already shows.

Mordvintsev, Olah and Tyka, "Inceptionism" (2015), with its octaves and shifts; Olah, Mordvintsev and Schubert,
"Feature Visualization" (Distill 2017), for the spaces in which a step is the steepest.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.dreaming.camera import Picture
from melies.dreaming.gradient import MULTIPLE
from melies.matting.scale import cv

Space = Literal["pixels", "fft"]
"""What a step changes: single pixels, or waves of all lengths and colours as photographs have them."""

Guide = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Returns the way in which a picture becomes more of what is wanted; both `1×3×H×W`, the network's code values."""

_SHIFT = 16
"""Pixels by which the picture is moved at most before a step, so that the network's grid leaves no trace."""
_OCTAVE = 1.5
"""How much larger each octave is than the one before."""
_LONGEST = 4
"""How many times as long as `side` the longer side is at most."""
_COLOURS = np.array([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]], np.float32)
"""How the colours of photographs vary together: a root of their covariance in ImageNet, as Lucid gives it."""


class Effort(NamedTuple):
    """How hard is dreamt.

    Attributes:
        steps: In each octave.
        rate: How far one goes: the root mean square of a step, where black is 0 and white is 1.
        octaves: Sizes, the last of which is `side`.
        side: Pixels of the shorter side of what the network sees; what it changed is enlarged to the picture's size.
        space: What a step changes.
    """

    steps: int = 8
    rate: float = 0.02
    octaves: int = 2
    side: int = 192
    space: Space = "fft"


def ascend(picture: Picture, guide: Guide, effort: Effort, random: np.random.Generator) -> Picture:
    """Return the picture with more of what the guide wants.

    Args:
        picture: `H×W×3` float32, 0…1, any size.
        guide: What is wanted.
        effort: How hard; no steps change nothing.
        random: Where the shifts come from.
    """
    if effort.steps < 1:
        return picture
    height, width = picture.shape[:2]
    for octave in reversed(range(effort.octaves)):
        size = _size(width, height, effort.side / _OCTAVE**octave)
        seen = cv.resize(picture, size, interpolation=cv2.INTER_AREA)
        made = seen
        for _ in range(effort.steps):
            made = _step(made, guide, effort, random)
        change = cv.resize(made - seen, (width, height), interpolation=cv2.INTER_CUBIC)
        picture = np.asarray(np.clip(picture + change, 0, 1), np.float32)
    return picture


def _size(width: int, height: int, side: float) -> tuple[int, int]:
    scale = min(side / min(width, height), _LONGEST * side / max(width, height))
    wide, high = (max(2 * MULTIPLE, round(length * scale / MULTIPLE) * MULTIPLE) for length in (width, height))
    return wide, high


def _step(picture: Picture, guide: Guide, effort: Effort, random: np.random.Generator) -> Picture:
    shift = tuple(int(number) for number in random.integers(-_SHIFT, _SHIFT + 1, 2))
    codes = (np.roll(picture, shift, (0, 1)) * np.float32(255) - 127) / np.float32(128)
    found = guide(np.ascontiguousarray(codes.transpose(2, 0, 1)[None]))[0].transpose(1, 2, 0)
    step = np.roll(found, (-shift[0], -shift[1]), (0, 1))
    if effort.space == "fft":
        step = _in_waves(step)
    size = float(np.sqrt(np.square(step).mean()))
    if not size:
        return picture
    return np.asarray(np.clip(picture + step * np.float32(effort.rate / size), 0, 1), np.float32)


def _in_waves(step: Picture) -> Picture:
    """Turn the steepest way among pixels into the one among waves whose strength falls with their number."""
    height, width = step.shape[:2]
    waves = np.fft.rfft2(step, axes=(0, 1)) * _falling(height, width)
    smooth = np.fft.irfft2(waves, (height, width), axes=(0, 1)).astype(np.float32)
    return np.asarray(smooth @ (_COLOURS @ _COLOURS.T), np.float32)


@lru_cache(maxsize=8)
def _falling(height: int, width: int) -> NDArray[np.float32]:
    down, right = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    lengths = np.hypot(down, right)
    return np.asarray((1 / np.maximum(lengths, 4 / max(height, width)))[..., None], np.float32)

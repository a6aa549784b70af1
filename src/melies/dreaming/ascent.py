"""Making a picture more of what a guide wants, step by step, on what it already shows.

Mordvintsev, Olah and Tyka, "Inceptionism" (2015), with its octaves; Olah, Mordvintsev and Schubert, "Feature
Visualization" (Distill 2017), for the spaces in which a step is the steepest.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Literal, NamedTuple, Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.dreaming.camera import Picture
from melies.dreaming.gradient import MULTIPLE
from melies.matting.scale import cv

Space = Literal["pixels", "fft", "cppn", "vqgan"]
"""What stands for a picture: single pixels, waves of all lengths in colours as photographs have them, a network that
says the colour of every place, or the codes of a VQGAN."""

Guide = Callable[[Picture, np.random.Generator], Picture]
"""Returns the way in which a picture becomes more of what is wanted, as long as it likes; both `H×W×3` float32."""

_OCTAVE = 1.5
"""How much larger each octave is than the one before."""
_LONGEST = 4
"""How many times as long as `side` the longer side is at most."""
_COLOURS = np.array([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]], np.float32)
"""How the colours of photographs vary together: a root of their covariance in ImageNet, as Lucid gives it."""


class Medium(Protocol):
    """What stands for a picture and is changed in its stead."""

    @property
    def picture(self) -> Picture:
        """What it shows now: `H×W×3` float32, 0…1; the sides are multiples of 32."""

    def step(self, way: Picture, rate: float) -> None:
        """Change it so that the picture goes that way.

        Args:
            way: `H×W×3`, of any length.
            rate: How far, about: the root mean square of the change, where black is 0 and white is 1.
        """


Some = TypeVar("Some", bound=Medium)


class Pixels:
    """Every pixel by itself.

    Args:
        picture: What it shows at first.
    """

    def __init__(self, picture: Picture) -> None:
        self.picture = picture

    def step(self, way: Picture, rate: float) -> None:
        """Change every pixel."""
        size = float(np.sqrt(np.square(way).mean()))
        if size:
            self.picture = np.asarray(np.clip(self.picture + way * np.float32(rate / size), 0, 1), np.float32)


class Waves(Pixels):
    """Waves of all lengths, whose strength falls with their number, in colours as photographs have them."""

    def step(self, way: Picture, rate: float) -> None:
        """Change every wave: the steepest way among pixels is turned into the one among them."""
        height, width = way.shape[:2]
        waves = np.fft.rfft2(way, axes=(0, 1)) * _falling(height, width)
        smooth = np.fft.irfft2(waves, (height, width), axes=(0, 1)).astype(np.float32)
        super().step(np.asarray(smooth @ (_COLOURS @ _COLOURS.T), np.float32), rate)


class Effort(NamedTuple):
    """How hard is dreamt.

    Attributes:
        steps: In each octave.
        rate: How far one goes: the root mean square of a step, where black is 0 and white is 1.
        octaves: Sizes, the last of which is `side`.
        side: Pixels of the shorter side of what the guide sees.
    """

    steps: int = 8
    rate: float = 0.02
    octaves: int = 2
    side: int = 192

    def sizes(self, width: int, height: int) -> list[tuple[int, int]]:
        """Return the sizes at which a picture is dreamt, the smallest first: widths and heights, multiples of 32."""
        return [_size(width, height, self.side / _OCTAVE**octave) for octave in reversed(range(self.octaves))]


def ascend(
    picture: Picture,
    guide: Guide,
    effort: Effort,
    random: np.random.Generator,
    medium: Callable[[Picture], Medium] = Waves,
) -> Picture:
    """Return the picture with more of what the guide wants; what was changed is enlarged to its size.

    Args:
        picture: `H×W×3` float32, 0…1, any size.
        guide: What is wanted.
        effort: How hard; no steps change nothing.
        random: What the guide takes by chance.
        medium: What is made of a picture to be changed in its stead.
    """
    if effort.steps < 1:
        return picture
    height, width = picture.shape[:2]
    for size in effort.sizes(width, height):
        seen = cv.resize(picture, size, interpolation=cv2.INTER_AREA)
        made = climb(medium(seen), guide, effort, random).picture
        change = cv.resize(made - seen, (width, height), interpolation=cv2.INTER_CUBIC)
        picture = np.asarray(np.clip(picture + change, 0, 1), np.float32)
    return picture


def climb(medium: Some, guide: Guide, effort: Effort, random: np.random.Generator) -> Some:
    """Take the steps of one octave, and return the medium."""
    for _ in range(effort.steps):
        medium.step(guide(medium.picture, random), effort.rate)
    return medium


class Momentum(NamedTuple):
    """What Adam remembers: the means of gradients and of their squares, and how many steps were taken."""

    mean: NDArray[np.float32]
    square: NDArray[np.float32]
    taken: int = 0

    @classmethod
    def none(cls, shape: tuple[int, ...]) -> Momentum:
        """Nothing yet."""
        return cls(np.zeros(shape, np.float32), np.zeros(shape, np.float32))

    def step(self, gradient: NDArray[np.float32]) -> tuple[NDArray[np.float32], Momentum]:
        """Return a step upwards, each number about 1, and what is remembered then.

        Kingma and Ba, "Adam" (ICLR 2015).
        """
        taken = self.taken + 1
        mean = self.mean + np.float32(0.1) * (gradient - self.mean)
        square = self.square + np.float32(0.01) * (gradient * gradient - self.square)
        size = np.sqrt(square / np.float32(1 - 0.99**taken))
        way = mean / np.float32(1 - 0.9**taken) / np.maximum(size, np.finfo(np.float32).tiny)
        return np.asarray(way, np.float32), Momentum(mean, square, taken)


def _size(width: int, height: int, side: float) -> tuple[int, int]:
    scale = min(side / min(width, height), _LONGEST * side / max(width, height))
    wide, high = (max(2 * MULTIPLE, round(length * scale / MULTIPLE) * MULTIPLE) for length in (width, height))
    return wide, high


@lru_cache(maxsize=8)
def _falling(height: int, width: int) -> NDArray[np.float32]:
    down, right = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    lengths = np.hypot(down, right)
    return np.asarray((1 / np.maximum(lengths, 4 / max(height, width)))[..., None], np.float32)

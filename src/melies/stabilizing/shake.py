"""A hand that shakes, for tests, benchmarks and examples: films whose true camera path is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Frame, Image, VideoSpec

_FINE = 16
"""Places on the path for each frame."""


class Shake:
    """A random but repeatable path: a slow sway and, half as large, a quick tremble.

    Args:
        frames: How long.
        size: Pixels it sways, roughly.
        turn: Radians it turns, roughly.
        seed: Another one shakes otherwise.
    """

    def __init__(self, frames: int, size: float, turn: float = 0.012, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        count = (frames + 4) * _FINE
        self._path = np.array([scale * _sway(rng, count) for scale in (size, size, turn)])

    def at(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return x, y and turn at some times, counted in frames, `3×N`."""
        where = (np.asarray(times, np.float64) + 2) * _FINE
        return np.array([np.interp(where, np.arange(len(line)), line) for line in self._path])


def _sway(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    total = np.zeros(count)
    for share, width in ((1.0, 3 * _FINE), (0.5, _FINE)):
        reach = 4 * width
        bell = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / width))
        noise = rng.standard_normal(count + 2 * reach)
        total += share * np.convolve(noise, bell / np.sqrt(np.square(bell).sum()), "valid")
    return total


def shoot(scene: Image, size: tuple[int, int], shake: Shake, time: float, readout: float = 0.0) -> Image:
    """Take a picture of the middle of a larger one.

    Args:
        scene: The larger picture.
        size: Width and height of the result.
        shake: How the camera is held.
        time: When, in frames: the moment of the middle row.
        readout: Share of a frame's time between the first row and the last.
    """
    width, height = size
    x, y = np.meshgrid(np.arange(width) - (width - 1) / 2, np.arange(height) - (height - 1) / 2)
    right, down, turn = shake.at(time + readout * ((np.arange(height) + 0.5) / height - 0.5))[:, :, None]
    x, y = x - right, y - down
    across = np.cos(turn) * x + np.sin(turn) * y + (scene.shape[1] - 1) / 2
    along = np.cos(turn) * y - np.sin(turn) * x + (scene.shape[0] - 1) / 2
    maps = across.astype(np.float32), along.astype(np.float32)
    return cast(Image, cv2.remap(scene, *maps, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT))


class Handheld:
    """A source of frames, for `melies.Clip`: a film as a shaking hand would have taken it.

    Args:
        scene: Gives the larger picture of a moment, by its number.
        frames: How many moments.
        size: Width and height of the film.
        shake: How the camera is held.
        readout: Of the sensor; see `shoot`.
    """

    def __init__(
        self,
        scene: Callable[[int], Image],
        frames: int,
        size: tuple[int, int],
        shake: Shake,
        readout: float = 0.0,
    ) -> None:
        self._scene = scene
        self._size = size
        self._shake = shake
        self._readout = readout
        self.spec = VideoSpec(*size, Fraction(30), Fraction(1, 30), frames=frames)

    def frames(self, since: Fraction = Fraction(0), lead_in: int = 0) -> Iterator[Frame]:
        """Yield frames from `since` on, in seconds, and up to `lead_in` before it."""
        assert self.spec.frames is not None
        for index in range(max(0, int(since * 30) - lead_in), self.spec.frames):
            image = shoot(self._scene(index), self._size, self._shake, index, self._readout)
            yield Frame(image, index, Fraction(1, 30), 1)


def jitter(offsets: Any) -> float:
    """Return how much places jump: the root mean square of their second differences over time.

    Args:
        offsets: Frames first, then anything: where some points of a steady scene are seen in each frame.
    """
    return float(np.sqrt(np.square(np.diff(np.asarray(offsets, np.float64), 2, axis=0)).mean()))

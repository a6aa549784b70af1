"""Films longer than what a model makes at once: windows that overlap, and noise that belongs to a moment."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import NamedTuple, TypeVar

import numpy as np

from melies.dreaming.camera import Picture
from melies.walking.paths import Vector, Way

T = TypeVar("T")


class Windows(NamedTuple):
    """How a film is cut into windows: the one with number k begins at frame `k * stride`.

    Attributes:
        length: Frames that are made at once.
        stride: Frames from the beginning of one to that of the next; at least half the length.
    """

    length: int = 1
    stride: int = 1

    @classmethod
    def of(cls, length: int, overlap: int, every: int) -> Windows:
        """Return windows whose beginnings are multiples of `every`, and which share at least `overlap` frames.

        That is at most half of them, so that no frame is in three.
        """
        least = every + 1 if every > 1 else 1
        length = (max(length, least) - 1) // every * every + 1
        half = -(-length // (2 * every)) * every
        return cls(length, max((length - overlap) // every * every, half))

    def start(self, frame: int) -> int:
        """Return the beginning of the first window that a frame is in."""
        return max(0, -(-(frame - self.length + 1) // self.stride)) * self.stride


def overlapped(
    items: Iterator[T], windows: Windows, make: Callable[[Sequence[T]], list[Picture]]
) -> Iterator[tuple[T, Picture]]:
    """Make pictures window by window; where two windows have made the same frame, one goes over into the other.

    Args:
        items: What the pictures are made of, one for each frame, from the beginning of a window on. So many are held as
            a window is long.
        windows: How long they are.
        make: Makes the pictures of a window, of fewer items at the end.

    Yields:
        Every item, and the picture that was made of it.
    """
    past: list[Picture] = []
    coming = list(islice(items, windows.length))
    while len(coming) > len(past):
        made = make(coming)
        for number, (item, picture) in enumerate(zip(coming[: windows.stride], made, strict=False)):
            if number < len(past):
                share = np.float32((number + 1) / (len(past) + 1))
                picture = past[number] + share * (picture - past[number])
            yield item, picture
        past = made[windows.stride : len(coming)]
        coming = coming[windows.stride :]
        coming += islice(items, windows.length - len(coming))
    yield from zip(coming, past, strict=True)


def noise(seed: int, place: float, count: int | None, shape: tuple[int, ...]) -> np.ndarray:
    """Return the noise at a place on a way from one noise to the next, along arcs, so that it stays as strong.

    Args:
        seed: Which way.
        place: Where on it; at whole numbers one is at a noise of its own.
        count: After so many one is back at the first; None if there is always another.
        shape: Of what is returned.

    Returns:
        float32; its numbers are normally distributed.
    """
    return np.asarray(_way(seed, count, math.prod(shape)).at(place), np.float32).reshape(shape)


@lru_cache(maxsize=4)
def _way(seed: int, count: int | None, size: int) -> Way:
    @lru_cache(maxsize=8)
    def stop(index: int) -> Vector:
        return np.random.default_rng([seed, abs(index), index < 0, 11]).standard_normal(size)

    return Way(stop, "slerp", count, closed=count is not None, even=False)

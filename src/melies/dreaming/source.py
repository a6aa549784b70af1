"""The picture or film that a dream begins with."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from melies.dreaming.camera import Picture
from melies.engine.pipeline import close
from melies.errors import UseError
from melies.frame import Frame, Image
from melies.imaging import to_depth
from melies.matting.scale import cv
from melies.motion import Flow, grey, trusted, warp


@contextlib.contextmanager
def opened(path: Path | None, size: tuple[int, int], rate: Fraction) -> Iterator[Source | None]:
    """Open what a dream begins with, if it begins with anything, and close it in the end.

    Args:
        path: A picture or a film; None for nothing.
        size: Of the dream's pictures.
        rate: The dream's frames a second.
    """
    if path is None:
        yield None
        return
    with contextlib.closing(Source(path, size, rate)) as source:
        yield source


class Beginning(NamedTuple):
    """What a file is.

    Attributes:
        seconds: How long; None if it is a picture, or its length is not known.
        moves: Whether it is a film.
    """

    seconds: Fraction | None
    moves: bool


@lru_cache(maxsize=8)
def begins(path: Path) -> Beginning:
    """Say what a file is.

    Raises:
        MeliesError: It cannot be opened.
    """
    import melies

    spec = melies.open(path).spec
    if spec.frames == 1:
        return Beginning(None, False)
    return Beginning(None if spec.frames is None else spec.frames / spec.rate, True)


class Source:
    """A picture or film, at a size and rate; asked for one frame after another.

    Args:
        path: The file.
        size: Width and height; what does not fit is cut off evenly.
        rate: Frames a second of the dream.

    Raises:
        MeliesError: It cannot be opened.
    """

    def __init__(self, path: Path, size: tuple[int, int], rate: Fraction) -> None:
        import melies

        self.moves = begins(path).moves
        self._path, self._size, self._rate = path, size, rate
        self._coming: Iterator[Frame] = iter(melies.open(path).frames())
        self._next = next(self._coming, None)
        self._index = -1
        self._now: Image | None = None
        self._before: Image | None = None

    def picture(self, index: int) -> Picture:
        """Return the picture of a frame of the dream, or after the end the last: float32 RGB, 0…1.

        Frames must be asked for in order; the last one may be asked for again.
        """
        return self._frame(index).astype(np.float32) / np.float32(255)

    def carried(self, dream: Picture, index: int, keep: float) -> Picture:
        """Carry a dream along to the film's next frame; what comes into sight there is the film's own.

        Args:
            dream: Of the frame before.
            index: The frame.
            keep: How much of the dream stays where it can be carried.
        """
        picture = self.picture(index)
        if self._before is None or self._before is self._now:
            return picture + np.float32(keep) * (dream - picture)
        now, before = grey(self._frame(index)), grey(self._before)
        back, forth = Flow("fast", 640)(now, before), Flow("fast", 640)(before, now)
        share = trusted(back, forth).astype(np.float32)
        cv.GaussianBlur(share, (0, 0), 1.5, share)
        return np.asarray(picture + share[..., None] * np.float32(keep) * (warp(dream, back, cubic=True) - picture))

    def close(self) -> None:
        """Stop decoding."""
        close(self._coming)

    def _frame(self, index: int) -> Image:
        if index != self._index:
            self._before, self._index = self._now, index
            time = index / self._rate
            newest: Frame | None = None
            while self._next is not None and (
                (self._now is None and newest is None) or self._next.pts * self._next.time_base <= time
            ):
                newest, self._next = self._next, next(self._coming, None)
            if newest is not None:
                self._now = self._fitted(newest.image)
        if self._now is None:
            raise UseError(f"{self._path} holds no picture.")
        return self._now

    def _fitted(self, image: Image) -> Image:
        width, height = self._size
        image = to_depth(np.ascontiguousarray(image[..., :3]), np.dtype(np.uint8))
        rows, columns = image.shape[:2]
        scale = min(columns / width, rows / height)
        wide, high = max(1, round(width * scale)), max(1, round(height * scale))
        top, left = (rows - high) // 2, (columns - wide) // 2
        cut = np.ascontiguousarray(image[top : top + high, left : left + wide])
        how = cv2.INTER_AREA if scale >= 1 else cv2.INTER_CUBIC
        return np.asarray(cv.resize(cut, (width, height), interpolation=how), np.uint8)

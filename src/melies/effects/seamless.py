"""Cut out the stretch of a film that repeats best."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from melies.effect import Effect, Scope
from melies.effects._shelf import Shelf
from melies.effects.concat import _dissolved
from melies.engine.shots import thumbnail
from melies.frame import Frame, VideoSpec
from melies.imaging import white_of

log = logging.getLogger("melies")

cv: Any = cv2

_SIDE = 20
"""Sides of the pictures that all frames are compared by."""

_FINE = 160
"""Width of the pictures that the best pairs are compared by once more."""

_TRIED = 24

_BELL = np.array([1, 4, 6, 4, 1]) / 16
"""How much the frames around a pair count, so that the motion goes on as well (Schödl et al. 2000)."""


class Seamless(Effect):
    """Find the two frames between which a film repeats best, and keep what lies between: it plays on without a jump."""

    scope: ClassVar[Scope] = "video"
    retimes: ClassVar[bool] = True

    shortest: float = Field(1.0, ge=0.1, le=60, description="Seconds that the loop lasts at least.")
    longest: float = Field(6.0, ge=0.1, le=60, description="Seconds that the loop lasts at most.")
    crossfade: float = Field(
        0.0,
        ge=0,
        le=10,
        description="Seconds at the end in which it dissolves into what came before its beginning, for films that "
        "never repeat quite; 0 for a plain cut.",
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.longest < self.shortest:
            raise ValueError(f"--longest {self.longest:g} should not be less than --shortest {self.shortest:g}")
        return self

    def output(self, spec: VideoSpec) -> VideoSpec:
        """How many frames will be left, nobody knows yet."""
        return spec.replace(frames=None)

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Put all frames aside, choose, and give the chosen ones back from time 0."""
        with Shelf() as shelf:
            film = _Film()
            for frame in frames:
                film.add(frame)
                shelf.put(frame)
            yield from self._chosen(shelf, film)

    def _chosen(self, shelf: Shelf, film: _Film) -> Iterator[Frame]:
        found = film.pairs(self.shortest, self.longest, self.crossfade)
        if found:
            pair = min(found, key=lambda pair: _unlike(shelf, pair))
            log.info("The loop goes from %.2f s to %.2f s.", film.times[pair.first], film.times[pair.last])
        else:
            log.warning("The film is kept whole: nothing in it lasts long enough and moves enough to be a loop.")
            pair = _Pair(0, len(shelf), 0)
        begin = shelf[pair.first].pts if len(shelf) else 0
        for index in range(pair.first, pair.last):
            frame = shelf[index]
            late = index - (pair.last - pair.fading) + 1
            if late > 0:
                frame = _dissolved(frame, shelf[pair.first - pair.fading + late - 1], late / (pair.fading + 1))
            yield frame.at(frame.pts - begin, frame.duration, cut=frame.cut or index == pair.first)


@dataclass(frozen=True)
class _Pair:
    """Frames between which a film may be repeated: from `first` on, and `last` is where `first` comes again."""

    first: int
    last: int
    fading: int


class _Film:
    """All frames, very small."""

    def __init__(self) -> None:
        self._small: list[NDArray[np.uint8]] = []
        self._begins: list[Fraction] = []
        self._end = Fraction(0)

    def add(self, frame: Frame) -> None:
        """Take the next frame."""
        small = cv.resize(thumbnail(frame), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
        self._small.append(small.reshape(-1))
        self._begins.append(frame.pts * frame.time_base)
        self._end = (frame.pts + frame.duration) * frame.time_base

    @property
    def times(self) -> NDArray[np.float64]:
        """When each frame appears, in seconds, and when the last one ends."""
        return np.array([float(begin) for begin in (*self._begins, self._end)])

    def pairs(self, shortest: float, longest: float, crossfade: float) -> list[_Pair]:
        """Return pairs worth a closer look, best first, no two of them close together."""
        count, times = len(self._small), self.times
        if count < 3:
            return []
        pictures = np.array(self._small)
        steps = _distance(pictures[1:], pictures[:-1])
        moved = np.concatenate([[0], np.cumsum(steps)])
        lively = float(np.median(steps))
        jumps = np.concatenate([[0], np.cumsum(steps > 8 * lively + 10)])
        best: list[tuple[float, int, int]] = []
        for lag in range(2, count):
            first = np.arange(count - lag)
            length = times[first + lag] - times[first]
            if length.min() > longest + 1e-6:
                break
            alike = np.convolve(np.pad(_distance(pictures[lag:], pictures[:-lag]), 2, mode="edge"), _BELL, "valid")
            good = (length >= shortest - 1e-6) & (length <= longest + 1e-6) & (times[first] >= crossfade - 1e-6)
            # Neither a stretch in which nothing happens nor one with a cut inside makes a loop.
            good &= (moved[first + lag] - moved[first] >= 0.5 * lively * lag) & (moved[first + lag] > moved[first])
            good &= jumps[first + lag] == jumps[first]
            if good.any():
                order = first[good][np.argsort(alike[good], kind="stable")[:_TRIED]]
                best += [(float(alike[index]), int(index), int(index) + lag) for index in order]
        return [_Pair(first, last, min(first, self._fading(last, crossfade))) for first, last in _apart(sorted(best))]

    def _fading(self, last: int, crossfade: float) -> int:
        """How many frames before `last` begin within the crossfade."""
        if crossfade == 0:
            return 0
        return last - int(np.searchsorted(self.times[:last], self.times[last] - crossfade - 1e-6))


def _apart(best: list[tuple[float, int, int]]) -> list[tuple[int, int]]:
    """The first pairs of a sorted list, without those next to better ones."""
    kept: list[tuple[int, int]] = []
    for _, first, last in best:
        if all(abs(first - a) + abs(last - b) > 2 for a, b in kept):
            kept.append((first, last))
        if len(kept) == _TRIED:
            break
    return kept


def _distance(some: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Root mean square differences of pictures, one for each row, in code values."""
    found = np.empty(len(some))
    for begin in range(0, len(some), 4096):  # few at a time, so that long films take no more room
        part = slice(begin, begin + 4096)
        found[part] = np.square(np.subtract(some[part], others[part], dtype=np.float32)).mean(-1)
    return np.asarray(np.sqrt(found))


def _unlike(shelf: Shelf, pair: _Pair) -> float:
    """How much the frames around the place of repetition differ, in finer pictures."""
    total, share = 0.0, 0.0
    for offset, weight in zip((-1, 0, 1), (1, 2, 1), strict=True):
        if pair.first + offset >= 0 and pair.last + offset < len(shelf):
            a, b = (_fine(shelf[index + offset]) for index in (pair.first, pair.last))
            total, share = total + weight * float(np.square(a - b).mean()), share + weight
    return total / share


def _fine(frame: Frame) -> NDArray[np.float32]:
    image = frame.image[..., :3]
    height = max(1, round(image.shape[0] * _FINE / image.shape[1]))
    small = cv.resize(np.ascontiguousarray(image), (_FINE, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small * np.float32(255 / white_of(image)), np.float32)

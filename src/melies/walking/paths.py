"""Paths through a latent space: where one is on them is a pure function of the time.

A way is measured in stops: at 0 one is at the first of the vectors that it leads along, at 1 at the second. Spherical
interpolation: Shoemake, "Animating Rotation with Quaternion Curves" (SIGGRAPH 1985); splines: Catmull and Rom, "A Class
of Local Interpolating Splines" (1974), whose four neighbours let a way go on for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Stops = Callable[[int], Vector]
"""Returns the vector of each stop, whatever its number."""
Kind = Literal["slerp", "spline", "line", "drift"]

_FINE = 64
"""Places between two stops at which the length of a way is measured."""
_REACH = 4
"""Stops on each side that a drift is averaged over."""
_WIDTH = 0.75
"""Standard deviation of that average, in stops."""
_STRAIGHT = 1e-6
"""Sine of the angle between two vectors below which the arc between them is a line."""


def between(a: Vector, b: Vector, share: float) -> Vector:
    """Go from one vector to another, 0…1, along the arc between their directions; their lengths change evenly."""
    sizes = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    if min(sizes) == 0:
        return a + (b - a) * share
    one, other = a / sizes[0], b / sizes[1]
    angle = float(np.arccos(np.clip(one @ other, -1, 1)))
    if np.sin(angle) < _STRAIGHT:  # the same direction, or opposite ones, between which no arc is nearer
        return a + (b - a) * share
    way = np.sin((1 - share) * angle) * one + np.sin(share * angle) * other
    return np.asarray(way / np.sin(angle) * (sizes[0] + (sizes[1] - sizes[0]) * share))


def spline(stops: Stops, place: float) -> Vector:
    """Go through all stops without a corner: Catmull and Rom's spline."""
    index = int(np.floor(place))
    t = place - index
    before, here, there, after = (stops(index + step) for step in (-1, 0, 1, 2))
    return np.asarray(
        here
        + 0.5 * t * (there - before)
        + t * t * (before - 2.5 * here + 2 * there - 0.5 * after)
        + t**3 * (0.5 * (after - before) + 1.5 * (here - there))
    )


def drift(stops: Stops, place: float) -> Vector:
    """Wander: the average of the stops around, weighted by a Gaussian, which varies as much as the stops do."""
    index = round(place)
    near = np.arange(index - _REACH, index + _REACH + 1)
    weights = np.exp(-0.5 * ((near - place) / _WIDTH) ** 2)
    weights /= np.linalg.norm(weights)
    return np.asarray(sum(weight * stops(int(stop)) for weight, stop in zip(weights, near, strict=True)))


def arc(stops: Stops, place: float) -> Vector:
    """Go from stop to stop along arcs."""
    index = int(np.floor(place))
    return between(stops(index), stops(index + 1), place - index)


def line(stops: Stops, place: float) -> Vector:
    """Go from stop to stop straight on."""
    index = int(np.floor(place))
    here, there = stops(index), stops(index + 1)
    return np.asarray(here + (there - here) * (place - index))


_KINDS: dict[Kind, Callable[[Stops, float], Vector]] = {"slerp": arc, "spline": spline, "line": line, "drift": drift}


class Way:
    """A way along vectors.

    Args:
        stops: The vectors.
        kind: How it leads from one to the next.
        length: Number of stretches between stops that it has; None if it never ends.
        closed: Whether it comes back to its beginning after that: the place `length` is then the place 0.
        even: Whether one goes along it at the same speed everywhere; else every stretch takes as long as any other.
            A way without end always takes as long for each.
    """

    def __init__(
        self, stops: Stops, kind: Kind, length: int | None, *, closed: bool = False, even: bool = True
    ) -> None:
        self._stops = self._bounded(stops, length, closed) if length is not None else stops
        self._kind = _KINDS[kind]
        self._length = length
        self._closed = closed
        self._miles = self._measured() if even and length else None

    def at(self, place: float) -> Vector:
        """Return where one is at a place, 0…length; a closed way goes on after that, another one stays at its end."""
        if self._length is not None:
            place = place % self._length if self._closed else min(max(0.0, place), float(self._length))
        if self._miles is not None and self._length:
            marks = np.arange(len(self._miles)) / _FINE
            place = float(np.interp(place / self._length * self._miles[-1], self._miles, marks))
        return self._kind(self._stops, place)

    def _bounded(self, stops: Stops, length: int, closed: bool) -> Stops:
        """Let the stops before the first and after the last be the last and the first, or those at the ends again."""
        if closed:
            return lambda index: stops(index % length)
        return lambda index: stops(min(max(0, index), length))

    def _measured(self) -> Vector:
        """The length of the way up to each of many places on it; None of it is 0, so that it can be turned round."""
        assert self._length is not None
        places = [self._kind(self._stops, index / _FINE) for index in range(self._length * _FINE + 1)]
        steps = np.linalg.norm(np.diff(places, axis=0), axis=1)
        return np.concatenate([[0.0], np.cumsum(steps + 1e-12)])


class Pace:
    """How far one is after so many frames, when one goes faster and slower.

    Args:
        speed: Returns the speeds, 1 being the usual one, at the frames of these numbers.
        rate: Frames a second.
    """

    _BLOCK = 1024
    _LEAST = 0.2
    """Share of all steps that must lead on, or one goes to and fro."""

    def __init__(self, speed: Callable[[Vector], Vector], rate: float) -> None:
        self._speed = speed
        self._rate = rate
        self._before = [np.zeros(2)]
        self._block = lru_cache(maxsize=4)(self._summed)

    def after(self, frames: int) -> float:
        """Return the way behind one, in seconds at the usual speed."""
        return float(self._walked(frames)[0])

    def place(self, frames: int, end: int, length: float, usual: float, closed: bool) -> float:
        """Return where one is on a way that has been gone once after `end` frames.

        A speed that leads as far back as on leads nowhere, however much faster one goes: then one goes to and fro at
        the speed as it is.

        Args:
            frames: Frames that have passed.
            end: Frames after which one is at the end.
            length: Of the way, in stops.
            usual: Seconds from stop to stop at the usual speed.
            closed: Whether one is at `end` where one was at the beginning.
        """
        on, steps = self._walked(end)
        if abs(on) > self._LEAST * steps:
            return float(self.after(frames) / on * length)
        return float(self.after(frames) - (on * frames / end if closed else 0.0)) / usual

    def _walked(self, frames: int) -> Vector:
        """How far one has come, and how far that is when steps back are not taken off."""
        block, within = divmod(frames, self._BLOCK)
        while len(self._before) <= block:
            self._before.append(self._before[-1] + self._block(len(self._before) - 1)[-1])
        return np.asarray(self._before[block] + self._block(block)[within])

    def _summed(self, block: int) -> Vector:
        frames = np.arange(block * self._BLOCK, (block + 1) * self._BLOCK, dtype=np.float64)
        speeds = np.broadcast_to(self._speed(frames), frames.shape)
        steps = np.stack([speeds, np.abs(speeds)], 1) / self._rate
        return np.concatenate([np.zeros((1, 2)), np.cumsum(steps, 0)])

"""The way a camera went through a shot, and the smoother one it should have gone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from melies.stabilizing.track import Matrix, Step

Motion = Literal["translation", "similarity", "homography"]
Numbers = NDArray[np.float64]
"""What a matrix is averaged by: shift; or shift, turn and logarithm of the scale; or eight entries."""


def numbers(matrix: Matrix, motion: Motion) -> Numbers:
    """Write a motion as numbers that may be averaged and scaled; all are 0 where nothing moves."""
    if motion == "translation":
        return matrix[:2, 2].copy()
    if motion == "similarity":
        (a, _, x), (b, _, y) = matrix[:2]
        return np.array([x, y, np.arctan2(b, a), np.log(np.hypot(a, b))])
    return np.asarray((matrix / matrix[2, 2] - np.eye(3)).reshape(-1)[:8])


def matrix_of(values: Numbers) -> Matrix:
    """Turn such numbers back into a motion."""
    matrix = np.eye(3)
    if len(values) == 8:
        return np.asarray(matrix + np.append(values, 0).reshape(3, 3))
    matrix[:2, 2] = values[:2]
    if len(values) == 4:
        turn, scale = values[2], np.exp(values[3])
        cosine, sine = scale * np.cos(turn), scale * np.sin(turn)
        matrix[:2, :2] = [[cosine, -sine], [sine, cosine]]
    return matrix


class Path:
    """The steps of a shot, with what the rolling shutter added to them taken out.

    Args:
        motion: What the camera is thought to do.
        height: Of the picture, in units.
        readout: Share of a frame's time that passes between its first and its last row; None to find out.
        window: Frames on either side that tell the readout.
    """

    def __init__(self, motion: Motion, height: float, readout: float | None, window: int) -> None:
        self.motion = motion
        self._height = height
        self._readout = readout
        self._window = window
        self._steps: dict[int, Step] = {}
        self._matrices: dict[int, Matrix] = {}
        self._count = 0

    def add(self, step: Step) -> None:
        """Take the motion to the next frame."""
        self._steps[self._count] = step
        self._count += 1

    def forget(self, index: int) -> None:
        """Let go of a step that is no longer needed."""
        self._matrices.pop(index, None)
        self._steps.pop(index, None)

    def around(self, index: int, reach: int) -> Iterator[tuple[int, Matrix]]:
        """Yield where points of a frame lie in the frames around it, by how many frames later those are."""
        yield 0, np.eye(3)
        for way in (1, -1):
            total = np.eye(3)
            for offset in range(1, reach + 1):
                number = index + offset - 1 if way > 0 else index - offset
                if number not in self._steps:
                    break
                step = self.step(number)
                total = (step if way > 0 else np.linalg.inv(step)) @ total
                yield way * offset, total

    def step(self, index: int) -> Matrix:
        """How the camera moved the picture from a frame to the next."""
        if index not in self._matrices:
            self._matrices[index] = self._matrix(index)
        return self._matrices[index]

    def raw(self, index: int) -> Matrix:
        """How the picture turned, grew and shifted from a frame to the next, as it was measured."""
        return self._steps[index].matrix(True, np.zeros(2), False)

    def bend(self, index: int, faster: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the rolling shutter adds to a motion between two frames of which one is `faster` than the other."""
        return np.asarray(self.readout(index) * faster / self._height)

    def _matrix(self, index: int) -> Matrix:
        bend = self.bend(index, self._acceleration(index, 1)[0])
        return self._steps[index].matrix(self.motion != "translation", bend, self.motion == "homography")

    def readout(self, index: int) -> float:
        """Share of a frame's time between its first row and its last around a step; negative from the bottom up.

        While the camera speeds up, later rows have moved further than earlier ones: the picture is sheared by a
        sideways acceleration, and stretched by one up or down. How much of either there is tells the readout.
        """
        if self._readout is not None:
            return self._readout
        first, last = max(0, index - self._window), min(self._count, index + self._window + 1)
        steps = [self._steps[number] for number in range(first, last)]
        bent = np.array([_bend(step.linear) for step in steps]) * self._height
        speeding = self._acceleration(first, last - first)
        known = np.array([step.found for step in steps])
        together = float((bent * speeding)[known].sum())
        power, total = float(np.square(speeding)[known].sum()), float(np.square(bent)[known].sum())
        if power * total == 0:
            return 0.0
        likeness = together / np.sqrt(power * total)
        trust = np.clip((abs(likeness) - 0.4) / 0.2, 0, 1)
        return float(np.clip(together / power, -1, 1) * trust)

    def _acceleration(self, first: int, count: int) -> NDArray[np.float64]:
        """Change of the camera's speed during each step, `count×2` units per frame²."""
        return np.asarray(np.diff(self.speed(first, count + 1), axis=0))

    def speed(self, first: int, count: int) -> NDArray[np.float64]:
        """The camera's speed at each frame, `count×2` units per frame, from its places two frames around."""
        last = self._count - 1
        numbers = [min(max(number, 0), last) for number in range(first - 2, first + count + 1)]
        shifts = np.array([self._steps[number].centre for number in numbers])
        places = np.concatenate([np.zeros((1, 2)), shifts.cumsum(0)])
        # The derivative of the polynomial through five places, by which `rows` goes from frame to frame.
        return np.asarray((places[:-4] - places[4:] + 8 * (places[3:-1] - places[1:-3])) / 12)


def _bend(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shear and upright stretch: what turning and scaling cannot do."""
    return np.array([linear[0, 1] + linear[1, 0], linear[1, 1] - linear[0, 0]])


def smooth(around: dict[int, Numbers], reach: int) -> Numbers:
    """Average where a frame lies in the frames around it (Matsushita et al. 2006), weighted by a bell of width `reach`.

    A steady pan is kept: at the ends of a shot, where there are frames on one side only, the line through them is
    followed.
    """
    offsets = np.array(list(around), float)
    weight = np.cos(np.pi / 2 * offsets / (reach + 1)) ** 4
    total, first, second = (float((weight * offsets**power).sum()) for power in range(3))
    spread = second * total - first**2
    if spread > 1e-9:
        weight = weight * (second - first * offsets) / spread
    return np.asarray(weight @ np.array(list(around.values())) / weight.sum())


def rows(around: dict[int, Numbers], moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate where a frame lies in the frames around it: a polynomial through the five nearest.

    Args:
        around: By frames later, -2 to 2; what is missing at the ends of a shot goes on steadily.
        moments: Frames later, such as -0.5 to 0.5 from the first row to the last.

    Returns:
        One row of numbers per moment.
    """
    known = {0: around[0]}
    for way in (1, -1):
        known[way] = around.get(way, -around[-way] if -way in around else around[0])
    for way in (2, -2):
        known[way] = around.get(way, 2 * known[way // 2])
    weights = np.ones((len(moments), 5))
    for column, here in enumerate(range(-2, 3)):
        for there in range(-2, 3):
            if there != here:
                weights[:, column] *= (moments - there) / (here - there)
    return np.asarray(weights @ np.array([known[offset] for offset in range(-2, 3)]))

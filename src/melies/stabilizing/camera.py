"""From where every frame of a shot is shown: how far it is moved, and how much is cut away so that no border shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from melies.motion import Grey
from melies.stabilizing.path import Motion, Numbers, Path, matrix_of, numbers, rows, smooth
from melies.stabilizing.track import Matrix, Ruler, Step, Tracker
from melies.stabilizing.view import Look, corners


@dataclass(frozen=True)
class Habits:
    """How a camera is steadied.

    Attributes:
        motion: What it is thought to do.
        lock: Whether it is to stand still instead of moving smoothly.
        reach: Frames on either side over which its path is averaged.
        readout: Share of a frame's time between its first and its last row; None to find out.
        most: How much larger the picture may be shown so that no border shows, such as 1.25.
        zooms: Whether it is shown larger at all.
    """

    motion: Motion
    lock: bool
    reach: int
    readout: float | None
    most: float
    zooms: bool

    @property
    def near(self) -> int:
        """Frames on either side by which the rolling shutter is measured."""
        return 0 if self.readout is not None else max(4, self.reach // 2)

    @property
    def calm(self) -> int:
        """Frames in which the zoom makes up its mind."""
        return max(2, self.reach // 3)

    @property
    def ahead(self) -> int:
        """Frames after one that must be known before it can be shown, and likewise before it."""
        return self.reach + self.near + 2 * self.calm + 4


@dataclass(frozen=True)
class _Pose:
    """How a frame is moved: the numbers of the motion, its rows, how much of it is possible and at what zoom."""

    values: Numbers
    shutter: NDArray[np.float64] | None
    share: float
    zoom: float


class Camera:
    """The camera of one shot.

    Args:
        ruler: Of the frames.
        habits: How to steady it.
    """

    def __init__(self, ruler: Ruler, habits: Habits) -> None:
        self._ruler = ruler
        self._habits = habits
        self._tracker = Tracker(ruler, habits.motion == "homography")
        self._path = Path(habits.motion, float(2 * ruler.half[1]), habits.readout, habits.near)
        self._anchor = _Anchor(self._tracker, self._path, habits) if habits.lock else None
        self._poses: dict[int, _Pose] = {}
        self._last: Grey | None = None
        self._border = corners(ruler)
        self._moments = (np.arange(ruler.size[1]) + 0.5) / ruler.size[1] - 0.5
        self.count = 0
        self.found = False
        """Whether anything of its motion could be measured."""
        self.limited = False
        """Whether it moved too far for what may be cut away."""

    def add(self, picture: Grey) -> None:
        """Take the next frame, small and grey."""
        if self._last is not None:
            step = self._tracker.step(self._last, picture)
            self._path.add(step)
            self.found |= step.found
        if self._anchor is not None:
            self._anchor.add(picture)
        self._last = picture
        self.count += 1

    def look(self, index: int) -> Look:
        """Return where a frame is shown from; frames up to `Habits.ahead` later must be there, or all."""
        calm = self._habits.calm
        first, last = max(0, index - 2 * calm), min(self.count - 1, index + 2 * calm)
        poses = [self._pose(number) for number in range(first, last + 1)]
        share = _below(np.array([pose.share for pose in poses]), index - first, calm)
        zoom = -_below(-np.array([pose.zoom for pose in poses]), index - first, calm)
        self.limited |= share < 1
        pose = poses[index - first]
        return self._look(pose.values * share, pose.shutter, zoom)

    def forget(self, index: int) -> None:
        """Let go of what frames after this one do not need."""
        self._poses.pop(index - 2 * self._habits.calm, None)
        self._path.forget(index - self._habits.ahead)

    def between(self, index: int, reach: int) -> dict[int, Matrix]:
        """Where points of a frame lie in the frames around it, by how many frames later those are."""
        return dict(self._path.around(index, reach))

    def shutter(self, index: int) -> NDArray[np.float64] | None:
        """Where a frame taken at once lies at the moment of each of its rows; None if it was taken at once."""
        if self.count < 2:
            return None
        readout = self._path.readout(min(index, self.count - 2))
        if readout == 0:
            return None
        motion: Motion = "translation" if self._habits.motion == "translation" else "similarity"
        near = {offset: numbers(matrix, motion) for offset, matrix in self._path.around(index, 2)}
        return rows(near, readout * self._moments)

    def _pose(self, index: int) -> _Pose:
        if index not in self._poses:
            self._poses[index] = self._find(index)
        return self._poses[index]

    def _find(self, index: int) -> _Pose:
        motion, shutter = self._habits.motion, self.shutter(index)
        if self._anchor is not None:
            values = numbers(self._anchor.offset(index, self.count), motion)
        else:
            around = self._path.around(index, self._habits.reach)
            values = smooth({offset: numbers(matrix, motion) for offset, matrix in around}, self._habits.reach)

        def fits(share: float, zoom: float) -> bool:
            places = self._look(values * share, shutter, zoom).places(self._border, self._ruler)
            return bool((np.abs(places) <= self._ruler.half * 1.0001).all())

        most = self._habits.most
        share = 1.0 if fits(1, most) else _largest(lambda share: fits(share, most), 0, 1)
        if not self._habits.zooms or fits(share, 1):
            return _Pose(values, shutter, share, 1)
        return _Pose(values, shutter, share, -_largest(lambda zoom: fits(share, -zoom), -most, -1))

    def _look(self, values: Numbers, shutter: NDArray[np.float64] | None, zoom: float) -> Look:
        return Look(np.linalg.inv(matrix_of(values)).astype(np.float64) @ np.diag([1 / zoom, 1 / zoom, 1]), shutter)


class _Anchor:
    """Where every frame lies in the first of its shot: measured against that one, so that errors do not add up."""

    def __init__(self, tracker: Tracker, path: Path, habits: Habits) -> None:
        self._tracker = tracker
        self._path = path
        self._habits = habits
        self._first: tuple[Grey, NDArray[np.float32]] | None = None
        self._steps: dict[int, Step] = {}
        self._guess = np.eye(3)
        self._count = 0
        self._places: dict[int, Matrix] = {0: np.eye(3)}
        self._target: Matrix | None = None
        self._speed: NDArray[np.float64] | None = None

    def add(self, picture: Grey) -> None:
        if self._first is None:
            self._first = picture, self._tracker.corners(picture)
            return
        self._count += 1
        guess = self._path.raw(self._count - 1) @ self._guess
        first, corners = self._first
        step = self._tracker.step(first, picture, corners, guess)
        if step.found:
            self._steps[self._count] = step
            guess = step.matrix(True, np.zeros(2), False)
        self._guess = guess

    def offset(self, index: int, count: int) -> Matrix:
        """Return how a frame has to be moved to lie where the camera stood on average in the first moments."""
        if self._target is None:
            early = min(self._habits.reach + 1, count)
            places = [numbers(self._place(number), self._habits.motion) for number in range(early)]
            self._target = matrix_of(np.mean(places, 0))
        return np.asarray(self._target @ np.linalg.inv(self._place(index)))

    def _place(self, index: int) -> Matrix:
        """How the camera moved the picture from the first frame to this one; asked for in order."""
        if index not in self._places:
            motion, step = self._habits.motion, self._steps.pop(index, None)
            if step is None:
                self._places[index] = self._path.step(index - 1) @ self._place(index - 1)
            else:
                self._places[index] = step.matrix(motion != "translation", self._bend(index), motion == "homography")
            if index > 2 * self._habits.ahead:
                self._places.pop(index - 2 * self._habits.ahead, None)
        return self._places[index]

    def _bend(self, index: int) -> NDArray[np.float64]:
        if self._speed is None:
            self._speed = self._path.speed(0, 1)[0]
        return self._path.bend(index - 1, self._path.speed(index, 1)[0] - self._speed)


def _largest(possible: Callable[[float], bool], low: float, high: float) -> float:
    """Find by halving how far one may go from `low`, which is possible, to `high`, which is not."""
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if possible(middle) else (low, middle)
    return low


def _below(values: NDArray[np.float64], index: int, calm: int) -> float:
    """A smooth curve that nowhere lies above the values: the mean of the least ones around."""
    offsets = np.arange(max(0, index - calm), min(len(values), index + calm + 1))
    least = [values[max(0, at - calm) : at + calm + 1].min() for at in offsets]
    weight = np.cos(np.pi / 2 * (offsets - index) / (calm + 1)) ** 2
    # Measured from the lowest, so that what is level stays so to the last digit.
    floor = min(least)
    return float(floor + weight @ (least - floor) / weight.sum())

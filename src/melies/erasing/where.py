"""Where something is to be erased: painted, followed, or people."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.effects._background import Layer
from melies.effects._scratch import Closing
from melies.effects._shelf import Shelf
from melies.erasing.track import Outline, Place, Tracker
from melies.frame import Frame, VideoSpec
from melies.imaging import split_alpha, to_depth
from melies.matting.cutter import Cutter

cv: Any = cv2
log = logging.getLogger("melies")

Shape = Literal["box", "object"]
Marks = NDArray[np.uint8]
"""`H×W`, above 0 where something is to be erased."""


@dataclass(frozen=True, slots=True)
class Start:
    """A rectangle, in pixels, around something at a moment."""

    left: float
    top: float
    width: float
    height: float
    time: Fraction = Fraction(0)


class Source(Protocol):
    """Something that says, frame by frame, what to erase."""

    def step(self, frame: Frame) -> Marks:
        """Return the marks for the next frame, as large as it."""


class Painted(Closing):
    """The white parts of a picture, or of a film that plays beside the clip and whose last frame stays.

    Args:
        layer: The picture or film.
    """

    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        self._last: tuple[Frame, Marks] | None = None

    def step(self, frame: Frame) -> Marks:
        """Return what is white, stretched over the frame."""
        shown = self._layer.at(frame.pts * frame.time_base)
        height, width = frame.image.shape[:2]
        if self._last is None or self._last[0] is not shown or self._last[1].shape != (height, width):
            colours, alpha = split_alpha(to_depth(shown.image, np.dtype(np.uint8)))
            light = cv.cvtColor(colours, cv2.COLOR_RGB2GRAY)
            if alpha is not None:
                light = cv.multiply(light, alpha, scale=1 / 255)
            white = cv.resize(light, (width, height), interpolation=cv2.INTER_LINEAR) >= 128
            self._last = shown, white.astype(np.uint8)
        return self._last[1]

    def close(self) -> None:
        """Close the film."""
        self._layer.close()


class Persons:
    """People, as the effect `matte` finds them.

    Args:
        cutter: Cuts them out.
    """

    def __init__(self, cutter: Cutter) -> None:
        self._cutter = cutter

    def step(self, frame: Frame) -> Marks:
        """Return everything that is more than a breath of somebody."""
        matte = self._cutter.step(split_alpha(frame.image)[0])
        marks: Marks = (matte > np.iinfo(matte.dtype).max // 10).astype(np.uint8)
        return marks


class _Followed:
    """One rectangle on its way through a shot, in one direction."""

    def __init__(self, frame: Frame, start: Start, shape: Shape, patience: int) -> None:
        place = Place(start.left + start.width / 2, start.top + start.height / 2, start.width, start.height)
        self._tracker = Tracker(frame.image, place, patience)
        self._outline = Outline(start.width, start.height) if shape == "object" else None
        self.lost = False

    def first(self, frame: Frame) -> Marks:
        """The marks in the frame it begins with."""
        return self._mark(frame, self._tracker.place)

    def step(self, frame: Frame) -> Marks | None:
        """The marks in the next frame; None once it is lost."""
        place = self._tracker.step(frame.image)
        self.lost = place is None
        return None if place is None else self._mark(frame, place)

    def _mark(self, frame: Frame, place: Place) -> Marks:
        if self._outline is not None:
            return self._outline.step(frame.image, place)
        height, width = frame.image.shape[:2]
        left, top, right, bottom = place.rectangle(width, height)
        marks = np.zeros((height, width), np.uint8)
        marks[top:bottom, left:right] = 1
        return marks


@dataclass(slots=True)
class _Waiting:
    """A frame that waits for a rectangle that is only known later."""

    index: int
    marks: Marks | None


def follow(
    frames: Iterator[Frame], spec: VideoSpec, starts: Sequence[Start], shape: Shape
) -> Iterator[tuple[Frame, Marks | None]]:
    """Follow rectangles through a shot, from the moments at which they are given forwards and backwards.

    Frames before such a moment wait on disk.

    Args:
        frames: Those of one shot.
        spec: What they look like.
        starts: The rectangles; those of other shots are passed over.
        shape: Whether all of a rectangle is marked, or the outline of what is in it.
    """
    patience = max(3, round(spec.rate))
    to_come, active = list(starts), list[_Followed]()
    waiting: deque[_Waiting] = deque()
    with Shelf() as shelf:
        for frame in frames:
            begin = frame.pts * frame.time_base
            to_come = [start for start in to_come if start.time >= begin]
            marks = _union(one.step(frame) for one in active)
            _say_lost(active, frame)
            active = [one for one in active if not one.lost]
            for start in [one for one in to_come if one.time < begin + frame.duration * frame.time_base]:
                one = _Followed(frame, start, shape, patience)
                marks = _union([marks, one.first(frame)])
                active.append(one)
                to_come.remove(start)
                _walk_back(shelf, waiting, frame, start, shape, patience)
            if to_come:
                waiting.append(_Waiting(shelf.put(frame), marks))
                continue
            yield from _released(shelf, waiting)
            yield frame, marks
        yield from _released(shelf, waiting)


def _walk_back(
    shelf: Shelf, waiting: Sequence[_Waiting], frame: Frame, start: Start, shape: Shape, patience: int
) -> None:
    """Follow a rectangle from where it is known to the beginning of the shot."""
    if not waiting:
        return
    one = _Followed(frame, start, shape, patience)
    one.first(frame)
    for held in reversed(waiting):
        marks = one.step(shelf[held.index])
        if one.lost:
            return
        held.marks = _union([held.marks, marks])


def _released(shelf: Shelf, waiting: deque[_Waiting]) -> Iterator[tuple[Frame, Marks | None]]:
    while waiting:
        held = waiting.popleft()
        yield shelf[held.index], held.marks
        shelf.drop(held.index)


def _say_lost(active: Sequence[_Followed], frame: Frame) -> None:
    for _ in (one for one in active if one.lost):
        log.warning("erase: what was in the box is lost or gone from %.2f s on, and not erased any more.", frame.time)


def _union(marks: Any) -> Marks | None:
    """All of several marks; None if there are none."""
    whole: Marks | None = None
    for one in marks:
        if one is not None:
            whole = one if whole is None else np.maximum(whole, one)
    return whole

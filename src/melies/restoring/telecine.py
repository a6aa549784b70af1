"""Undoing 3:2 pulldown: film's 24 pictures a second, which television stretched to 60 fields, found again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import Any

import cv2
import numpy as np
from av import VideoFrame
from numpy.typing import NDArray

from melies.frame import Frame
from melies.restoring.fields import Plane, grey_of, planar, planes_of, rebuilt

cv: Any = cv2

GROUP = 5
"""Frames of television that hold four of film."""

_ALTERNATING = np.array([[1], [-4], [6], [-4], [1]], np.float32) / 16
"""Answers to lines that are light and dark by turns, and to little else."""


@dataclass(frozen=True, slots=True)
class _Matched:
    """A frame of fields that belong together, as well as could be.

    Attributes:
        index: Which frame of the clip it is.
        frame: The picture.
        combing: How much lines still differ.
        change: How different it is from the one before.
    """

    index: int
    frame: Frame
    combing: float
    change: float


def film(frames: Iterator[Frame], rate: Fraction, top: bool) -> Iterator[Frame]:
    """Weave fields that belong together and leave out one frame in five, the one most like that before it.

    Each output frame is on the grid of 4/5 of `rate`, counted from the clip's beginning: in every group of five
    frames, four places have to be filled.

    Args:
        frames: One shot, at a constant rate.
        rate: Frames per second.
        top: Whether the top field is shown first.
    """
    tick = 5 / (rate * 4)
    for _, group in groupby(match(frames, rate, top), lambda one: one.index // GROUP):
        yield from _placed(list(group), tick)


def _placed(group: list[_Matched], tick: Fraction) -> Iterator[Frame]:
    """Leave out what is too much, and put the others on the grid."""
    first, last = group[0].index, group[-1].index
    start = -(-first * 4 // GROUP)
    wanted = -(-(last + 1) * 4 // GROUP) - start
    # At a cut a frame may hold one field of each shot: that one has to go first.
    limit = 2 * float(np.median([one.combing for one in group])) + 1
    worst_first = sorted(group, key=lambda one: (one.combing < limit, one.change))
    surplus = {one.index for one in worst_first[: max(0, len(group) - wanted)]}
    kept = [one.frame for one in group if one.index not in surplus]
    for place, frame in enumerate(kept):
        yield frame.at(start + place, 1, tick)


def match(frames: Iterator[Frame], rate: Fraction, top: bool) -> Iterator[_Matched]:
    """Give each first field the second field, of its own frame or of one beside it, that it combs least with."""
    past: NDArray[np.uint8] | None = None
    for before, present, after in _threes(frames):
        frame, score = _best(before, present, after, top)
        luma = grey_of(planar(frame))
        change = float("inf") if past is None else worst(cv.absdiff(luma, past))
        yield _Matched(round(present.pts * present.time_base * rate), frame, score, change)
        past = luma


def _threes(frames: Iterator[Frame]) -> Iterator[tuple[Frame | None, Frame, Frame | None]]:
    """Each frame with those before and after it."""
    past = present = None
    for following in frames:
        if present is not None:
            yield past, present, following
        past, present = present, following
    if present is not None:
        yield past, present, None


def _best(before: Frame | None, present: Frame, after: Frame | None, top: bool) -> tuple[Frame, float]:
    own = planar(present)
    best, least = own, combing(grey_of(own))
    for other in (before, after):
        if other is not None:
            woven = weave(own, planar(other), top)
            score = combing(grey_of(woven))
            if score < 0.8 * least:
                best, least = woven, score
    return (present if best is own else rebuilt(present, best)), least


def weave(first: VideoFrame, second: VideoFrame, top: bool) -> VideoFrame:
    """Return a frame of the first field of one and the second field of the other."""
    woven = VideoFrame(first.width, first.height, first.format.name)
    woven.color_range, woven.colorspace = first.color_range, first.colorspace
    woven.color_primaries, woven.color_trc = first.color_primaries, first.color_trc
    for target, one, other in zip(planes_of(woven), planes_of(first), planes_of(second), strict=True):
        ours, theirs = (slice(0, None, 2), slice(1, None, 2)) if top else (slice(1, None, 2), slice(0, None, 2))
        target[ours] = one[ours]
        target[theirs] = other[theirs]
    return woven


def combing(luma: Plane) -> float:
    """Say how much every other line stands out, in code values of the worst block."""
    return worst(np.abs(cv.filter2D(luma, cv2.CV_32F, _ALTERNATING)))


def worst(difference: NDArray[Any]) -> float:
    """Return the largest mean of a block of 16×16 pixels: what moves may be small."""
    height, width = difference.shape
    blocks = cv.resize(difference, (max(1, width // 16), max(1, height // 16)), interpolation=cv2.INTER_AREA)
    return float(blocks.max())

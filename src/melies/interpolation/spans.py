"""A shot as spans, each from one picture to the next, and the moments of the result that lie in a span."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.engine.shots import thumbnail
from melies.frame import Frame

cv: Any = cv2

LONGEST = 4
"""Frames for which animation holds a drawing at most; what stands longer is a pause and stays one."""

BLOCK = 8
NOISE = 8
"""Levels of 255 by which two encoded copies of a picture differ at most, as the mean of the block that differs most; in
films in which something moves that is 10 to 150."""


@dataclass(frozen=True, slots=True)
class Span:
    """The time from one picture to the next.

    Attributes:
        first: The picture that it begins with.
        second: The one that follows it; None where `first` is held.
        starts: When the frames began that it stands for, in ticks of the source: one, or more where copies of `first`
            were left out.
        end: When it ends.
    """

    first: Frame
    second: Frame | None
    starts: tuple[int, ...]
    end: int


class Moment(NamedTuple):
    """A frame of the result: its place in time, and how far it is from the first picture (0) to the second (1)."""

    pts: int
    duration: int
    share: Fraction


def spans(frames: Iterator[Frame], mend: bool = False) -> Iterator[Span]:
    """Split the frames of a shot into spans; the last picture is held.

    Args:
        frames: One shot.
        mend: Leave out copies of the frame before, up to `LONGEST - 1` in a row, so that a span reaches to the next
            picture that differs.
    """
    group: list[Frame] = []
    pause = False
    seen: NDArray[np.uint8] | None = None
    for frame in frames:
        known, seen = seen, thumbnail(frame) if mend else None
        if not group:
            group = [frame]
        elif known is not None and seen is not None and copies(known, seen):
            group.append(frame)
            pause = pause or len(group) > LONGEST
            if pause:
                for one, following in pairwise(group):
                    yield Span(one, None, (one.pts,), following.pts)
                group = [frame]
        else:
            yield Span(group[0], frame, tuple(one.pts for one in group), frame.pts)
            group, pause = [frame], False
    if group:
        end = group[-1].pts + group[-1].duration
        yield Span(group[0], None, tuple(one.pts for one in group), end)


def copies(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    """Say whether two small pictures (`H×W×3`) are the same but for the noise of encoding."""
    apart = cv.boxFilter(cv.absdiff(one, other), cv2.CV_32F, (BLOCK, BLOCK))
    return float(apart.max()) < NOISE


def on_grid(span: Span, rate: Fraction, speed: Fraction) -> Iterator[Moment]:
    """The ticks of a constant rate that lie in a span, all counted from the start of the clip.

    Args:
        span: Which.
        rate: Frames of the result a second; a tick of `Moment.pts` is `1 / rate`.
        speed: How many times as fast the result is.
    """
    base = span.first.time_base
    begin, end = span.first.pts * base, span.end * base
    ticks = rate / speed
    for pts in range(math.ceil(begin * ticks), math.ceil(end * ticks)):
        yield Moment(pts, 1, (pts / ticks - begin) / (end - begin))


def divided(span: Span, times: int) -> Iterator[Moment]:
    """So many moments, evenly apart, for each frame of a span; a tick is `1 / times` of the source's."""
    begin = span.first.pts
    for start, stop in pairwise((*span.starts, span.end)):
        for number in range(times):
            pts = start * times + number * (stop - start)
            yield Moment(pts, stop - start, Fraction(pts - begin * times, (span.end - begin) * times))

"""Where shots begin, found while the film runs.

The measure and the rule are those of PySceneDetect's adaptive detector, but for films whose pictures are repeated. They
are written here, with a test that both say the same, because importing that library takes as long as reading a film's
first second.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Frame
from melies.media.convert import small

WARM_UP = 12
"""Frames the detector must have seen before its answers do not depend on where it started."""

SHORTEST = Fraction(1, 2)
"""Seconds a shot must last before the next cut counts."""

OUTSTANDS = 3.0
"""How many times more than its neighbours the first picture of a shot differs from the one before."""

_WINDOW = 2
_PAST = 10
"""Frames before one among which it is looked for others that came as unexpectedly: two of them, at 12 pictures a second
shown at 60."""
_WIDTH = 256
_LEAST = 15.0


class Adaptive:
    """Find cuts: pictures that differ from the one before much more than their neighbours do.

    Where pictures are repeated, as in a film of 25 a second that is shown at 60, every new one stands out from the
    repeats around it. It is no cut if the last two that did came at the same pace and differed half as much at least.

    Args:
        outstands: How many times more.

    Attributes:
        score: How much the last picture differed from the one before: the mean of the absolute differences of hue
            (0…179), saturation and value (0…255).
        stands: How many times more than its neighbours the picture differed of which `step` has last said so.
    """

    def __init__(self, outstands: float = OUTSTANDS) -> None:
        self.score = self.stands = 0.0
        self._outstands = outstands
        self._past: NDArray[np.uint8] | None = None
        self._scores: deque[float] = deque(maxlen=_PAST + 1 + _WINDOW)

    def step(self, picture: NDArray[np.uint8]) -> bool:
        """Look at the next picture, and say whether the one two pictures earlier is the first of a shot.

        Args:
            picture: `H×W×3` uint8, BGR.
        """
        present: Any = cv2.cvtColor(picture, cv2.COLOR_BGR2HSV)
        self.score = 0.0 if self._past is None else cv2.norm(present, self._past, cv2.NORM_L1) / present.size
        self._past = present
        self._scores.append(self.score)
        if len(self._scores) <= 2 * _WINDOW:
            return False
        *past, score, _, _ = scores = list(self._scores)
        usual = (sum(scores[-2 * _WINDOW - 1 :]) - score) / (2 * _WINDOW)
        if score < _LEAST or score < self._outstands * usual or _keeps_pace(past, score):
            return False
        self.stands = score / usual if usual else float("inf")
        return True


def _keeps_pace(past: Sequence[float], score: float) -> bool:
    """Whether pictures are repeated, and the one after some others is only the next new one."""
    new = [ago for ago, other in enumerate(reversed(past), 1) if other >= score / 2]
    if len(new) < 2:
        return False
    last, before = new[0], new[1] - new[0]
    return min(last, before) > 1 and abs(last - before) <= 1


def mark_shots(
    frames: Iterator[Frame], begin: Fraction = Fraction(0), last_cut: Fraction | None = None
) -> Iterator[Frame]:
    """Set `Frame.cut` on the first frame of every shot.

    Frames earlier than `begin` only warm the detector up and are not passed on. The decision for a frame looks at
    two frames on each side, so the stream comes out two frames late.

    Args:
        frames: Pictures in order.
        begin: Clip time, in seconds, of the first frame wanted.
        last_cut: When the shot that holds `begin` began; `begin` itself if None.
    """
    detector = Adaptive()
    waiting: deque[tuple[int, Frame]] = deque()
    cut_at = begin if last_cut is None else last_cut

    def settle(index: int, frame: Frame, found: set[int]) -> Frame:
        nonlocal cut_at
        moment = frame.pts * frame.time_base
        cut = (index in found and moment - cut_at >= SHORTEST) or moment == cut_at or first
        if cut:
            cut_at = moment
        return frame.at(frame.pts, frame.duration, cut=cut) if cut != frame.cut else frame

    found: set[int] = set()
    first = last_cut is None
    for index, frame in enumerate(frames):
        if detector.step(thumbnail(frame)):
            found.add(index - _WINDOW)
        waiting.append((index, frame))
        if len(waiting) > _WINDOW:
            index, frame = waiting.popleft()
            if frame.pts * frame.time_base >= begin:
                yield settle(index, frame, found)
                first = False
            found.discard(index)
    for index, frame in waiting:
        if frame.pts * frame.time_base >= begin:
            yield settle(index, frame, found)
            first = False


def thumbnail(frame: Frame) -> NDArray[np.uint8]:
    """Return the frame as a small BGR picture, converting no more than that."""
    native = frame.native
    width, height = frame.image.shape[1::-1] if native is None else (native.width, native.height)
    size = _WIDTH, max(16, round(height * _WIDTH / width))
    return small(frame, size, "bgr24", interpolation="FAST_BILINEAR")


def shots(frames: Iterator[Frame]) -> Iterator[Iterator[Frame]]:
    """Split a marked stream into one iterator per shot; what is left of one is skipped when the next is asked for."""
    ahead = next(frames, None)

    def shot(first: Frame) -> Iterator[Frame]:
        nonlocal ahead
        yield first
        for frame in frames:
            if frame.cut:
                ahead = frame
                return
            yield frame

    while ahead is not None:
        current, ahead = shot(ahead), None
        yield current
        for _ in current:
            pass

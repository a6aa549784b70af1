"""Where shots begin, found while the film runs, with PySceneDetect's adaptive detector."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Frame
from melies.media.convert import reformat

WARM_UP = 8
"""Frames the detector must have seen before its answers do not depend on where it started."""

SHORTEST = Fraction(1, 2)
"""Seconds a shot must last before the next cut counts; flashes are not cuts."""

_WINDOW = 2
_WIDTH = 256


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
    from scenedetect import AdaptiveDetector, FrameTimecode

    detector = AdaptiveDetector(window_width=_WINDOW, min_scene_len=0)
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
        code = FrameTimecode(index, 25.0)
        found.update(cut.frame_num for cut in detector.process_frame(code, thumbnail(frame)))
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
    if frame.native is not None:
        native = frame.native
        height = max(16, round(native.height * _WIDTH / native.width))
        small = reformat(native, "bgr24", width=_WIDTH, height=height, interpolation="FAST_BILINEAR")
        return np.asarray(small.to_ndarray(), np.uint8)
    image = frame.image
    height = max(16, round(image.shape[0] * _WIDTH / image.shape[1]))
    shrunk = cv2.resize(image[..., :3], (_WIDTH, height), interpolation=cv2.INTER_AREA)
    small8 = shrunk if shrunk.dtype == np.uint8 else shrunk // 257
    return np.asarray(small8[..., ::-1], np.uint8)


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

"""Steadiness over time: what a network makes of a thing is averaged along the thing's motion."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Frame, Image
from melies.imaging import to_depth, white_of
from melies.motion import Field, Flow, Grey, grey, trusted, warp
from melies.upscaling.resample import resample

cv: Any = cv2

RADIUS = 2
"""Frames before and after that are averaged."""

_SMALL, _LARGE = 640, 960
"""Motion is found in pictures whose longer side is at least and at most this, where the result is as large."""

_TOLERANCE = 6.0
"""How different (of 255) a thing may look in another frame: at this much it counts a third."""

_BAND = 128
"""Rows that are fetched from a neighbour at a time."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A frame with its enlarged image, and what it looks like at the size in which motion is found.

    Attributes:
        frame: The small one.
        image: The large one.
        guide: The small one's image, uint8.
        luma: And its luma.
    """

    frame: Frame
    image: Image
    guide: Image
    luma: Grey


@dataclass(frozen=True, slots=True)
class Link:
    """Motion from a frame to the next, and back."""

    onward: Field
    back: Field


def seen(frame: Frame, image: Image) -> Seen:
    """Make a frame ready to be compared with others.

    Args:
        frame: The small one.
        image: The large one.
    """
    small = frame.image
    height, width = small.shape[:2]
    longest = max(width, height)
    side = min(max(image.shape[:2]), max(_SMALL, min(longest, _LARGE)))
    size = max(1, round(width * side / longest)), max(1, round(height * side / longest))
    guide = to_depth(resample(small, *size), np.dtype(np.uint8))
    return Seen(frame, image, guide, grey(guide))


def steadied(frames: Iterable[Seen], strength: float) -> Iterator[Frame]:
    """Average each frame of a shot with two before and two after it, moved to where it has the same thing.

    Only where motion agrees both ways and the small frames look the same is anything taken, so that what moves fast
    or is uncovered leaves no ghost.

    Args:
        frames: Of one shot.
        strength: 0…1; how much a neighbour counts against the frame itself.
    """
    flow = Flow()
    window: list[Seen] = []
    links: list[Link] = []
    place = 0
    for frame in frames:
        if window:
            past = window[-1].luma
            links.append(Link(flow(past, frame.luma), flow(frame.luma, past)))
        window.append(frame)
        if len(window) <= place + RADIUS:
            continue
        yield _average(window, links, place, strength)
        if place < RADIUS:
            place += 1
        else:
            del window[0], links[0]
    for rest in range(place, len(window)):
        yield _average(window, links, rest, strength)


def _average(window: list[Seen], links: list[Link], place: int, strength: float) -> Frame:
    here = window[place]
    total = here.image.astype(np.float32)
    weights = np.ones(total.shape[:2], np.float32)
    for there, field, alike in _neighbours(window, links, place):
        _add(total, weights, there.image, field, np.float32(strength) * alike)
    np.divide(total, weights[..., None], out=total)
    image = np.clip(np.rint(total, out=total), 0, white_of(here.image), out=total).astype(here.image.dtype)
    return here.frame.with_image(image)


def _neighbours(window: list[Seen], links: list[Link], place: int) -> Iterator[tuple[Seen, Field, NDArray[np.float32]]]:
    """Each neighbour with the motion to it and how much (0…1) it looks like the frame at `place` after that."""
    here = window[place]
    for step in (-1, 1):
        there: Field | None = None
        back: Field | None = None
        for index in range(place + step, place + step * (RADIUS + 1), step):
            if not 0 <= index < len(window):
                break
            link = links[index - 1] if step > 0 else links[index]
            onward, returning = (link.onward, link.back) if step > 0 else (link.back, link.onward)
            there = onward if there is None else there + warp(onward, there)
            back = returning if back is None else returning + warp(back, returning)
            apart = cv.absdiff(warp(window[index].guide, there), here.guide).mean(-1, dtype=np.float32)
            alike = np.exp(-np.square(cv.blur(apart, (3, 3)) / np.float32(_TOLERANCE)))
            yield window[index], there, np.where(trusted(there, back), alike, np.float32(0))


def _add(total: NDArray[Any], weights: NDArray[Any], image: Image, field: Field, weight: NDArray[Any]) -> None:
    """Add a neighbour, moved along the field and weighted (both at the guides' size), to the running sums."""
    height, width = image.shape[:2]
    grow = np.array([width / field.shape[1], height / field.shape[0]], np.float32)
    large = cv.resize(field, (width, height), interpolation=cv2.INTER_LINEAR)
    large *= grow
    share = cv.resize(weight, (width, height), interpolation=cv2.INTER_LINEAR)
    for top in range(0, height, _BAND):
        band = slice(top, min(top + _BAND, height))
        moved = warp(image, large[band] + np.array([0, top], np.float32), cubic=True)
        total[band] += moved * share[band, :, None]
    weights += share

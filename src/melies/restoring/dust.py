"""Dust and hairs: what is seen in one frame only, found along the motion and filled from the frames beside it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Frame, Image
from melies.imaging import blend, join_alpha, split_alpha
from melies.motion import Field, Flow, Grey, grey, warp

cv: Any = cv2

Mask = NDArray[np.uint8]
"""`H×W`: 255 where something is wrong."""

_LONGEST = 480
"""Longest side of the pictures in which motion is found."""

_LARGEST = 0.004
"""Share of the picture above which something is not dust."""


@dataclass(frozen=True, slots=True)
class Blob:
    """A connected patch that two other frames know nothing of.

    Attributes:
        centre: Of its pixels.
        area: In pixels.
        sign: 1 where it is lighter than it should be, -1 where it is darker.
        label: Its number in the picture of labels.
    """

    centre: tuple[float, float]
    area: int
    sign: int
    label: int


class Detector:
    """Finds dust with the simplified rank order detector (Biemond, van Roosmalen and Lagendijk 1999).

    A pixel is suspect if it is lighter or darker, by a threshold, than all six pixels at its place and above and below
    it in two neighbouring frames, moved along optical flow.

    Args:
        strength: 0…1: how faint dust may be.
    """

    def __init__(self, strength: float) -> None:
        self._flow = Flow("fast", _LONGEST)
        self._threshold = round(70 - 55 * strength)

    def fields(self, here: Image, others: tuple[Image, Image]) -> tuple[Field, Field]:
        """Return the motion to two neighbouring frames; dust itself has as little part in it as can be."""
        calm = [cv.medianBlur(grey(image), 5) for image in (here, *others)]
        first, second = (_still(self._flow(calm[0], other)) for other in calm[1:])
        return first, second

    def blobs(
        self, here: Image, others: tuple[Image, Image], fields: tuple[Field, Field]
    ) -> tuple[NDArray[Any], list[Blob]]:
        """Return a picture of labels and what is labelled.

        Args:
            here: The frame to look at.
            others: Two frames beside it.
            fields: The motion to each of them.
        """
        luma = grey(here)
        moved = [warp(grey(image), field) for image, field in zip(others, fields, strict=True)]
        tall = np.ones((3, 1), np.uint8)
        wide = np.ones((3, 3), np.uint8)
        top = np.maximum(*(cv.dilate(plane, tall) for plane in moved))
        low = np.minimum(*(cv.erode(plane, tall) for plane in moved))
        excess, lack = cv.subtract(luma, top), cv.subtract(low, luma)
        labels = np.zeros(luma.shape, np.int32)
        found: list[Blob] = []
        for sign, difference in ((1, excess), (-1, lack)):
            # What is certain may grow into what is suspect.
            suspect = cv.morphologyEx((difference > self._threshold / 2).astype(np.uint8), cv2.MORPH_CLOSE, wide)
            count, parts, stats, centres = cv.connectedComponentsWithStats(suspect, connectivity=8)
            peaks = np.zeros(count, np.uint8)
            np.maximum.at(peaks, parts.ravel(), difference.ravel())
            names = np.zeros(count, np.int32)
            for part in range(1, count):
                area = int(stats[part, cv2.CC_STAT_AREA])
                if peaks[part] > self._threshold and 2 <= area <= _LARGEST * luma.size:
                    x, y = centres[part]
                    found.append(Blob((x, y), area, sign, len(found) + 1))
                    names[part] = len(found)
            labels = np.maximum(labels, names[parts])
        apart = np.maximum(*(cv.absdiff(luma, plane) for plane in moved))
        return labels, _understood(labels, found, apart, self._threshold / 2)


def _understood(labels: NDArray[Any], blobs: list[Blob], apart: Grey, limit: float) -> list[Blob]:
    """The blobs around which the other frames look like this one: elsewhere the motion was not found."""
    grown = cv.dilate(labels.astype(np.float32), np.ones((9, 9), np.uint8)).astype(np.int32)
    ring = np.where(labels == 0, grown, 0).ravel()
    sums = np.bincount(ring, apart.ravel(), len(blobs) + 1)
    counts = np.bincount(ring, minlength=len(blobs) + 1)
    return [blob for blob in blobs if sums[blob.label] <= limit * counts[blob.label]]


def lonely(blobs: list[Blob], past: list[Blob], following: list[Blob], reach: float) -> list[Blob]:
    """Return the blobs that are no thing on its way: a fast small thing leaves blobs along a line in three frames.

    Args:
        blobs: Of a frame.
        past: Of the frame before.
        following: Of the frame after.
        reach: How far a thing may move from frame to frame, in pixels.
    """
    return [blob for blob in blobs if not _moves(blob, past, following, reach)]


def _moves(blob: Blob, past: list[Blob], following: list[Blob], reach: float) -> bool:
    size = float(np.sqrt(blob.area))
    earlier, later = (
        [other for other in side if other.sign == blob.sign and 0.5 < other.area / blob.area < 2]
        for side in (past, following)
    )
    for one in earlier:
        for other in later:
            way = np.subtract(other.centre, one.centre) / 2
            middle = np.add(other.centre, one.centre) / 2
            if np.hypot(*way) < reach and np.hypot(*(middle - blob.centre)) < 0.3 * size + 1:
                return True
    return False


def mask_of(labels: NDArray[Any], blobs: list[Blob]) -> Mask:
    """Return where blobs are, with their soft edges."""
    keep = np.zeros(int(labels.max()) + 1, np.uint8)
    keep[[blob.label for blob in blobs]] = 255
    grown: Mask = cv.dilate(keep[labels], cv.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))
    return grown


def fill(
    image: Image, mask: Mask, others: tuple[Image, Image], fields: tuple[Field, Field], dirty: tuple[Mask, Mask]
) -> Image:
    """Return the frame with what the mask covers taken from two neighbouring frames.

    Args:
        image: Three channels, uint8 or uint16.
        mask: What to fill.
        others: The two frames.
        fields: The motion to each of them; under the mask it is made from what is around.
        dirty: Where the two frames are dirty themselves: there the other one is taken.
    """
    if not mask.any():
        return image
    clean = [_healed(field, mask) for field in fields]
    first, second = (warp(other, field) for other, field in zip(others, clean, strict=True))
    spoiled = [warp(cover, field) > 0 for cover, field in zip(dirty, clean, strict=True)]
    share = np.full(mask.shape, 0.5, np.float32)
    share[spoiled[0] & ~spoiled[1]] = 0
    share[spoiled[1] & ~spoiled[0]] = 1
    patch = blend(first, second, share)
    soft = cv.GaussianBlur(mask, (3, 3), 0).astype(np.float32) / np.float32(255)
    return blend(patch, image, soft)


def _still(field: Field) -> Field:
    """Motion without what is only a few pixels wide: dust draws it aside."""
    small = cv.resize(field, (max(1, field.shape[1] // 4), max(1, field.shape[0] // 4)), interpolation=cv2.INTER_AREA)
    calm = cv.merge([cv.medianBlur(np.ascontiguousarray(small[..., axis]), 5) for axis in (0, 1)])
    whole: Field = cv.resize(calm, field.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return whole


def _healed(field: Field, mask: Mask) -> Field:
    """Motion under the mask from what is around it."""
    trust = 1 - cv.dilate(mask, np.ones((9, 9), np.uint8)).astype(np.float32) / np.float32(255)
    near = cv.blur(trust, (61, 61)) + np.float32(1e-4)
    around = cv.blur(field * trust[..., None], (61, 61)) / near[..., None]
    healed: Field = np.where((trust > 0)[..., None], field, around).astype(np.float32, copy=False)
    return healed


@dataclass(frozen=True, slots=True)
class _Look:
    """A frame, what is beside it, and what was found in it."""

    frame: Frame
    others: tuple[Image, Image]
    fields: tuple[Field, Field]
    labels: NDArray[Any]
    blobs: list[Blob]


def cleaned(frames: Iterator[Frame], strength: float) -> Iterator[Frame]:
    """Take dust off the frames of one shot; one of fewer than three frames passes as it is.

    Args:
        frames: One shot.
        strength: 0…1: how faint dust may be.
    """
    past: _Look | None = None
    present: _Look | None = None
    for following in _looks(frames, Detector(strength)):
        if isinstance(following, Frame):
            yield following
            continue
        if present is not None:
            yield _mended(past, present, following)
        past, present = present, following
    if present is not None:
        yield _mended(past, present, None)


def _looks(frames: Iterator[Frame], detector: Detector) -> Iterator[_Look | Frame]:
    """Look at each frame with two others of its shot: those beside it, or at the ends the nearest two."""
    near: deque[Frame] = deque(maxlen=3)

    def look(index: int) -> _Look:
        one, two = (near[place] for place in range(3) if place != index)
        if index == 2:
            one, two = two, one
        here, others = colours_of(near[index]), (colours_of(one), colours_of(two))
        fields = detector.fields(here, others)
        return _Look(near[index], others, fields, *detector.blobs(here, others, fields))

    for frame in frames:
        began = len(near) == 3
        near.append(frame)
        if len(near) == 3:
            if not began:
                yield look(0)
            yield look(1)
    if len(near) == 3:
        yield look(2)
    else:
        yield from near


def _mended(past: _Look | None, present: _Look, following: _Look | None) -> Frame:
    height, width = present.labels.shape
    before, after = past.blobs if past else [], following.blobs if following else []
    mask = mask_of(present.labels, lonely(present.blobs, before, after, max(height, width) / 12))
    if not mask.any():
        return present.frame
    sides = [mask_of(side.labels, side.blobs) for side in (past, following) if side is not None]
    dirty = (sides[0], sides[1] if len(sides) == 2 else np.zeros_like(mask))
    colours, alpha = split_alpha(present.frame.image)
    return present.frame.with_image(join_alpha(fill(colours, mask, present.others, present.fields, dirty), alpha))


def colours_of(frame: Frame) -> Image:
    """Return the frame's three colours."""
    return split_alpha(frame.image)[0]

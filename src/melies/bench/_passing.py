"""Things that pass before a face, and how much of them is found."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import melies
from melies.errors import MeliesError
from melies.faces import Face, Steady, Tracker
from melies.frame import Image
from melies.swapping.front import Front
from melies.swapping.sight import over, unrolled

cv: Any = cv2

KINDS = ("cup", "bar", "sheet", "microphone")
_FRAMES, _BEFORE = 70, 20
"""Frames of a film that are looked at, and how many of them show nothing before the face."""
_REACH = 1.3
"""From how far beside the face a thing comes, in sizes of the face."""
_COVERS = 0.02
"""Share of the face that must be covered for a frame to count."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Thing:
    """A thing to be moved across a face.

    Attributes:
        picture: `H×W×3`, uint8.
        mask: `H×W`, which of its pixels are it.
        top: How far below the middle of the face it begins, in sizes of the face.
    """

    picture: Image
    mask: Mask
    top: float


def thing(kind: str, size: float) -> Thing:
    """Draw one of `KINDS` for a face of so many pixels; the cup is a photograph that comes with scikit-image."""
    if kind == "cup":
        return _cup(size)
    if kind == "bar":
        tall, wide = int(1.4 * size), int(0.18 * size)
        grain = np.random.default_rng(0).integers(-9, 10, (tall, wide, 1))
        return Thing(np.repeat(128 + grain, 3, 2).astype(np.uint8), np.ones((tall, wide), bool), -0.7)
    if kind == "sheet":
        tall, wide = int(0.7 * size), int(0.6 * size)
        picture = np.full((tall, wide, 3), 235, np.uint8)
        picture[::12, 4:-4] = 60
        return Thing(picture, np.ones((tall, wide), bool), -0.1)
    radius = int(0.16 * size)
    picture = np.full((2 * radius + int(0.8 * size), 2 * radius, 3), 25, np.uint8)
    picture[: 2 * radius : 3] = 60
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv.circle(mask, (radius, radius), radius, 1, -1)
    mask[radius:, radius - radius // 3 : radius + radius // 3] = 1
    return Thing(picture, mask > 0, 0.15)


def overlap(film: Path, kind: str) -> tuple[float, int]:
    """Move a thing across the face of a film and compare what is found before it with what is there.

    Returns:
        The area of both together over that of either, where there is face: the median of the frames in which it covers
        some of it, and how many these are.

    Raises:
        MeliesError: There is no face.
    """
    images = [frame.image[..., :3] for frame in islice(melies.open(film).frames(), _FRAMES)]
    tracker, steady, front = Tracker(), Steady(), Front()
    first = tracker.step(images[0])
    if not first or len(images) <= _BEFORE:
        raise MeliesError(f"There is hardly a face in {film}.")
    passing, found = thing(kind, first[0].size), []
    for index, image in enumerate(images):
        there = np.zeros(image.shape[:2], bool)
        if index >= _BEFORE:
            share = (index - _BEFORE) / (len(images) - _BEFORE)
            image, there = _laid(image, passing, first[0], _REACH * (2 * share - 1))
        seen = first if index == 0 else tracker.step(image)
        if seen:
            found += _compared(image, there, steady(seen[0], index / 25), front, index / 25)
    return (float(np.median(found)), len(found)) if found else (0.0, 0)


def _laid(image: Image, passing: Thing, face: Face, aside: float) -> tuple[Image, Mask]:
    """Lay a thing on a picture, so many sizes of the face beside its middle; also return where it is."""
    height, width = image.shape[:2]
    rows, columns = np.nonzero(passing.mask)
    x, y = face.centre + face.size * np.array([aside, passing.top]) - (passing.mask.shape[1] / 2, 0)
    at = rows + int(y), columns + int(x)
    inside = (at[0] >= 0) & (at[0] < height) & (at[1] >= 0) & (at[1] < width)
    shown, there = image.copy(), np.zeros((height, width), bool)
    shown[at[0][inside], at[1][inside]] = passing.picture[rows[inside], columns[inside]]
    there[at[0][inside], at[1][inside]] = True
    return shown, there


def _compared(image: Image, there: Mask, face: Face, front: Front, time: float) -> list[float]:
    """Look for things before a face: the overlap with what is there, or nothing where too little is."""
    height, width = image.shape[:2]
    texture, _, trust = unrolled(image, face, None)
    things = front(texture, trust, time)
    found, covered = (over(one, face.points, width, height) > 0.5 for one in (things, np.ones_like(things)))
    there = there & covered
    if there.sum() <= _COVERS * covered.sum():
        return []
    return [float((found & there).sum() / (found | there).sum())]


def _cup(size: float) -> Thing:
    if find_spec("skimage") is None:
        raise MeliesError("The benchmark needs a picture of a cup.", "Install it with: pip install scikit-image")
    data: Any = import_module("skimage.data")
    photograph = np.ascontiguousarray(data.coffee()[60:340, 150:480])
    height, width = photograph.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    cv.ellipse(mask, (width // 2, height // 2), (width // 2 - 4, height // 2 - 4), 0, 0, 360, 255, -1)
    scale = 0.7 * size / width
    small, part = (cv.resize(one, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for one in (photograph, mask))
    return Thing(small, part > 127, -0.1)

"""`Portrait`: the picture, or the film, whose face is moved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np

from melies.colouring.references import Place
from melies.effects._background import Layer
from melies.effects._faces import Chooser, Faces
from melies.effects._scratch import Closing
from melies.errors import UseError
from melies.faces import Tracker, find
from melies.faces.anatomy import Points
from melies.files import exists
from melies.frame import Frame, Image, VideoSpec
from melies.imaging import fill, fitted, over, resize, to_depth

_MOST = 8
_NOTHING = (0, 0, 0, 0)

Box = tuple[int, int, int, int]
"""Left, top, right and bottom of a part of a picture, in pixels."""


@dataclass(frozen=True, eq=False)
class Shown:
    """What a portrait shows at a moment.

    Attributes:
        image: `H×W×3` or `H×W×4`, uint8 or uint16.
        points: `478×3`, the face in it; None where a film shows none.
    """

    image: Image
    points: Points | None


class Portrait(Closing):
    """A still, or a film whose frames run along and begin again; use it in a `with` block.

    Args:
        source: A file, or `FILM@TIME` for a still from a film.
        face: Whose face in it.
        crop: Take only a square around the face, so many times as large as that; None takes the whole picture.
        like: Bring it to this size, depth and number of channels; what does not fit is cut off, away from the face.

    Raises:
        UseError: There is no such file, or it shows no face.
    """

    def __init__(self, source: str, face: Faces, crop: float | None, like: VideoSpec | None = None) -> None:
        place = Place.parse(source)
        if not exists(place.path):
            raise UseError(
                f"The portrait {place.path} does not exist.", "Give a picture, a film, or FILM@SECONDS for one frame."
            )
        stat = place.path.stat()
        first = _still(place.path, place.time, face, stat.st_size, stat.st_mtime_ns)
        assert first.points is not None
        self._like = like
        self._box = _box(first.image, first.points, crop, like)
        self._first = _suited(first, self._box, like)
        self._layer: Layer | None = None if place.time is not None or _is_still(place.path) else Layer(place.path)
        self._tracker, self._chooser = Tracker(_MOST), Chooser(face)
        self._last: tuple[Frame, Shown] | None = None

    @property
    def first(self) -> Shown:
        """What it shows at the beginning."""
        return self._first

    def at(self, time: Fraction) -> Shown:
        """Return what it shows at `time` seconds; the same object as long as that is the same."""
        if self._layer is None:
            return self._first
        frame = self._layer.at(time)
        if self._last is None or self._last[0] is not frame:
            chosen = self._chooser.choose(frame.image, self._tracker.step(frame.image))
            seen = Shown(frame.image, chosen[0].points if chosen else None)
            shown = _suited(seen, self._box, self._like)
            self._last = frame, shown
        return self._last[1]

    def close(self) -> None:
        """Close the film."""
        if self._layer is not None:
            self._layer.close()


@lru_cache(maxsize=2)
def _suited(shown: Shown, box: Box, like: VideoSpec | None) -> Shown:
    """The part in a box, brought to another kind of picture; kept, so that a new shot finds the same object."""
    left, top, right, bottom = box
    image, points = shown.image, shown.points
    if (right - left, bottom - top) != (image.shape[1], image.shape[0]):
        image = np.ascontiguousarray(image[top:bottom, left:right])
        points = None if points is None else points - np.array([left, top, 0], np.float32)
    if like is None or (image.shape == like.shape and image.dtype == like.dtype):
        return Shown(image, points)
    scale = np.float32(like.width / image.shape[1])
    half = np.array([0.5, 0.5, 0], np.float32)
    image = to_depth(resize(image, like.width, like.height), like.dtype)
    if image.shape != like.shape:
        image = over(image, fill(like.width, like.height, _NOTHING, image, alpha=like.alpha))
    return Shown(image, None if points is None else scale * (points + half) - half)


def _is_still(path: Path) -> bool:
    with Layer(path) as layer:
        return layer.spec.frames == 1


@lru_cache(maxsize=2)
def _still(path: Path, time: Fraction | None, face: Faces, size: int, changed: int) -> Shown:
    """The picture at a moment, with its face; kept, since it is asked for before the work begins and then again."""
    image = Place(path, time).image()
    found = [replace(one, person=number) for number, one in enumerate(find(image))]
    chosen = Chooser(face).choose(image, found)
    if not chosen:
        raise UseError(
            f"No face was found in the portrait {path}." if not found else f"{path} does not show the face {face!r}.",
            "Choose a picture that shows it from the front, larger and uncovered."
            if not found
            else "Choose another with --portrait-face.",
        )
    return Shown(image, chosen[0].points)


def _box(image: Image, points: Points, crop: float | None, like: VideoSpec | None) -> Box:
    """Left, top, right and bottom of what is taken: the picture, or the part around the face."""
    height, width = image.shape[:2]
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    wide, tall = width, height
    if crop is not None:
        # Even sides, which every kind of film can hold.
        wide = tall = max(2, 2 * round(min(crop * float((high - low).max()), width, height) / 2 - 0.25))
    if like is not None:
        wide, tall = fitted(like.width, like.height, wide, tall, "contain")
    left, top = (
        min(max(0, round(float(middle) - side / 2)), whole - side)
        for middle, side, whole in zip((low + high) / 2, (wide, tall), (width, height), strict=True)
    )
    return left, top, left + wide, top + tall

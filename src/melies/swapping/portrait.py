"""Where the looks come from: pictures or films of somebody, unrolled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from math import exp
from typing import Any

import cv2
import numpy as np

import melies
from melies import faces
from melies.colouring.references import Place
from melies.errors import UseError
from melies.faces import Face, anatomy
from melies.faces.anatomy import Points
from melies.frame import Image
from melies.imaging import split_alpha
from melies.matting.scale import cv, reduce, square, unit
from melies.swapping.flat import Floats, facing, flat, opponent, smoothstep
from melies.swapping.shape import shape
from melies.swapping.skin import BARE, skin

_LARGEST = 1024
"""Side of the largest texture, in pixels."""
_SMALLEST = 128
_EDGE_ON, _SEEN = 0.15, 0.4
"""How much skin looks at the viewer where it is not seen well enough, and where it is."""
_LOOKS = 80
"""Frames of a film that are looked at."""
_KEPT = 8
"""Frames of a film that are kept: those least like each other."""
_EVENED = 0.8
"""How much of a light from one side is taken away."""
_EDGE = 0.4, 3.0
"""How large a step, as a logarithm, is a shadow's edge, and over how many pixels its light is smoothed."""
_NEAR = 6.0
"""How many degrees of pose another view may be off before it counts a third."""
_EXPRESSION = 25.0
"""Degrees that a mouth opened as far as it is wide counts."""


@dataclass(frozen=True)
class View:
    """One face, unrolled.

    Attributes:
        textures: `side×side×4`, Y, Cr, Cb and where it is bare, 0…1, from the largest to the smallest side, each half
            the one before.
        likeness: Yaw, pitch and how far the mouth is open, in degrees, to compare views with.
        shape: Of the face, as from `shape.shape`.
    """

    textures: tuple[Floats, ...]
    likeness: Floats
    shape: Points

    @staticmethod
    def of(image: Image, face: Face) -> View:
        """Unroll a face; what the picture does not show is filled from the other half of the face."""
        side = _SMALLEST
        while side < min(_LARGEST, 1.2 * face.size):
            side *= 2
        texture = _whole(unit(split_alpha(image)[0]), face, side)
        textures = [texture]
        while textures[-1].shape[0] > _SMALLEST:
            half = textures[-1].shape[0] // 2
            textures.append(cv.resize(textures[-1], (half, half), interpolation=cv2.INTER_AREA))
        return View(tuple(textures), likeness(face), shape(face))

    def texture(self, side: int) -> Floats:
        """Return the smallest texture of at least this side, or the largest."""
        return next((one for one in reversed(self.textures) if one.shape[0] >= side), self.textures[0])


class Portrait:
    """All that is known of a person's looks: views from a picture, or from moments of a film.

    Attributes:
        whole: Not with eyes and mouth: those are the performer's.
        lit: Not: it brings its own light along.
        shape: That of the first view, which is the most frontal.
    """

    whole = False
    lit = False

    def __init__(self, views: tuple[View, ...]) -> None:
        self.views = views
        self._like = np.stack([view.likeness for view in views])
        self.shape: Points | None = views[0].shape

    @staticmethod
    def of(pictures: list[tuple[Image, Face]]) -> Portrait:
        """Unroll faces of one person."""
        return Portrait(tuple(View.of(image, face) for image, face in pictures))

    def texture(self, image: Image, face: Face, side: int) -> Floats:
        """Return the looks for a face's pose and expression: the views nearest to them, mixed.

        Args:
            image: Not looked at.
            face: Whose pose and expression.
            side: Of the texture, in pixels, about.
        """
        if len(self.views) == 1:
            return self.views[0].texture(side)
        apart = np.square(self._like - likeness(face)).sum(1)
        nearest = np.argsort(apart, kind="stable")[:2]
        shares = [exp(-(float(apart[index]) - float(apart[nearest[0]])) / (2 * _NEAR**2)) for index in nearest]
        one, two = (self.views[index].texture(side) for index in nearest)
        if one.shape != two.shape:
            two = cv.resize(two, one.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        mixed: Floats = cv.addWeighted(one, shares[0] / sum(shares), two, shares[1] / sum(shares), 0)
        return mixed


def likeness(face: Face) -> Floats:
    """Return yaw, pitch and how far the mouth is open, all in degrees or as good as."""
    inner = face.points[anatomy.LIPS_INNER]
    width = max(1e-3, float(np.linalg.norm(inner[0] - inner[10])))
    opening = float(np.linalg.norm(inner[5] - inner[15])) / width
    return np.array([face.pose.yaw, face.pose.pitch, _EXPRESSION * opening], np.float32)


def pictures(files: tuple[str, ...]) -> list[tuple[Image, Face]]:
    """Return somebody's faces in pictures or films, or `FILM@TIME` for one moment: those least like each other.

    Returns:
        Pictures, cut to what is around the face, and where it is in them. The first is the one that looks most into the
        camera.

    Raises:
        UseError: A file is missing or shows no face.
    """
    found: list[tuple[Image, Face]] = []
    for name in files:
        place = Place.parse(name)
        shown = False
        for image in [place.image()] if place.time is not None else _moments(place):
            for face in faces.find(image, 4)[:1]:
                found.append(_near(image, face))
                shown = True
            if len(found) > 3 * _KEPT:
                found = _different(found)
        if not shown:
            raise UseError(f"There is no face in {place.path}.", "Give a picture in which a face is clearly seen.")
    return _different(found)


def _near(image: Image, face: Face) -> tuple[Image, Face]:
    """Cut a picture to what is around a face."""
    left, top, right, bottom = face.box
    more = 0.4 * face.size
    x, y = max(0, int(left - more)), max(0, int(top - more))
    cut = split_alpha(image)[0][y : int(bottom + more) + 1, x : int(right + more) + 1].copy()
    return cut, face.moved(face.points - np.array([x, y, 0], np.float32))


def _moments(place: Place) -> Iterator[Image]:
    """Up to `_LOOKS` frames of a film, evenly spread, or the picture itself."""
    first = place.image()  # says what is wrong with a file that shows nothing
    clip = melies.open(place.path)
    step = max(1, -(-(clip.spec.frames or 1) // _LOOKS))
    if (clip.spec.frames or 1) <= 1:
        yield first
        return
    for frame in islice(clip.frames(), 0, None, step):
        yield frame.image


def _different(found: list[tuple[Image, Face]]) -> list[tuple[Image, Face]]:
    """The face that looks most into the camera, then always the one that is least like those chosen already."""
    every = np.stack([likeness(face) for _, face in found])
    chosen = [int(np.square(every[:, :2]).sum(1).argmin())]
    while len(chosen) < min(_KEPT, len(every)):
        apart = np.min([np.square(every - every[index]).sum(1) for index in chosen], axis=0)
        if apart.max() < _NEAR**2:
            break
        chosen.append(int(apart.argmax()))
    return [found[index] for index in chosen]


def _whole(image: Floats, face: Face, side: int) -> Floats:
    """Unroll a face and fill its far side from the near one, in its light."""
    height, width = image.shape[:2]
    points = face.points
    factor = 1.0
    while face.size * factor > 1.5 * side:
        factor /= 2
    if factor < 1:
        small = reduce(image, max(1, round(width * factor)), max(1, round(height * factor)))
        points = points * np.array([small.shape[1] / width, small.shape[0] / height, 1], np.float32)
        image = small
    layout = flat(side)
    texture = layout.unroll(image, points)
    seen = smoothstep(layout.spread(facing(face.points)), _EDGE_ON, _SEEN)
    other, other_seen = texture[:, ::-1], seen[:, ::-1]
    both = seen * other_seen
    lit = (_soft(texture * both, side) + 1e-3) / (_soft(other * both, side) + 1e-3)
    share = np.maximum(seen, 1 - other_seen)
    filled = (share * texture + (1 - share) * np.clip(other * np.clip(lit, 0.5, 2), 0, 1)).astype(np.float32)
    bare = _clear(skin(_at(filled, BARE), _at(seen, BARE)))
    return np.dstack([opponent(_evenly_lit(filled, bare, side)), cv.resize(bare, (side, side))])


def _evenly_lit(texture: Floats, bare: Floats, side: int) -> Floats:
    """Take away most of a light from one side: what is shaded on one half of the face only is light, not the person.

    The shaded half is brightened; darkening the other would leave a pale line between them.
    Shadows have edges, which stay where they are; lashes and pores differ, too, and are left alone, as is hair. What is
    brightened gets no more grain.
    """
    small = cv.resize(np.ascontiguousarray(texture), (BARE, BARE), interpolation=cv2.INTER_AREA) + np.float32(0.02)
    apart = np.log(small / small[:, ::-1])
    apart = cv.bilateralFilter(cv.medianBlur(apart.astype(np.float32), 5), 0, *_EDGE)
    apart = (apart[:, ::-1] - apart) / 2 * np.minimum(bare, bare[:, ::-1])[..., None]
    gain = np.exp(np.float32(_EVENED) * np.maximum(apart, 0))
    added = cv.medianBlur(small, 5) * (gain - 1)
    lit: Floats = np.clip(texture + cv.resize(added, (side, side), interpolation=cv2.INTER_LINEAR), 0, 1)
    return lit


def _at(picture: Floats, side: int) -> Floats:
    """Bring an unrolled picture to another side."""
    resized: Floats = cv.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    return np.atleast_3d(resized)


def _clear(bare: Floats) -> Floats:
    """Keep away from hair: it throws a shadow."""
    away: Floats = cv.GaussianBlur(cv.erode(bare, square(BARE // 40)), (0, 0), BARE / 64)
    return away


def _soft(picture: Any, side: int, sigma: float = 8) -> Floats:
    """Blur so widely, in sixty-fourths of the face, that only light is left."""
    small = cv.resize(np.ascontiguousarray(picture), (64, 64), interpolation=cv2.INTER_AREA)
    soft: Floats = cv.resize(cv.GaussianBlur(small, (0, 0), sigma), (side, side), interpolation=cv2.INTER_LINEAR)
    return soft

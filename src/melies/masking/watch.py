"""Watching over faces that must not be seen: none is let go because a network blinks.

What finds faces misses some of them in some frames. So each is followed in its own right, forwards and back to where it
came from, and the frames go out only when what lies ahead of them has been looked at.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import hypot, remainder, tau
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.faces import Face, Tracker, centerface, nets
from melies.faces.finder import AGREED, Finder, settled
from melies.frame import Image
from melies.matting.scale import cv
from melies.square import Square

if TYPE_CHECKING:
    from melies.effects._faces import Chooser

Who = Literal["all", "chosen", "others"]
"""Whom to cover: all, those who were chosen, or all but them."""

_LONGEST = 1920
"""Longest side of the pictures in which faces are looked for."""
_MOST = 16
_LOCAL = 0.25
"""Score that is enough where a face was a moment ago."""
_CONFIRMED = 0.3
"""By how much lower the score may be where the mesh, too, says that there is a face."""
_SIDE = 24
"""Side of the little pictures by which something is recognised when no network sees it, and their surroundings'."""
_ALIKE = 0.65
_PATIENT = 4
"""How many times longer a place is covered that still looks as the face did."""
_LEAD = 4
"""For how many frames before it was first seen a face is covered at the least."""
_SMALLEST = 120
"""Side of the smallest squares that are looked at; faces of a fifth of that are found in them."""
_LIVE_TILES = 6
"""How many of the small squares are looked at in a frame in front of an audience."""


@dataclass
class Trail:
    """A face through the frames.

    Attributes:
        number: Its own.
        squares: Where it is in each frame that has not gone out yet.
        template: What it looked like when a network last saw it, `_SIDE`×`_SIDE`.
        last: The frame in which that was.
        chosen: Whether it is one of those that were chosen; None as long as nobody knows.
        met: The frame in which that was last found out.
        known: What was known about that in each frame.
    """

    number: int
    squares: dict[int, Square]
    template: NDArray[np.float32]
    last: int
    chosen: bool | None = None
    met: int = 0
    known: dict[int, bool | None] = field(default_factory=dict)


class Watch:
    """Says where the faces of a shot are, some frames late.

    Args:
        chooser: Who is chosen.
        who: Whether these are covered, or all others.
        hold: For how many frames a place is covered on after the last sight of its face.
        ahead: How many frames late it answers; 0 in front of an audience.
        least: The score from which something is a face, 0…1.
        finder: What finds them.
    """

    def __init__(
        self, chooser: Chooser, who: Who, *, hold: int, ahead: int, least: float, finder: Finder = "face"
    ) -> None:
        self._chooser = chooser
        self._who = who
        self._hold = hold
        self._ahead = ahead
        self._least = least
        self._finder = finder
        self._tracker = Tracker(_MOST)
        self._trails: list[Trail] = []
        self._images: deque[Image] = deque(maxlen=ahead + 1)
        self._frames = 0
        self._given = 0
        self._scale = 1.0
        self._turn = 0
        self._count = 0

    def see(self, image: Image) -> None:
        """Look at the next frame, `H×W×3` or `H×W×4`, uint8 or uint16."""
        image = self._reduced(image[..., :3])
        self._images.append(image)
        for trail in self._trails:
            self._follow(trail, image, self._frames, -1)
        faces = self._tracker.step(image)
        chosen = {face.person for face in self._chooser.choose(image, faces)}
        for face in faces:
            self._meet(face, face.person in chosen)
        for place in self._sighted(image):
            near = [trail for trail in self._trails if _near(place, trail.squares.get(self._frames))]
            if not near:
                self._begin(place)
            elif all(trail.last < self._frames for trail in near):
                self._found(min(near, key=lambda trail: trail.number), image, self._frames, place)
        self._frames += 1

    def take(self) -> Iterator[tuple[int, Square]]:
        """Say what is to be covered in the oldest frame that was not yet asked for.

        Yields:
            A number that stays with the face, and the square around it in pixels of the frame.
        """
        number = self._given
        self._given += 1
        for trail in self._trails:
            place = trail.squares.get(number)
            if place is not None and self._covered(trail.known.get(number)):
                yield trail.number, place.scaled(1 / self._scale)
            # What comes next may have to be sought from the last two.
            trail.squares.pop(number - 2, None)
            trail.known.pop(number - 2, None)
        self._trails = [trail for trail in self._trails if any(at > number - 2 for at in trail.squares)]

    def _covered(self, chosen: bool | None) -> bool:
        """Whether somebody is, of whom that much is known: whoever should be seen must be known for sure."""
        return {"all": True, "chosen": chosen is True, "others": chosen is not True}[self._who]

    def _reduced(self, image: Image) -> Image:
        height, width = image.shape[:2]
        self._scale = min(1.0, _LONGEST / max(width, height))
        if self._scale == 1:
            return image
        size = (round(width * self._scale), round(height * self._scale))
        smaller: Image = cv.resize(image, size, interpolation=cv2.INTER_AREA)
        return smaller

    def _some_tiles(self) -> list[Square]:
        """The large tiles, and as many of the small ones as it takes to see all of them before a frame goes out."""
        height, width = self._images[-1].shape[:2]
        large, small = _tiles(width, height)
        if not self._frames:
            return large + small
        share = -(-len(small) // self._ahead) if self._ahead else min(len(small), _LIVE_TILES)
        chosen = [small[(self._turn + index) % len(small)] for index in range(share)]
        self._turn += share
        return large + chosen

    def _sighted(self, image: Image) -> list[Square]:
        """Look for faces all over the frame, the surest first."""
        if self._finder == "centerface":
            return [place for score, place in centerface.detect(image) if score >= self._least]
        least = max(0.1, self._least - _CONFIRMED)
        found = [one for tile in self._some_tiles() for one in nets.detect(image, tile, least)]
        return [place for score, place in nets.best(found) if score >= self._least or _confirmed(image, place)]

    def _begin(self, place: Square) -> Trail:
        """Take up a new face, and follow it back as far as the frames are still here."""
        image = self._images[-1]
        trail = Trail(self._count, {self._frames: place}, _little(image, place, 1), self._frames)
        self._count += 1
        self._trails.append(trail)
        for back in range(1, len(self._images)):
            self._follow(trail, self._images[-1 - back], self._frames - back, 1)
        trail.last = self._frames
        return trail

    def _meet(self, face: Face, chosen: bool) -> None:
        """Take note of a face whose mesh was seen."""
        place = nets.around(face.points)
        near = [trail for trail in self._trails if _near(place, trail.squares.get(self._frames))]
        trail = min(near, key=lambda one: (one.last < self._frames, one.number)) if near else self._begin(place)
        for other in near:
            # Of several trails on one face the oldest goes on.
            if other is not trail:
                del other.squares[self._frames]
        self._found(trail, self._images[-1], self._frames, place)
        trail.chosen, trail.met = chosen, self._frames
        trail.known[self._frames] = chosen
        if self._covered(chosen):
            trail.known.update({at: chosen for at in trail.squares if trail.known.get(at) is None})

    def _follow(self, trail: Trail, image: Image, number: int, source: int) -> None:
        """Look for a face near where it was in the frame before (`source` -1) or after (1)."""
        before = trail.squares.get(number + source)
        if before is None or number in trail.squares or number < self._given:
            return
        missing = abs(number - trail.last)
        if trail.chosen and number - trail.met > self._hold and self._who == "others":
            trail.chosen = None
        trail.known[number] = trail.chosen
        expected = self._expected(trail, before, number, source)
        found = self._sought(image, expected)
        if found is not None:
            self._found(trail, image, number, found)
            return
        place, alike = _recognised(image, expected, trail.template)
        limit = self._hold * (_PATIENT if alike else 1) if source < 0 else max(_LEAD, alike * self._hold)
        if missing <= limit:
            trail.squares[number] = place if alike else expected

    def _expected(self, trail: Trail, before: Square, number: int, source: int) -> Square:
        """Where a face should be that goes on as it went."""
        earlier = trail.squares.get(number + 2 * source)
        if earlier is None or abs(number + source - trail.last) > 2:
            return before
        return replace(before, x=before.x + 0.8 * (before.x - earlier.x), y=before.y + 0.8 * (before.y - earlier.y))

    def _sought(self, image: Image, expected: Square) -> Square | None:
        wide = replace(expected, radius=2 * expected.radius)
        near = [one for one in nets.detect(image, wide, _LOCAL) if _near(one[1], expected)]
        if not near:
            return None
        _, place = max(near, key=lambda one: one[0] - _apart(one[1], expected) / 2)
        # Where it jumps, it is the less certain.
        return replace(place, radius=place.radius * (1 + _apart(place, expected) / 3))

    def _found(self, trail: Trail, image: Image, number: int, place: Square) -> None:
        """Take note of a face; where it was lost in between, it went straight from there to here."""
        known = trail.squares.get(trail.last)
        gap = number - trail.last
        if known is not None and abs(gap) > 1:
            for step in range(1, abs(gap)):
                between = trail.last + (step if gap > 0 else -step)
                if between in trail.squares:
                    trail.squares[between] = _wider(known, place, step / abs(gap), trail.squares[between])
        trail.squares[number] = place
        trail.last = number
        trail.template = _little(image, place, 1)


def _confirmed(image: Image, place: Square) -> bool:
    """Whether a mesh finds hold there, and its eyes, nose and mouth are where the finder sees them."""
    face = settled(image, place)
    return face is not None and nets.agreement(image, face) < AGREED


def _tiles(width: int, height: int) -> tuple[list[Square], list[Square]]:
    """Squares that cover a picture, those of its own size and the smaller ones, each overlapping the next by half."""
    side = float(min(width, height))
    large = [Square(width / 2, height / 2, max(width, height) / 2), *_grid(width, height, side)]
    small: list[Square] = []
    while (side := side / 2) >= _SMALLEST:
        small += _grid(width, height, side)
    return large, small


def _grid(width: int, height: int, side: float) -> list[Square]:
    xs, ys = (
        np.linspace(side / 2, length - side / 2, max(1, -int(-2 * length // side) - 1))
        if length > side
        else [length / 2]
        for length in (width, height)
    )
    return [Square(float(x), float(y), side / 2) for y in ys for x in xs]


def _wider(one: Square, other: Square, share: float, held: Square) -> Square:
    """The place between two, wide enough to hide what was taken to be there as well."""
    x, y = one.x + share * (other.x - one.x), one.y + share * (other.y - one.y)
    radius = one.radius + share * (other.radius - one.radius)
    turn = remainder(other.angle - one.angle, tau)
    off = min(hypot(x - held.x, y - held.y), radius)
    return Square(x, y, radius + off / 2, one.angle + share * turn)


def _near(place: Square, other: Square | None) -> bool:
    """Whether two squares may be of one face."""
    if other is None:
        return False
    large, small = max(place.radius, other.radius), min(place.radius, other.radius)
    return _apart(place, other) < 0.7 and small > 0.45 * large


def _apart(place: Square, other: Square | None) -> float:
    """How far two squares are apart, in radii of the larger."""
    if other is None:
        return float("inf")
    return hypot(place.x - other.x, place.y - other.y) / max(place.radius, other.radius)


def _little(image: Image, place: Square, times: int) -> NDArray[np.float32]:
    """A little grey picture of a square, or of so many times its surroundings."""
    wide = replace(place, radius=times * place.radius)
    grey: NDArray[np.float32] = cv.cvtColor(wide.cut(image, times * _SIDE), cv2.COLOR_RGB2GRAY)
    return grey


def _recognised(image: Image, place: Square, template: NDArray[np.float32]) -> tuple[Square, bool]:
    """Look for what a face looked like around a place; also return whether it was there."""
    around = _little(image, place, 2)
    scores = cv.matchTemplate(around, template, cv2.TM_CCOEFF_NORMED)
    _, best, _, (x, y) = cv.minMaxLoc(scores)
    if not best >= _ALIKE:
        return place, False
    return place.inner((x - _SIDE / 2, y - _SIDE / 2), 2 * place.radius / _SIDE, place.radius), True

"""`Tracker`: the faces of a shot, each known again from frame to frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import remainder, tau

import numpy as np
from numpy.typing import NDArray

from melies.faces import nets
from melies.faces.face import Face
from melies.faces.finder import PRESENT, Finder, find, same
from melies.faces.identity import SAME, Embedding, Likeness, distance, embedding
from melies.frame import Image
from melies.imaging import split_alpha
from melies.square import Square

_KEPT = 0.25
"""Presence that keeps a face which is followed already."""
_EVERY = 8
"""Every so many frames the finder must agree that the faces which are followed are some."""
_DOUBTS = 3
"""How often in a row it may disagree: the mesh holds on to anything that looks a little like a face."""
_ASTRAY = 0.25
"""How far finder and mesh must be apart, in sizes of the face, to disagree: hands and hair may hide much of it."""
_NEAR = 12
"""For how many frames somebody who cannot be seen is looked for around where they were."""
_OFF = 0.15
"""By what share of its size, or how many radians, the square may be off for one look to be enough."""
_LOOKS = 4
"""How often it is looked at most."""
_BRIEF = 2
"""For how many frames a face may be gone without a doubt that it is the same."""
_FRONTAL = 15.0
"""By how many degrees somebody must face us better for another picture of them to be kept."""
_REMEMBERED = 32
"""How many people who left are known again."""


class Tracker:
    """Follow the faces of one shot.

    A face is sought where its movement would take it, then around there. One that is hidden or leaves is not returned;
    whoever comes back after more than two frames is known by their looks. Where two meet and one mesh slips onto the
    other's face, the looks say whose it is.

    Args:
        most: The most faces that are followed at once.
        hold: For how many frames a face that cannot be seen is returned all the same, moved on as it moved before and
            with a presence below 0.25: for effects that must not let a face through.
        thorough: Whether small faces are looked for too, as in `find`.
        model: What finds new faces, as in `find`.
        every: Every so many frames new faces are looked for beside those that are seen; while none is seen, in each.
    """

    def __init__(
        self, most: int = 4, *, hold: int = 0, thorough: bool = False, model: Finder = "face", every: int = 8
    ) -> None:
        self._most = most
        self._hold = hold
        self._every = every
        self._thorough = thorough
        self._model = model
        self._tracks: list[_Track] = []
        self._people = 0
        self._frames = 0

    def step(self, image: Image) -> list[Face]:
        """Return the faces of the next frame, in the order in which they first appeared.

        Args:
            image: `H×W×3` or `H×W×4`, uint8 or uint16.
        """
        image, _ = split_alpha(image)
        check, search = self._frames % _EVERY == 0, self._frames % self._every == 0
        self._frames += 1
        taken: list[Face] = []
        for track in sorted(self._tracks, key=lambda track: track.missing):
            track.step(image, taken)
            if not track.missing:
                taken.append(track.face)
        self._part(image)
        seen = [track for track in self._tracks if not track.missing]
        if check:
            for track in seen:
                track.check(image)
        if len(seen) < self._most and (search or not seen):
            self._welcome(image)
        self._forget()
        return [track.face for track in self._tracks if track.missing <= self._hold]

    def _part(self, image: Image) -> None:
        """Where two meshes lie on one face, leave it to whom it belongs."""
        for index, one in enumerate(self._tracks):
            for other in self._tracks[:index]:
                if not (one.missing or other.missing) and same(one.face, other.face):
                    looks = embedding(Likeness.of(image, other.face))
                    pair = sorted((other, one), key=lambda track: distance(track.looks, looks))
                    pair[1].lose()

    def _welcome(self, image: Image) -> None:
        """Look for new faces, and for those who left."""
        here = [track.face for track in self._tracks if not track.missing]
        wanted = self._most - len(here)
        for face in find(image, wanted, thorough=self._thorough, model=self._model, besides=here):
            track = self._known(image, face)
            if track is None:
                track = _Track(replace(face, person=self._people), Likeness.of(image, face))
                self._people += 1
                self._tracks.append(track)
            else:
                track.see(image, face)

    def _known(self, image: Image, face: Face) -> _Track | None:
        """Who of those who left this is."""
        gone = [track for track in self._tracks if track.missing]
        if not gone:
            return None
        looks = embedding(Likeness.of(image, face))
        first = min(gone, key=lambda track: distance(track.looks, looks))
        return first if distance(first.looks, looks) < SAME else None

    def _forget(self) -> None:
        gone = sorted((track for track in self._tracks if track.missing), key=lambda track: -track.missing)
        for track in gone[: max(0, len(gone) - _REMEMBERED)]:
            self._tracks.remove(track)


@dataclass(eq=False)
class _Track:
    """Somebody: where they are or were, how they move, and what they look like.

    Attributes:
        face: The last that was seen of them, or where it is taken to be.
        likeness: A small picture of them, the most frontal so far.
        moving: How far the face goes from one frame to the next, x and y in pixels.
        missing: For how many frames it could not be seen; 0: it is there.
        doubts: How often in a row the finder saw no face where the mesh lies.
    """

    face: Face
    likeness: Likeness
    moving: NDArray[np.float32] = field(default_factory=lambda: np.zeros(2, np.float32))
    missing: int = 0
    doubts: int = 0

    @cached_property
    def looks(self) -> Embedding:
        """The embedding, computed when somebody must be told from others for the first time."""
        return embedding(self.likeness)

    def step(self, image: Image, taken: Sequence[Face]) -> None:
        """Look for the face in the next frame; a hidden one is none of those that are somebody's already."""
        if self.missing > _NEAR:
            self.missing += 1
            return
        moved = self.face.points.copy()
        moved[:, :2] += self.moving
        expected = self.face.moved(moved)
        now = self._look(image, nets.around(expected.points)) or self._search(image, expected)
        if self.missing and now is not None and any(same(now, face) for face in taken):
            now = None
        if now is None or (self.missing > _BRIEF and not self._alike(image, now)):
            self.face = replace(expected, presence=0.0)
            self.lose()
        else:
            self.see(image, now)

    def see(self, image: Image, face: Face) -> None:
        """Take note of the face as it was found."""
        came = face.centre - self.face.centre
        self.moving = came * np.float32(0.8) if not self.missing else np.zeros(2, np.float32)
        self.face = replace(face, person=self.face.person)
        self.missing = 0
        if self.likeness.aside > _FRONTAL and Likeness.turned(face) < self.likeness.aside - _FRONTAL:
            self.likeness = Likeness.of(image, face)
            self.__dict__.pop("looks", None)

    def lose(self) -> None:
        """Take note that it could not be seen."""
        self.missing += 1
        self.moving = self.moving * np.float32(0.7)
        self.doubts = 0

    def check(self, image: Image) -> None:
        """Ask the finder whether there is a face under the mesh."""
        self.doubts = 0 if nets.agreement(image, self.face) < _ASTRAY else self.doubts + 1
        if self.doubts >= _DOUBTS:
            self.lose()
            self.missing = _NEAR + 1

    def _alike(self, image: Image, face: Face) -> bool:
        return distance(self.looks, embedding(Likeness.of(image, face))) < SAME

    def _look(self, image: Image, place: Square) -> Face | None:
        """Look, and as long as the face turns out to be elsewhere, look again there."""
        for _ in range(_LOOKS):
            face = nets.look(image, place)
            if face.presence < _KEPT:
                return None
            before, place = place, nets.around(face.points)
            if _fits(before, place):
                break
        return face

    def _search(self, image: Image, expected: Face) -> Face | None:
        """Look around with the finder, the nearer the better."""
        place = nets.around(expected.points)
        found = nets.detect(image, Square(place.x, place.y, 2.5 * place.radius, place.angle), PRESENT)
        for _, other in sorted(found, key=lambda one: np.hypot(one[1].x - place.x, one[1].y - place.y)):
            if 0.5 < other.radius / place.radius < 2:
                face = nets.look(image, other)
                return face if face.presence >= PRESENT else None
        return None


def _fits(place: Square, face: Square) -> bool:
    """Whether a face was looked at in about the square that belongs to it; else the mesh lags behind."""
    turn = abs(remainder(place.angle - face.angle, tau))
    return place.near(face, _OFF) and turn < _OFF

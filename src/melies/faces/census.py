"""Who appears when in a film: faces followed through every shot, then known again from shot to shot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from math import cos, radians

from melies.engine.shots import mark_shots, shots
from melies.faces.face import Face
from melies.faces.finder import Finder
from melies.faces.identity import Embedding, Likeness, cluster, embedding
from melies.faces.tracker import Tracker
from melies.frame import Frame, Image

_FLEETING = 3
"""Frames that a face must be seen in a longer shot, else it was a mistake or too short to matter."""
_BETTER = 1.1
"""By how much a later view of somebody must be better to be kept in place of an earlier one."""


@dataclass(frozen=True)
class Appearance:
    """A face in one shot.

    Attributes:
        shot: Which shot, counted from 1.
        face: Its number among the faces of the shot, counted from 1: what effects take as `--face`.
        start: When it is first seen, in seconds.
        end: When it was last seen, in seconds.
        seconds: For how long it was seen.
        size: How large it is on average, in pixels.
    """

    shot: int
    face: int
    start: float
    end: float
    seconds: float
    size: float


@dataclass(frozen=True)
class Person:
    """Somebody in a film.

    Attributes:
        appearances: Where they are seen, in order.
        picture: `150×150×3`, their face where it was seen best.
    """

    appearances: tuple[Appearance, ...]
    picture: Image

    @property
    def seconds(self) -> float:
        """For how long they are seen in all."""
        return round(sum(one.seconds for one in self.appearances), 3)


def census(
    frames: Iterator[Frame],
    *,
    most: int = 8,
    thorough: bool = False,
    model: Finder = "face",
    seen: Callable[[], None] = lambda: None,
) -> list[Person]:
    """Find out who appears when.

    Args:
        frames: A film.
        most: The most faces that are followed at once.
        thorough: Whether small faces are looked for too, as in `find`.
        model: What finds faces, as in `find`.
        seen: Called after every frame.

    Returns:
        The people, those first who are seen longest. People of whom only small faces are seen may be taken for others.
    """
    sightings: list[_Sighting] = []
    for number, shot in enumerate(shots(mark_shots(frames)), 1):
        sightings += _of_shot(shot, number, Tracker(most, thorough=thorough, model=model), seen)
    strangers = [
        (index, other)
        for (index, one), (other, two) in combinations(enumerate(sightings), 2)
        if one.shot == two.shot and one.start < two.end and two.start < one.end
    ]
    looks = [one.looks for one in sightings]
    people: dict[int, list[_Sighting]] = {}
    for sighting, person in zip(sightings, cluster(looks, strangers=strangers), strict=True):
        people.setdefault(person, []).append(sighting)
    found = [Person(tuple(one.told() for one in group), _best(group).likeness.picture) for group in people.values()]
    return sorted(found, key=lambda person: -person.seconds)


def _of_shot(frames: Iterator[Frame], number: int, tracker: Tracker, seen: Callable[[], None]) -> Iterator[_Sighting]:
    people: dict[int, _Sighting] = {}
    length = 0
    for frame in frames:
        for face in tracker.step(frame.image):
            if face.person not in people:
                people[face.person] = _Sighting(number, face.person, frame, face)
            people[face.person].add(frame, face)
        length += 1
        seen()
    for sighting in people.values():
        if sighting.frames >= min(_FLEETING, length):
            sighting.settle()
            yield sighting


class _Sighting:
    """An appearance while it goes on."""

    looks: Embedding

    def __init__(self, shot: int, person: int, frame: Frame, face: Face) -> None:
        self.shot = shot
        self.person = person
        self.start = self.end = frame.time
        self.frames = 0
        self.seconds = 0.0
        self.sizes = 0.0
        self.goodness = 0.0
        self.likeness = Likeness.of(frame.image, face)

    def add(self, frame: Frame, face: Face) -> None:
        lasts = float(frame.duration * frame.time_base)
        self.frames += 1
        self.seconds += lasts
        self.end = frame.time + lasts
        self.sizes += face.size
        goodness = face.presence * face.size * cos(radians(face.pose.yaw)) * cos(radians(face.pose.pitch))
        if goodness > _BETTER * self.goodness:
            self.goodness = goodness
            self.likeness = Likeness.of(frame.image, face)

    def settle(self) -> None:
        self.looks = embedding(self.likeness)

    def told(self) -> Appearance:
        start, end, seconds = (round(time, 3) for time in (self.start, self.end, self.seconds))
        return Appearance(self.shot, self.person + 1, start, end, seconds, round(self.sizes / self.frames, 1))


def _best(group: list[_Sighting]) -> _Sighting:
    return max(group, key=lambda one: one.goodness)

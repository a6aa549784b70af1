"""Who is seen in a catalogue: faces of shots, gathered into people who can be named.

Faces are described by 128 numbers each (`melies.faces.identity`). Those of a film are grouped among themselves first
(agglomerative clustering with average linkage), then every group joins the nearest person known, or founds a new one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby
from math import cos, radians
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.errors import UseError
from melies.faces.face import Face
from melies.faces.identity import TOGETHER, Embedding, Likeness, cluster, embedding
from melies.footage.material import Material
from melies.matting.scale import cv

if TYPE_CHECKING:
    from melies.footage.catalogue.ledger import Ledger

SMALLEST = 40
"""Pixels of the smallest face, in a still, of which anything can be told."""
ASIDE = 60
"""Degrees by which a face may look away from us."""

_AT_ONCE = 256
"""Faces that are grouped among themselves: the time grows with the cube of their number."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A face in a shot.

    Attributes:
        shot: The shot's id.
        descriptor: `128` float32: whose face it is.
        picture: JPEG of 150×150, the face upright in the middle.
        goodness: How well it is seen: larger, more frontal faces are better.
    """

    shot: str
    descriptor: Embedding
    picture: bytes
    goodness: float


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody.

    Attributes:
        number: For good.
        name: As given; None until then.
        shots: In how many shots they are seen.
        films: In how many films.
        picture: JPEG of 150×150: their face where it was seen best.
    """

    number: int
    name: str | None
    shots: int
    films: int
    picture: bytes

    @property
    def called(self) -> str:
        """The name, or the number where there is none."""
        return self.name or f"person {self.number}"


def sightings(material: Material, shot: str) -> list[Sighting]:
    """Describe the faces of a shot, in the still in which they are seen best.

    Args:
        material: What was looked at of the shot.
        shot: Its id.
    """
    seen = [[face for face in faces if _can_be_told(face)] for faces in material.faces]
    worth = [sum(map(_goodness, faces)) for faces in seen]
    best = int(np.argmax(worth))
    image = material.stills[best].image
    return [_sighting(Likeness.of(image, face), _goodness(face), shot) for face in seen[best]]


def _can_be_told(face: Face) -> bool:
    return face.size >= SMALLEST and Likeness.turned(face) <= ASIDE


def _goodness(face: Face) -> float:
    return face.presence * face.size * cos(radians(face.pose.yaw)) * cos(radians(face.pose.pitch))


def _sighting(likeness: Likeness, goodness: float, shot: str) -> Sighting:
    _, content = cv.imencode(".jpg", likeness.picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    return Sighting(shot, embedding(likeness), content.tobytes(), goodness)


def settle(db: sqlite3.Connection, film: str, seen: Sequence[Sighting]) -> None:
    """Write down who is seen in a film, in place of what was known; within a transaction of the caller's."""
    touched = {row[0] for row in db.execute("SELECT person FROM sightings WHERE film = ?", (film,))}
    # People stay when their faces go, so that the same faces find them again.
    db.execute("DELETE FROM sightings WHERE film = ?", (film,))
    for some in _portions(seen):
        whose = _Groups(db).place(some)
        db.executemany(
            "INSERT INTO sightings VALUES (?, ?, ?, ?)",
            [
                (one.shot, film, who, one.descriptor.astype("<f4").tobytes())
                for one, who in zip(some, whose, strict=True)
            ],
        )
        for person in set(whose):
            _weigh(db, person)
        touched -= set(whose)
    for person in touched:
        _weigh(db, person)
    db.execute("DELETE FROM people WHERE name IS NULL AND id NOT IN (SELECT person FROM sightings)")


def _portions(seen: Sequence[Sighting]) -> Iterator[list[Sighting]]:
    """As many as can be grouped at once, whole shots each."""
    portion: list[Sighting] = []
    for _, faces in groupby(seen, key=lambda one: one.shot):
        portion += faces
        if len(portion) >= _AT_ONCE:
            yield portion
            portion = []
    if portion:
        yield portion


class _Groups:
    """The people known, as the groups of faces that they are."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        rows = db.execute("SELECT id, weight, total, squares FROM people ORDER BY id").fetchall()
        self._ids = [row[0] for row in rows]
        weights = np.array([row[1] for row in rows], np.float64)
        totals = np.array([np.frombuffer(row[2], "<f8") for row in rows]).reshape(-1, 128)
        self._centres = totals / weights[:, None]
        self._spreads = np.array([row[3] for row in rows]) / np.maximum(weights, 1) - (self._centres**2).sum(1)

    def place(self, seen: Sequence[Sighting]) -> list[int]:
        """Return the person of every face; no two of one shot are the same."""
        strangers = [(i, j) for (i, one), (j, two) in combinations(enumerate(seen), 2) if one.shot == two.shot]
        numbers = cluster([one.descriptor for one in seen], strangers=strangers)
        groups: dict[int, list[Sighting]] = {}
        for number, one in zip(numbers, seen, strict=True):
            groups.setdefault(number, []).append(one)
        shots = {number: {one.shot for one in faces} for number, faces in groups.items()}
        near = np.array([self._apart(np.stack([one.descriptor for one in faces])) for faces in groups.values()])
        person: dict[int, int] = {}
        for place in np.argsort(near, axis=None):
            group, known = divmod(int(place), near.shape[1])
            if near[group, known] >= TOGETHER:
                break
            others = (other for other, taken in person.items() if taken == self._ids[known])
            if group not in person and not any(shots[group] & shots[other] for other in others):
                person[group] = self._ids[known]
        for group, faces in groups.items():
            best = max(faces, key=lambda one: one.goodness)
            person[group] = _show(self._db, best, person.get(group))
        return [person[number] for number in numbers]

    def _apart(self, faces: NDArray[np.float32]) -> NDArray[np.float64]:
        """Root of the mean square distance of some faces to those of every person."""
        centre = faces.mean(0, dtype=np.float64)
        spread = float((faces.astype(np.float64) ** 2).sum(1).mean() - (centre**2).sum())
        apart: NDArray[np.float64] = np.sqrt(
            np.maximum(0, ((self._centres - centre) ** 2).sum(1) + self._spreads + spread)
        )
        return apart


def _show(db: sqlite3.Connection, face: Sighting, person: int | None) -> int:
    """Let a face stand for somebody if none was better so far; begin a person if there is none. Return who it is."""
    if person is not None:
        db.execute(
            "UPDATE people SET picture = ?, goodness = ? WHERE id = ? AND goodness < ?",
            (face.picture, face.goodness, person, face.goodness),
        )
        return person
    total = face.descriptor.astype("<f8")
    made = db.execute(
        "INSERT INTO people (weight, total, squares, picture, goodness) VALUES (1, ?, ?, ?, ?)",
        (total.tobytes(), float((total**2).sum()), face.picture, face.goodness),
    )
    assert made.lastrowid is not None
    return made.lastrowid


def _weigh(db: sqlite3.Connection, person: int) -> None:
    """Sum up somebody's faces anew; of somebody named who is seen no more, the last sum is kept."""
    rows = db.execute("SELECT descriptor FROM sightings WHERE person = ?", (person,)).fetchall()
    if rows:
        faces = np.array([np.frombuffer(row[0], "<f4") for row in rows], np.float64)
        db.execute(
            "UPDATE people SET weight = ?, total = ?, squares = ? WHERE id = ?",
            (len(faces), faces.sum(0).astype("<f8").tobytes(), float((faces**2).sum()), person),
        )


def everybody(ledger: Ledger) -> list[Person]:
    """Return all people, those first who are seen in most shots."""
    rows = ledger.db.execute(
        "SELECT people.id, name, count(shot), count(DISTINCT film), picture FROM people"
        " LEFT JOIN sightings ON person = people.id GROUP BY people.id ORDER BY count(shot) DESC, people.id"
    )
    return [Person(*row) for row in rows]


def find(ledger: Ledger, who: str | int) -> Person:
    """Return somebody by number, by name (whatever the case), or by `"person 3"`.

    Raises:
        UseError: There is nobody like that.
    """
    people = everybody(ledger)
    word = str(who).strip().casefold()
    for person in people:
        if word in (str(person.number), f"person {person.number}", person.called.casefold()):
            return person
    names = ", ".join(person.name for person in people if person.name)
    known = f"There are {names}." if names else "Nobody has a name yet."
    raise UseError(f"There is nobody called {who} in the catalogue.", known)


def name(ledger: Ledger, number: int, called: str) -> None:
    """Give somebody a name, or another one.

    Raises:
        UseError: There is nobody of that number, or somebody else has the name already.
    """
    person, called = find(ledger, number), " ".join(called.split())
    if not called or called.isdecimal() or called.casefold().startswith("person "):
        raise UseError(f"{called!r} cannot be a name.", "Numbers stand for those who have none.")
    for other in everybody(ledger):
        if other.number != number and (other.name or "").casefold() == called.casefold():
            raise UseError(
                f"Person {other.number} is called {other.name} already.",
                f"If both are the same, join them: --merge {other.number} {number}",
            )
    with ledger.db:
        ledger.db.execute("UPDATE people SET name = ? WHERE id = ?", (called, person.number))


def merge(ledger: Ledger, number: int, other: int) -> None:
    """Say that two are the same person; the first keeps number and name, or takes the other's name if it has none.

    Raises:
        UseError: There is nobody of one of the numbers, or both are the same.
    """
    one, two = find(ledger, number), find(ledger, other)
    if one.number == two.number:
        raise UseError(f"Person {number} cannot be merged with themselves.")
    db = ledger.db
    with db:
        db.execute("UPDATE OR IGNORE sightings SET person = ? WHERE person = ?", (one.number, two.number))
        db.execute("DELETE FROM sightings WHERE person = ?", (two.number,))
        picture, goodness = db.execute("SELECT picture, goodness FROM people WHERE id = ?", (two.number,)).fetchone()
        db.execute("DELETE FROM people WHERE id = ?", (two.number,))
        db.execute("UPDATE people SET name = coalesce(name, ?) WHERE id = ?", (two.name, one.number))
        db.execute(
            "UPDATE people SET picture = ?, goodness = ? WHERE id = ? AND goodness < ?",
            (picture, goodness, one.number, goodness),
        )
        _weigh(db, one.number)


def forget(ledger: Ledger, number: int | None) -> None:
    """Remove somebody's faces, what describes them, and the name; of everybody if None.

    Raises:
        UseError: There is nobody of that number.
    """
    db = ledger.db
    if number is not None:
        number = find(ledger, number).number
    with db:
        for table, column in (("sightings", "person"), ("people", "id")):
            db.execute(f"DELETE FROM {table} WHERE ? IS NULL OR {column} = ?", (number, number))  # noqa: S608

"""Who is seen in a catalogue: faces of shots, gathered into people who can be named.

Faces are described by 128 numbers each (`melies.faces.identity`). Those of a film are grouped among themselves first
(agglomerative clustering with average linkage), then every group joins the nearest person known, or founds a new one.

Somebody made of several who were joined keeps the likeness of each: a row of `people` that says in `same_as` who it is.
So the same faces find the same person again whenever films are read anew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
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

_DELETE_NAMELESS = """
DELETE FROM people WHERE id = :person AND name IS NULL AND same_as IS NULL
    AND NOT EXISTS (SELECT 1 FROM people AS other WHERE other.same_as = :person)
"""
"""What somebody has named or joined stays when nobody is seen any more."""
_AT_ONCE = 256
"""Faces that are grouped among themselves: the time grows with the cube of their number."""
_LISTED = 20
"""Numbers of people that an error lists."""


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
    """

    number: int
    name: str | None
    shots: int
    films: int

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


def settle(ledger: Ledger, film: str, seen: Sequence[Sighting]) -> None:
    """Write down who is seen in a film, in place of what was known; within `Ledger.change`."""
    db = ledger.db
    touched = {row[0] for row in db.execute("SELECT person FROM sightings WHERE film = ?", (film,))}
    if not seen and not touched:
        return
    crowd = ledger.crowd = ledger.crowd or Crowd(db)
    # People stay when their faces go, so that the same faces find them again.
    db.execute("DELETE FROM sightings WHERE film = ?", (film,))
    for some in _portions(seen):
        whose = crowd.place(some)
        anew = {person for person in set(whose) if person in touched or not _is_seen(db, person)}
        db.executemany(
            "INSERT INTO sightings VALUES (?, ?, ?, ?)",
            [
                (one.shot, film, who, one.descriptor.astype("<f4").tobytes())
                for one, who in zip(some, whose, strict=True)
            ],
        )
        for person in anew:
            crowd.put(person, _weigh(db, person))
        for person in set(whose) - anew:
            crowd.put(person, _add(db, person, [one for one, who in zip(some, whose, strict=True) if who == person]))
        touched -= set(whose)
    for person in touched:
        if _is_seen(db, person):
            crowd.put(person, _weigh(db, person))
        elif db.execute(_DELETE_NAMELESS, {"person": person}).rowcount:
            crowd.drop(person)


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


@dataclass(frozen=True, slots=True)
class _Sum:
    """Faces summed up: how many, the sum of what describes them (`128`), and that of its squares."""

    weight: int
    total: NDArray[np.float64]
    squares: float

    @classmethod
    def of(cls, faces: NDArray[np.float32]) -> _Sum:
        """Sum up `N×128` faces."""
        return cls(len(faces), faces.sum(0, dtype=np.float64), float((faces.astype(np.float64) ** 2).sum()))

    @property
    def group(self) -> tuple[NDArray[np.float64], float]:
        """Their mean, and how far they are from it: the mean square."""
        centre = self.total / self.weight
        return centre, self.squares / self.weight - float((centre**2).sum())


class Crowd:
    """The people known, as the groups of faces that they are; kept from film to film while nobody else changes them."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        rows = db.execute("SELECT id, weight, total, squares FROM people ORDER BY id")
        groups = {id: _Sum(weight, np.frombuffer(total, "<f8"), squares).group for id, weight, total, squares in rows}
        self._ids = list(groups)
        self._centres = np.array([centre for centre, _ in groups.values()]).reshape(-1, 128)
        self._spreads = np.array([spread for _, spread in groups.values()])

    def put(self, person: int, faces: _Sum) -> None:
        """Say what is known of somebody now."""
        centre, spread = faces.group
        if person not in self._ids:
            self._ids.append(person)
            self._centres = np.vstack([self._centres, centre])
            self._spreads = np.append(self._spreads, spread)
        else:
            place = self._ids.index(person)
            self._centres[place], self._spreads[place] = centre, spread

    def drop(self, person: int) -> None:
        """Forget somebody."""
        place = self._ids.index(person)
        del self._ids[place]
        self._centres = np.delete(self._centres, place, 0)
        self._spreads = np.delete(self._spreads, place)

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


def _is_seen(db: sqlite3.Connection, person: int) -> bool:
    return db.execute("SELECT 1 FROM sightings WHERE person = ? LIMIT 1", (person,)).fetchone() is not None


def _weigh(db: sqlite3.Connection, person: int) -> _Sum:
    """Sum up anew the faces of somebody who is seen; of those named who are seen no more, the last sum is kept."""
    rows = db.execute("SELECT descriptor FROM sightings WHERE person = ?", (person,))
    return _write(db, person, _Sum.of(np.array([np.frombuffer(row[0], "<f4") for row in rows])))


def _add(db: sqlite3.Connection, person: int, seen: Sequence[Sighting]) -> _Sum:
    """Add faces to those that somebody has, whatever their number is."""
    weight, total, squares = db.execute("SELECT weight, total, squares FROM people WHERE id = ?", (person,)).fetchone()
    more = _Sum.of(np.stack([one.descriptor for one in seen]))
    faces = _Sum(weight + more.weight, np.frombuffer(total, "<f8") + more.total, squares + more.squares)
    return _write(db, person, faces)


def _write(db: sqlite3.Connection, person: int, faces: _Sum) -> _Sum:
    db.execute(
        "UPDATE people SET weight = ?, total = ?, squares = ? WHERE id = ?",
        (faces.weight, faces.total.astype("<f8").tobytes(), faces.squares, person),
    )
    return faces


_PEOPLE = """
SELECT one.id, one.name, count(DISTINCT shot), count(DISTINCT film) FROM people AS one
    LEFT JOIN people AS likeness ON likeness.id = one.id OR likeness.same_as = one.id
    LEFT JOIN sightings ON person = likeness.id WHERE one.same_as IS NULL
"""
_LIKENESSES = "SELECT id FROM people WHERE id = ?1 OR same_as = ?1"


def everybody(ledger: Ledger) -> list[Person]:
    """Return all people, those first who are seen in most shots."""
    rows = ledger.db.execute(f"{_PEOPLE} GROUP BY one.id ORDER BY count(DISTINCT shot) DESC, one.id")
    return [Person(*row) for row in rows]


def count(ledger: Ledger) -> int:
    """Return how many people there are."""
    return int(ledger.db.execute("SELECT count(*) FROM people WHERE same_as IS NULL").fetchone()[0])


def shots(ledger: Ledger, number: int) -> list[str]:
    """Return the ids of the shots in which somebody is seen."""
    query = f"SELECT DISTINCT shot FROM sightings WHERE person IN ({_LIKENESSES}) ORDER BY shot"  # noqa: S608
    rows = ledger.db.execute(query, (number,))
    return [shot for (shot,) in rows]


def portrait(ledger: Ledger, number: int) -> bytes:
    """Return somebody's face where it was seen best: JPEG of 150×150."""
    query = "SELECT picture FROM people WHERE id = ?1 OR same_as = ?1 ORDER BY goodness DESC LIMIT 1"
    return bytes(ledger.db.execute(query, (number,)).fetchone()[0])


def find(ledger: Ledger, who: str | int) -> Person:
    """Return somebody by number, by name (whatever the case), or by `"person 3"`.

    Raises:
        UseError: There is nobody like that.
    """
    known = _names(ledger)
    word = str(who).strip().casefold()
    for number, called in known.items():
        if word in (str(number), f"person {number}", called and called.casefold()):
            return Person(*ledger.db.execute(f"{_PEOPLE} AND one.id = ?", (number,)).fetchone())
    raise UseError(f"There is nobody called {who} in the catalogue.", _hint(known))


def _hint(known: Mapping[int, str | None]) -> str:
    """Say who there is, by name and by number."""
    names = ", ".join(filter(None, known.values()))
    numbers = ", ".join(map(str, list(known)[:_LISTED])) + (", …" if len(known) > _LISTED else "")
    named = f"Named: {names}." if names else "Nobody has a name yet."
    return f"{named} Numbered: {numbers}." if known else "Nobody is known."


def _names(ledger: Ledger) -> dict[int, str | None]:
    return dict(ledger.db.execute("SELECT id, name FROM people WHERE same_as IS NULL ORDER BY id"))


def name(ledger: Ledger, number: int, called: str) -> None:
    """Give somebody a name, or another one.

    Raises:
        UseError: There is nobody of that number, or somebody else has the name already.
    """
    person, called = find(ledger, number), " ".join(called.split())
    if not called or called.isdecimal() or called.casefold().startswith("person "):
        raise UseError(f"{called!r} cannot be a name.", "Numbers stand for those who have none.")
    for other, taken in _names(ledger).items():
        if other != number and (taken or "").casefold() == called.casefold():
            raise UseError(
                f"Person {other} is called {taken} already.",
                f"If both are the same, join them: --merge {other} {number}",
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
    with ledger.db as db:
        db.execute("UPDATE people SET name = NULL WHERE id = ?", (two.number,))
        db.execute("UPDATE people SET name = coalesce(name, ?) WHERE id = ?", (two.name, one.number))
        db.execute("UPDATE people SET same_as = ?1 WHERE id = ?2 OR same_as = ?2", (one.number, two.number))


def forget(ledger: Ledger, number: int | None) -> None:
    """Remove somebody's faces, what describes them, and the name; of everybody if None.

    Raises:
        UseError: There is nobody of that number.
    """
    with ledger.db as db:
        if number is None:
            gone = [id for (id,) in db.execute("SELECT id FROM people")]
        else:
            gone = [id for (id,) in db.execute(_LIKENESSES, (find(ledger, number).number,))]
        db.executemany("DELETE FROM sightings WHERE person = ?", ((id,) for id in gone))
        db.executemany("DELETE FROM people WHERE id = ?", ((id,) for id in gone))
    ledger.crowd = None

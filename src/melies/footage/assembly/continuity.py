"""What editors mind between two shots.

The rules are the usual ones, as Dmytryk, "On Film Editing" (1984), and Thompson and Bowen, "Grammar of the Edit"
(2009), give them; each is worth what it costs to break it, and what is not known of a shot is not held against it.
"""

from __future__ import annotations

from dataclasses import dataclass

from melies.footage.record import Record

SIZES = (
    "extreme close-up",
    "close-up",
    "medium close-up",
    "medium",
    "medium full",
    "full",
    "long",
    "extreme long",
)
"""From near to far; a step between two neighbours is the smallest change of size."""

_NEAR = 2.0
"""Seconds between two pieces of one film that still seem to be one take."""
_OPPOSED = {"pan left": "pan right", "tilt up": "tilt down", "push in": "pull out"}
_TIMES = ("day", "dusk", "night")


@dataclass(frozen=True, slots=True)
class Clash:
    """Something that speaks for or against a cut.

    Attributes:
        rule: Its name, such as `"jump cut"`.
        cost: How much it speaks against the cut; negative if for it. 1 outweighs a perfect match with the brief.
        why: In words.
    """

    rule: str
    cost: float
    why: str


def step(one: Record, other: Record) -> int | None:
    """Return by how many sizes two shots differ; None where one is not known."""
    sizes = one.value("size"), other.value("size")
    if not all(size in SIZES for size in sizes):
        return None
    first, second = (SIZES.index(str(size)) for size in sizes)
    return abs(first - second)


def same_subject(one: Record, other: Record) -> bool:
    """Whether two shots show the same: the same people, or nearly the same moment of one film."""
    people = set(one.people) & set(other.people)
    gap = max(one.shot.start, other.shot.start) - min(one.shot.end, other.shot.end)
    return bool(people) or (one.shot.file == other.shot.file and float(gap) < _NEAR)


def clashes(one: Record, other: Record) -> list[Clash]:
    """Return what speaks for and against cutting from one shot to another."""
    return [*_size(one, other), *_direction(one, other), *_light(one, other)]


def _size(one: Record, other: Record) -> list[Clash]:
    steps = step(one, other)
    if steps is None:
        if same_subject(one, other):
            return [Clash("jump cut", 0.5, "the same subject, and nothing says that the size changes")]
        return []
    size = other.value("size")
    if not same_subject(one, other):
        return [Clash("same size", 0.15, f"two in a row are {size}")] if steps == 0 else []
    if steps == 0:
        return [Clash("jump cut", 1.0, f"the same subject in the same size, {size}")]
    if steps == 1:
        return [Clash("jump cut", 0.4, "the same subject hardly nearer or farther")]
    return [Clash("cut in", -0.15, f"the same subject, from {one.value('size')} to {size}")]


def _direction(one: Record, other: Record) -> list[Clash]:
    found = []
    moves = one.value("movement"), other.value("movement")
    if moves in _OPPOSED.items() or moves[::-1] in _OPPOSED.items():
        found.append(Clash("motion", 0.3, f"{moves[0]} is followed by {moves[1]}"))
    looks = one.value("facing"), other.value("facing")
    if set(looks) == {"left", "right"}:
        if set(one.people) & set(other.people):
            found.append(Clash("180 degrees", 0.6, f"the same person looks {looks[0]}, then {looks[1]}"))
        elif one.people and other.people:
            found.append(Clash("eyelines", -0.15, "two people look towards each other"))
    return found


def _light(one: Record, other: Record) -> list[Clash]:
    found = []
    times = one.value("daytime"), other.value("daytime")
    if times[0] in _TIMES and times[1] in _TIMES and times[0] != times[1]:
        far = abs(_TIMES.index(str(times[0])) - _TIMES.index(str(times[1])))
        found.append(Clash("time of day", 0.1 * far, f"from {times[0]} to {times[1]}"))
    warmth = one.value("temperature"), other.value("temperature")
    if set(warmth) == {"warm", "cool"}:
        found.append(Clash("colour", 0.1, f"from {warmth[0]} to {warmth[1]} light"))
    return found

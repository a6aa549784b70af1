"""Which faces an effect works on: the field `Faces`, and the `Chooser` that picks them out of what a tracker sees.

    class Puppet(Effect):
        face: Faces = Field("largest", description=f"whose performance it is: {FACES}")

        def models(self):
            return ("face", *identity_models(self.face))

        def output(self, spec):
            Chooser(self.face)  # says in time that a reference picture shows nobody
            ...

        def apply(self, frames, spec):
            tracker, chooser = faces.Tracker(), Chooser(self.face)
            for frame in frames:
                for face in chooser.choose(frame.image, tracker.step(frame.image)):
                    ...

The default is `largest` where one face is worked on (puppet, swap) and `all` where a face left out would be a mistake
(anonymize, mask). Effects that work on one face take the first of what is chosen.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import numpy as np
from pydantic import BeforeValidator, Field

from melies.effects._fields import Named
from melies.errors import UseError
from melies.files import exists
from melies.suggest import did_you_mean

if TYPE_CHECKING:
    from melies.faces import Face
    from melies.faces.identity import Embedding
    from melies.frame import Image

Which = Literal["all", "largest", "left", "right", "top", "bottom", "centre", "first"]

FACES = (
    "all, largest, left, right, top, bottom, centre, first (who appears first in the shot), a number (1 is the first "
    "person of the shot, 2 the second) or a picture of who is meant"
)
"""What a field of this kind takes, for its description."""


def _number(value: Any) -> Any:
    number = int(value) if isinstance(value, str) and value.strip().isdecimal() else value
    if isinstance(number, int) and number < 1:
        raise ValueError(f"should be {FACES}")
    return number


Faces = Annotated[Which | Annotated[int, Field(ge=1)] | Named, BeforeValidator(_number)]
"""Which faces: one of the words, the number of a person in the shot, or the path of a picture of somebody."""

_PATIENCE = 12
"""For how many frames a face that cannot be seen is waited for before another one is taken in its place."""
_FIRM = 0.25
"""By what share another face must be larger, or further to the side, before it takes the place of the one that was."""
_LOOKS = (0, 4, 16, 48)
"""At which of its frames a face is compared with the picture: the first sight of somebody is often not the best."""
_STRANGE = 9.0


def identity_models(choice: Faces) -> tuple[str, ...]:
    """Name the model that a choice needs beside that of the faces, for `Effect.models`."""
    return () if isinstance(choice, int) or choice in get_args(Which) else ("face-identity",)


class Chooser:
    """Pick the faces of one shot that are meant; make a new one for every shot.

    `largest` and the words for places stay with somebody until another is clearly larger or further to that side, or
    until they could not be seen for twelve frames; until then nobody is chosen in their place. Whoever looks like a
    picture is recognised when they appear and a few more times, and followed in between.

    Args:
        choice: As in the field.

    Raises:
        UseError: The choice is neither a word nor a file, or the file shows no face.
    """

    def __init__(self, choice: Faces) -> None:
        self._choice = choice
        self._wanted: Embedding | None = None
        if identity_models(choice):
            self._wanted = _reference(str(choice))
        self._kept: int | None = None
        self._missing = 0
        self._looks: dict[int, int] = {}
        self._apart: dict[int, float] = {}

    def choose(self, image: Image, faces: list[Face]) -> list[Face]:
        """Return those of the faces that are meant: none, one, or with `all` every one.

        Args:
            image: The frame, as it was given to the tracker.
            faces: What `Tracker.step` or `find` returned for it.
        """
        if self._choice == "all":
            return list(faces)
        if self._wanted is not None:
            return self._alike(image, faces)
        if self._choice == "first" or isinstance(self._choice, int):
            person = 0 if self._choice == "first" else int(self._choice) - 1
            return [face for face in faces if face.person == person]
        return self._foremost(image, faces)

    def _foremost(self, image: Image, faces: list[Face]) -> list[Face]:
        """The face that goes furthest in some respect, in units in which `_FIRM` is a clear difference."""
        kept = next((face for face in faces if face.person == self._kept), None)
        self._missing = 0 if kept is not None else self._missing + 1
        if not faces or (self._kept is not None and kept is None and self._missing <= _PATIENCE):
            return []
        first = max(faces, key=lambda face: self._rank(image, face))
        if kept is None or self._rank(image, first) > self._rank(image, kept) + _FIRM:
            kept = first
        self._kept = kept.person
        return [kept]

    def _rank(self, image: Image, face: Face) -> float:
        (x, y), size = map(float, face.centre), max(face.size, 1.0)
        height, width = image.shape[:2]
        match self._choice:
            case "left":
                return -x / size
            case "right":
                return x / size
            case "top":
                return -y / size
            case "bottom":
                return y / size
            case "centre":
                return -float(np.hypot(x - (width - 1) / 2, y - (height - 1) / 2)) / size
        return float(np.log(size))

    def _alike(self, image: Image, faces: list[Face]) -> list[Face]:
        from melies.faces.identity import SAME, distance, embed

        assert self._wanted is not None
        for face in faces:
            seen = self._looks.get(face.person, 0)
            self._looks[face.person] = seen + 1
            if seen in _LOOKS:
                apart = distance(embed(image, face), self._wanted)
                self._apart[face.person] = min(apart, self._apart.get(face.person, _STRANGE))
        known = [face for face in faces if self._apart[face.person] < SAME]
        return [min(known, key=lambda face: self._apart[face.person])] if known else []


def _reference(text: str) -> Embedding:
    """The largest face of a picture, or of the first frame of a film."""
    path = Path(text)
    if not exists(path):
        raise UseError(
            f"There is no picture {text} to say which face is meant.{did_you_mean(text, get_args(Which))}",
            f"Write {', '.join(get_args(Which))}, a number, or the name of a picture.",
        )
    stat = path.stat()
    return _described(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=16)
def _described(path: Path, size: int, changed: int) -> Embedding:
    from melies.effects._background import Layer
    from melies.faces import embed, find

    with Layer(path, "hold") as layer:
        image = layer.at(Fraction(0)).image
    faces = find(image)
    if not faces:
        raise UseError(f"No face was found in {path}.", "Choose a picture that shows it from the front, and larger.")
    return embed(image, faces[0])

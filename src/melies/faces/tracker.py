"""`Tracker`: the faces of a shot, each known again from frame to frame."""

from __future__ import annotations

from dataclasses import replace

from melies.faces import nets
from melies.faces.face import Face
from melies.frame import Image
from melies.square import Square

_PRESENT = 0.5
"""Presence that makes a face, and keeps one."""
_EVERY = 8
"""Where some faces are followed, new ones are looked for only every so many frames."""


def find(image: Image, most: int = 16) -> list[Face]:
    """Find the faces of a picture, the largest first, and number them in that order.

    Args:
        image: `H×W×3` or `H×W×4`, uint8 or uint16.
        most: The most faces that are looked at.
    """
    image = image[..., :3]
    faces: list[Face] = []
    for _, place in nets.best([one for tile in _tiles(image) for one in nets.detect(image, tile)])[:most]:
        face = _settled(image, place)
        if face is not None and not any(_same(face, other) for other in faces):
            faces.append(face)
    faces.sort(key=lambda face: -face.size)
    return [replace(face, person=number) for number, face in enumerate(faces)]


class Tracker:
    """Follow the faces of one shot.

    Args:
        most: The most faces that are followed at once.
    """

    def __init__(self, most: int = 4) -> None:
        self._most = most
        self._faces: list[Face] = []
        self._people = 0
        self._frames = 0

    def step(self, image: Image) -> list[Face]:
        """Return the faces of the next frame, in the order in which they first appeared.

        Args:
            image: `H×W×3` or `H×W×4`, uint8 or uint16.
        """
        image = image[..., :3]
        seen: list[Face] = []
        for face in self._faces:
            now = replace(nets.look(image, nets.around(face.points)), person=face.person)
            if now.presence >= _PRESENT and not any(_same(now, other) for other in seen):
                seen.append(now)
        if len(seen) < self._most and (not seen or self._frames % _EVERY == 0):
            for face in find(image, self._most):
                if len(seen) < self._most and not any(_same(face, other) for other in seen):
                    seen.append(replace(face, person=self._people))
                    self._people += 1
        self._frames += 1
        self._faces = seen
        return list(seen)


def _settled(image: Image, place: Square) -> Face | None:
    """Look, and once more in the square around what was seen."""
    face = nets.look(image, place)
    if face.presence < _PRESENT:
        return None
    face = nets.look(image, nets.around(face.points))
    return face if face.presence >= _PRESENT else None


def _same(one: Face, other: Face) -> bool:
    return nets.around(one.points).near(nets.around(other.points), 0.5)


def _tiles(image: Image) -> list[Square]:
    """The whole picture in one square, then squares as high (or wide) as it is, side by side and overlapping."""
    height, width = image.shape[:2]
    short, long = sorted((width, height))
    tiles = [Square(width / 2, height / 2, long / 2)]
    if long > 1.2 * short:
        count = -(-2 * long // short) - 1
        for index in range(count):
            along = short / 2 + (long - short) * index / max(1, count - 1)
            tiles.append(
                Square(along, height / 2, short / 2) if width > height else Square(width / 2, along, short / 2)
            )
    return tiles

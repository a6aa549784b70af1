"""Finding the faces of one picture, without knowing where they were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from melies.faces import centerface, nets
from melies.faces.face import Face
from melies.frame import Image
from melies.imaging import split_alpha
from melies.square import Square

PRESENT = 0.5
"""Presence that makes a face."""
AGREED = 0.1
"""How far finder and mesh may be apart on a face that is new, in sizes of the face."""
_FOUND, _PARTLY = 0.5, 0.28
"""The finder's score from which something may be a face, and where only a part of it is in the picture."""
_SURE = 0.9
"""Presence that makes a face of something of which the finder is less sure."""
_MISTAKES = 8
"""How many more places than faces wanted are looked at, since some will be no face."""
_SMALL = 120
"""Side of the smallest squares that are looked at thoroughly, in pixels: the finder sees faces of a tenth of that."""


Finder = Literal["face", "centerface"]
"""The registry row that finds: BlazeFace, which is bundled, or CenterFace, which sees more and must be pulled."""


def find(
    image: Image, most: int = 16, *, thorough: bool = False, model: Finder = "face", besides: Sequence[Face] = ()
) -> list[Face]:
    """Find the faces of a picture, the largest first, and number them in that order.

    Faces are found that are a tenth as wide as the picture is high (or high as it is wide) and more.

    Args:
        image: `H×W×3` or `H×W×4`, uint8 or uint16.
        most: The most faces that are wanted; those of which the finder is surest.
        thorough: Whether to look for small ones too, from about 24 pixels on, in ever smaller parts of the picture: a
            second or so for 1920×1080.
        model: `"centerface"` finds small faces (from 10 pixels) and partly hidden ones, in less time than `thorough`.
        besides: Faces that are known already; they are left out.

    Raises:
        ModelError: CenterFace is wanted and was not pulled.
    """
    image, _ = split_alpha(image)
    if model == "centerface":
        places, confirm = centerface.detect(image), _seen
    else:
        tiles = _every_tile(image) if thorough else _tiles(image)
        seen = nets.best([one for tile in tiles for one in nets.detect(image, tile, _PARTLY)])
        places = [(score, place) for score, place in seen if score >= _FOUND or _cut_off(place, image)]
        confirm = _agreed
    known = [nets.around(face.points) for face in besides]
    new = [(score, place) for score, place in places if not any(place.near(other, 0.5) for other in known)]
    faces: list[Face] = []
    for score, place in new[: most + _MISTAKES]:
        face = confirm(image, place, score) if len(faces) < most else None
        if face is not None and not any(same(face, other) for other in (*besides, *faces)):
            faces.append(face)
    faces.sort(key=lambda face: -face.size)
    return [replace(face, person=number) for number, face in enumerate(faces)]


def _cut_off(place: Square, image: Image) -> bool:
    """Whether a face in this square goes beyond the picture's edge."""
    height, width = image.shape[:2]
    half = place.radius / nets.MARGIN
    return not (half <= place.x <= width - half and half <= place.y <= height - half)


def _agreed(image: Image, place: Square, score: float) -> Face | None:
    """Lay the mesh over what may be a face, and ask whether finder and mesh agree."""
    face = settled(image, place)
    if face is None or (score < _FOUND and face.presence < _SURE):
        return None
    return face if nets.agreement(image, face) < AGREED else None


def _seen(image: Image, place: Square, score: float) -> Face | None:
    """Lay the mesh over what is a face for certain; it needs a second look, since the box was another finder's."""
    face = nets.look(image, nets.around(nets.look(image, place).points))
    return face if face.presence >= PRESENT else None


def settled(image: Image, place: Square) -> Face | None:
    """Look, and once more in the square around what was seen."""
    face = nets.look(image, place)
    if face.presence < PRESENT:
        return None
    face = nets.look(image, nets.around(face.points))
    return face if face.presence >= PRESENT else None


def same(one: Face, other: Face) -> bool:
    """Whether two meshes lie on one face."""
    return nets.around(one.points).near(nets.around(other.points), 0.5)


def _tiles(image: Image) -> list[Square]:
    """The whole picture in one square, then squares as high (or wide) as it is, side by side and overlapping."""
    height, width = image.shape[:2]
    short, long = sorted((width, height))
    whole = Square(width / 2, height / 2, long / 2)
    return [whole, *_grid(width, height, short)] if long > 1.2 * short else [whole]


def _every_tile(image: Image) -> list[Square]:
    """The same, and squares of half the size, of half of that and so on."""
    height, width = image.shape[:2]
    tiles, side = _tiles(image), min(width, height) / 2
    while side >= _SMALL:
        tiles += _grid(width, height, side)
        side /= 2
    return tiles


def _grid(width: int, height: int, side: float) -> Iterator[Square]:
    """Squares that cover the picture, each overlapping the next by half."""
    for y in _steps(height, side):
        for x in _steps(width, side):
            yield Square(x, y, side / 2)


def _steps(length: float, side: float) -> list[float]:
    count = max(1, -int(-2 * length // side) - 1)
    return [side / 2 + (length - side) * index / max(1, count - 1) for index in range(count)]

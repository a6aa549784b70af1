"""Things fixed to a head: they turn with it, grow as it comes nearer, and vanish behind it."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.faces.anatomy import SKIN, Points
from melies.faces.face import Face
from melies.imaging import parse_colour
from melies.masking.texture import Texture
from melies.masking.things import Piece
from melies.matting.scale import code, cv, unit

Spot = NDArray[np.float32]
"""`3`: x, y, z."""

_DISTANCE = 60.0
"""From how many centimetres a face is usually seen; it decides how much nearer parts are enlarged."""
_BROAD = 15.33
"""The mean face's width, from ear to ear."""


@dataclass(frozen=True)
class Anchor:
    """A place on the head.

    Attributes:
        points: The mesh points whose middle it is.
        shift: Where it lies, seen from there; centimetres.
        width: How wide a sticker there is, unless it is told otherwise.
        mirror: Points of the other side, for what comes in pairs.
        faces: Which way a sticker there looks.
    """

    points: tuple[int, ...]
    shift: tuple[float, float, float]
    width: float
    mirror: tuple[int, ...] = ()
    faces: tuple[float, float, float] = (0, 0, -1)


ANCHORS: dict[str, Anchor] = {
    "eyes": Anchor((33, 133, 362, 263), (0, 0, -1.5), 14.5),
    "nose": Anchor((4,), (0, 0, -0.3), 4.5),
    "forehead": Anchor((10, 151), (0, -0.3, -0.3), 6),
    "hat": Anchor((10, 127, 356), (0, -5.6, 2.0), 17),
    "moustache": Anchor((164, 0), (0, -0.3, -0.3), 8),
    "mouth": Anchor((13, 14), (0, 0, -0.3), 6),
    "ears": Anchor((234, 93), (-0.4, 0.4, 0.6), 4, (454, 323), (-0.85, 0, -0.55)),
    "face": Anchor((6, 10, 152, 234, 454), (0, 0.3, -3.0), 17),
}
"""Where things can be fixed, by name."""


class Worn:
    """A piece, ready to be put on heads.

    Args:
        piece: What it is.
        scale: Times as large.
        shift: By how many centimetres it is moved, to the right as seen and down.
        turn: By how many degrees it is turned clockwise.
    """

    def __init__(self, piece: Piece, scale: float = 1, shift: tuple[float, float] = (0, 0), turn: float = 0) -> None:
        self._piece = piece
        self._texture = Texture(piece.image)
        self._scale = scale
        self._shift = shift
        self._turn = radians(turn)

    def put_on(self, image: NDArray[Any], face: Face, light: float, opacity: float) -> None:
        """Draw it on a picture (`H×W×3` or `×4`, changed in place), lit as the face is."""
        head = Head(face)
        anchor = ANCHORS[self._piece.anchor]
        self._place(image, head, anchor.points, 1, light, opacity)
        if anchor.mirror:
            self._place(image, head, anchor.mirror, -1, light, opacity)

    def _place(
        self, image: NDArray[Any], head: Head, points: tuple[int, ...], side: int, light: float, opacity: float
    ) -> None:
        anchor, piece = ANCHORS[self._piece.anchor], self._piece
        seen = opacity * head.facing(np.array(piece.faces, np.float32) * (side, 1, 1))
        middle = head.upright[list(points)].mean(0) + np.array(anchor.shift) * (side, 1, 1)
        middle = middle + np.array(piece.at) * (side * head.broad, 1, 1) + (*self._shift, 0)
        half = piece.width * self._scale * head.broad / 2
        tall = half * self._texture.height / self._texture.width
        corners = np.array([(-half, -tall), (half, -tall), (half, tall), (-half, tall)]) * (side, 1)
        spin = np.array([[cos(self._turn), sin(self._turn)], [-sin(self._turn), cos(self._turn)]])
        flat = np.column_stack([corners @ spin, np.zeros(4)]) + middle
        if piece.temples is not None and opacity:
            self._temples(image, head, flat, light, opacity)
        if seen > 0:
            _warp(image, self._texture, head.project(flat), light, seen)

    def _temples(self, image: NDArray[Any], head: Head, flat: NDArray[Any], light: float, opacity: float) -> None:
        """The bars from the frame to the ears: that of the side which is turned away is behind the head."""
        *colour, _ = parse_colour(self._piece.temples or "")
        paint = np.array(colour, np.float32) / np.float32(255) * np.float32(light)
        for outer, ear, side in ((flat[[0, 3]], 234, -1.0), (flat[[1, 2]], 454, 1.0)):
            seen = opacity * head.facing(np.array([side, 0, -0.25], np.float32))
            hinge = outer[0] + 0.36 * (outer[1] - outer[0])
            hook = head.upright[ear] * (1, 0, 1) + (0.35 * side, hinge[1] + 0.2, -1.2)
            thick = np.array([0, 0.17, 0]) * head.broad
            bar = np.stack([hinge - thick, hook - thick, hook + thick, hinge + thick])
            if seen > 0:
                _fill(image, head.project(bar), paint, seen)


class Head:
    """A seen head, and its own upright shape.

    Attributes:
        upright: The mesh as it would be seen from the front, in centimetres, `478×3`.
        broad: How wide it is, times the mean face.
    """

    def __init__(self, face: Face) -> None:
        self._pose = face.pose
        self.upright: Points = face.pose.from_picture(face.points)
        self.broad = float(np.clip((self.upright[454, 0] - self.upright[234, 0]) / _BROAD, 0.7, 1.4))

    def project(self, points: NDArray[Any]) -> Points:
        """Carry places of the upright head into the picture, with perspective: `N×2`."""
        seen = self._pose.to_picture(points.astype(np.float32))
        middle = self._pose.to_picture(self.upright[:SKIN].mean(0)[None])[0]
        nearer = 1 + (seen[:, 2:] - middle[2]) / (self._pose.scale * _DISTANCE)
        carried: Points = middle[:2] + (seen[:, :2] - middle[:2]) / np.maximum(nearer, 0.5)
        return carried

    def facing(self, direction: NDArray[Any]) -> float:
        """How well something that looks that way can be seen: 0 from behind and from the side, else soon 1."""
        towards = -float((self._pose.rotation @ direction)[2]) / float(np.linalg.norm(direction))
        t = float(np.clip((towards - 0.12) / 0.2, 0, 1))
        return t * t * (3 - 2 * t)


def _warp(image: NDArray[Any], texture: Texture, corners: Points, light: float, opacity: float) -> None:
    """Lay a texture over a picture so that its corners come where they should (top left first, clockwise)."""
    part = _part(image, corners)
    if part is None:
        return
    (rows, columns), origin = part
    source = texture.at_least(float(np.hypot(*(corners[1] - corners[0]))))
    height, width = source.shape[:2]
    # Corners are the outer edges of pixels, whose centres are whole numbers.
    outer = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32) - np.float32(0.5)
    matrix = cv.getPerspectiveTransform(outer, (corners - origin).astype(np.float32))
    size = (columns.stop - columns.start, rows.stop - rows.start)
    paint = cv.warpPerspective(source, matrix, size, flags=cv2.INTER_LINEAR, borderValue=(0, 0, 0, 0))
    _lay(image[rows, columns], paint[..., :3] * np.float32(light * opacity), paint[..., 3] * np.float32(opacity))


def _fill(image: NDArray[Any], corners: Points, colour: NDArray[np.float32], opacity: float) -> None:
    part = _part(image, corners)
    if part is None:
        return
    (rows, columns), origin = part
    mask = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.uint8)
    cv.fillConvexPoly(mask, np.rint((corners - origin) * 16).astype(np.int32), 255, cv2.LINE_AA, 4)
    cover = unit(mask) * np.float32(opacity)
    _lay(image[rows, columns], cover[..., None] * colour, cover)


def _part(image: NDArray[Any], corners: Points) -> tuple[tuple[slice, slice], NDArray[np.intp]] | None:
    """The part of a picture that a shape touches, and its origin; None where that is outside."""
    height, width = image.shape[:2]
    left, top = np.clip(np.floor(corners.min(0)) - 1, 0, (width, height)).astype(np.intp)
    right, bottom = np.clip(np.ceil(corners.max(0)) + 2, 0, (width, height)).astype(np.intp)
    if right - left < 1 or bottom - top < 1:
        return None
    return (slice(top, bottom), slice(left, right)), np.array([left, top])


def _lay(part: NDArray[Any], colours: NDArray[np.float32], cover: NDArray[np.float32]) -> None:
    """Lay colours (multiplied by their cover) over a part of a picture, in place."""
    part[..., :3] = code(np.clip(unit(part[..., :3]) * (1 - cover[..., None]) + colours, 0, 1), part.dtype)

"""People in a still: what the finder of things, the finder of faces and the finder of joints see of each, put together.

Joints are those of Bazarevsky et al., "BlazePose: On-device Real-time Body Pose tracking" (2020).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from melies import models
from melies.box import Box
from melies.faces.anatomy import canonical
from melies.faces.face import Face
from melies.footage.material import Thing
from melies.frame import Image
from melies.square import Square

_FACE = 0.2
"""Metres from the chin to the hair, about, for the face that the mesh covers, as far as pictures of it tell."""
_BODY = 1.7
"""Metres that somebody measures, about."""
_TORSO = 0.48
"""Metres from the shoulders to the hips, about."""
_LOOKED = 1
"""How many people without a face are looked at closely, the tallest; it takes a while."""
_TALL = 48
_HIGH = 0.25
"""Pixels, and share of the picture's height, that somebody must be tall for that."""
_MARGIN = 1.25
_PRESENT = 0.5
_ALONE = 0.4
"""Score from which somebody counts whose face is not seen."""
_EDGE = 0.02
"""How near the picture's edge what is cut by it ends, as a share of its side."""


@dataclass(frozen=True, slots=True)
class Joints:
    """Where the joints of a body are.

    Attributes:
        points: `33×2`, in pixels.
        seen: `33`, how likely each is seen, 0…1; those outside of the picture are not.
    """

    points: NDArray[np.float32]
    seen: NDArray[np.float32]

    def has(self, *which: int) -> bool:
        """Whether any of these is seen."""
        return bool(self.seen[list(which)].max() > 0.5)

    @property
    def torso(self) -> float:
        """From the middle of the shoulders to that of the hips, in pixels."""
        return float(np.linalg.norm(self.points[11:13].mean(0) - self.points[23:25].mean(0)))

    @property
    def turned(self) -> float:
        """How far the shoulders are apart in torsos: about 0.7 from the front, 0 from the side, -0.7 from behind."""
        return float(self.points[11, 0] - self.points[12, 0]) / max(self.torso, 1.0)


ANKLES = (27, 28)
"""Numbers of joints."""


@dataclass(frozen=True, slots=True)
class Figure:
    """Somebody in a still.

    Attributes:
        box: Where, in pixels; where only the face was found, about where head and chest are.
        sure: Confidence that it is a person, 0…1.
        face: Their face, if it was found.
        joints: Their joints, if they were looked for: not where the face was found, nor for small figures.
    """

    box: Box
    sure: float
    face: Face | None = None
    joints: Joints | None = None

    def cut(self, image: Image) -> bool:
        """Whether the lower edge of the picture cuts them."""
        return bool(self.box.bottom >= image.shape[0] * (1 - _EDGE))

    def beside(self, image: Image) -> bool:
        """Whether the left or right edge of the picture cuts them."""
        width = float(image.shape[1])
        return self.box.left <= width * _EDGE or self.box.right >= width * (1 - _EDGE)

    def face_share(self, image: Image) -> float:
        """How high the face would be, if it looked straight ahead, as a share of the picture; 0 without one."""
        return tall(self.face) / float(image.shape[0]) if self.face else 0.0

    def span(self, image: Image) -> float:
        """How many metres of the world the picture is high where they are, about."""
        if self.face is not None:
            return _FACE / self.face_share(image)
        height = float(image.shape[0])
        whole = _BODY * height / self.box.height
        if self.joints is None or (self.joints.has(*ANKLES) and not self.cut(image)):
            return whole
        torso = _TORSO * height / max(self.joints.torso, 1.0)
        # Whoever is cut by the lower edge is seen larger than if the box were all of them.
        return min(whole, torso) if self.cut(image) else torso


def tall(face: Face) -> float:
    """How high a face is in pixels, as it would be seen straight from the front."""
    return face.pose.scale * float(np.ptp(canonical().points[:, 1]))


def figures(image: Image, faces: Sequence[Face], things: Sequence[Thing]) -> tuple[Figure, ...]:
    """Put together what was found of people, the nearest first.

    Args:
        image: `H×W×3` uint8 RGB.
        faces: The faces in it.
        things: The things in it, people among them.
    """
    free = [thing for thing in things if thing.name == "person"]
    found = []
    for face in faces:
        owner = _owner(face, free)
        if owner is not None:
            free.remove(owner)
        box = owner.box if owner is not None else _around(face, image)
        found.append(Figure(box, max(face.presence, owner.sure if owner else 0.0), face))
    alone = sorted((thing for thing in free if thing.sure >= _ALONE), key=lambda thing: -thing.box.height)
    found += _looked_at(image, alone)
    return tuple(sorted(found, key=lambda figure: figure.span(image)))


def _owner(face: Face, people: list[Thing]) -> Thing | None:
    """The person whose upper part a face is in; of several, the one that it fills most."""
    x, y = face.centre
    fitting = [
        one
        for one in people
        if one.box.left <= x <= one.box.right and one.box.top <= y <= one.box.top + 0.75 * one.box.height
    ]
    return min(fitting, key=lambda one: one.box.width * one.box.height, default=None)


def _around(face: Face, image: Image) -> Box:
    left, top, right, bottom = face.box
    width, height = right - left, bottom - top
    edges = np.array([left - 0.5 * width, top - 0.4 * height, right + 0.5 * width, bottom + 1.5 * height])
    sides = image.shape[1], image.shape[0]
    left, top, right, bottom = np.clip(np.rint(edges), 0, sides * 2).astype(int).tolist()
    return Box(left, top, right, bottom)


def _looked_at(image: Image, people: Sequence[Thing]) -> Iterator[Figure]:
    for number, one in enumerate(people):
        close = number < _LOOKED and one.box.height >= max(_TALL, _HIGH * float(image.shape[0]))
        yield Figure(one.box, one.sure, joints=_joints(image, one.box) if close else None)


def _joints(image: Image, box: Box) -> Joints | None:
    """Look for the joints of somebody; None where the network sees nobody."""
    radius = _MARGIN * max(box.width, box.height) / 2
    place = Square((box.left + box.right) / 2, (box.top + box.bottom) / 2, radius)
    made = models.load("body").run({"input_1": place.cut(image, 256)[None]})
    if made["Identity_1"].item() < _PRESENT:
        return None
    landmarks = made["Identity"].reshape(39, 5)[:33]
    points = place.placed(landmarks[:, :2] - 128, 2 * radius / 256)
    height, width = image.shape[:2]
    inside = ((points >= 0) & (points < (width, height))).all(1)
    seen = np.where(inside, 1 / (1 + np.exp(-np.clip(landmarks[:, 3], -30, 30))), 0).astype(np.float32)
    return Joints(points, seen)

"""What a face does, apart from whose face it is: turned, moved, and away from its own rest."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import asin, atan2, cos, radians, sin

import numpy as np
from numpy.typing import NDArray

from melies.faces.anatomy import RIGID, SKIN, Points
from melies.faces.pose import fit, pose_of
from melies.puppetry.parts import EYES, Float, gape, gaze, opening, sizes

CLOSED = 0.09
"""Height of a closed eye's opening against its width, as the mesh sees it on anybody: lashes keep it from 0."""


@dataclass(frozen=True)
class Motion:
    """One moment of a performance in the measures of the mean face: nothing here tells what the performer looks like.

    Attributes:
        expression: `468×3`, where each point of the skin is against the performer's own face at rest, turned to the
            front, in centimetres of a face whose mouth and eyes are as large as the mean face's; x to the right as
            seen, y down, z away from the viewer.
        turn: `3`, how far the head is turned against rest: yaw (to the right of the picture), pitch (up) and roll
            (clockwise as seen), in degrees.
        looks: `3`, the same angles of the head as it is, as the mean face lies over it.
        shift: `2`, how far the head has moved against rest, in centimetres of the mean face, right and down.
        growth: How much larger it appears than at rest; 1 when it is as near.
        lids: `2`, how far the eyes are open, the right one first: 0 closed, 1 as at rest.
        gape: How far the lips are apart against the width of the mouth.
        calm: The same at rest.
        gaze: `2×2`, how far each iris has moved against rest, as a share of the eye's width, right and down.
    """

    expression: Float
    turn: Float
    looks: Float
    shift: Float
    growth: float
    lids: Float
    gape: float
    calm: float
    gaze: Float

    def mixed(self, other: Motion, share: float) -> Motion:
        """Return what lies between this and another motion: `share` (0…1) of the other."""
        return Motion(
            **{
                field.name: (1 - share) * getattr(self, field.name) + share * getattr(other, field.name)
                for field in fields(Motion)
            }
        )


@dataclass(frozen=True)
class Rest:
    """A performer's face at rest.

    Attributes:
        front: `478×3`, turned to the front, in centimetres of the mean face.
        angles: `3`, yaw, pitch and roll in degrees.
        scale: Pixels per centimetre.
        shift: `3`, where the middle of the head is, in pixels.
    """

    front: Points
    angles: Float
    scale: float
    shift: Float

    @staticmethod
    def of(points: Points) -> Rest:
        """Take a face, `478×3` in pixels, to be at rest."""
        pose = pose_of(points)
        return Rest(pose.from_picture(points), angles(pose.rotation), pose.scale, pose.shift)

    def mixed(self, other: Rest, share: float) -> Rest:
        """Return what lies between this and another rest: `share` (0…1) of the other."""
        return Rest(
            **{
                field.name: (1 - share) * getattr(self, field.name) + share * getattr(other, field.name)
                for field in fields(Rest)
            }
        )

    def motion(self, points: Points, seen: Points | None = None) -> Motion:
        """Say what a face does against this rest.

        Args:
            points: `478×3`, in pixels.
            seen: The same before it was made steady: an eye that is closed in it is closed, however short.
        """
        pose = fit(self.front[RIGID], points[RIGID])
        front = pose.from_picture(points)
        looks = angles(pose.rotation)
        lids = self._lids(front)
        if seen is not None:
            lids = np.minimum(lids, self._lids(pose_of(seen).from_picture(seen)))
        strayed = [gaze(front, *eye) - gaze(self.front, *eye) for eye in EYES]
        return Motion(
            expression=(front - self.front)[:SKIN] / sizes(self.front)[:, None],
            turn=looks - self.angles,
            looks=looks,
            shift=((pose.shift - self.shift)[:2] / self.scale).astype(np.float32),
            growth=pose.scale / self.scale,
            lids=lids,
            gape=gape(front),
            calm=gape(self.front),
            gaze=np.array(strayed, np.float32),
        )

    def _lids(self, front: Points) -> Float:
        """Return how far the eyes of a face turned to the front are open: 0 closed, 1 as here."""
        opened, usual = (np.array([opening(face, rim) for rim, _ in EYES]) for face in (front, self.front))
        lids = (opened - CLOSED) / np.maximum(usual - CLOSED, 0.05)
        # The mesh, which has hardly ever seen a wink, leaves the closed eye ajar while the other one is open.
        # One that only narrows it sees as it is.
        wink = np.maximum(np.clip(lids[::-1], 0, 1) - np.clip(lids, 0, 1), 0) ** 3
        closed: Float = np.clip(lids - wink, 0, 2).astype(np.float32)
        return closed


STILL = Motion(
    expression=np.zeros((SKIN, 3), np.float32),
    turn=np.zeros(3, np.float32),
    looks=np.zeros(3, np.float32),
    shift=np.zeros(2, np.float32),
    growth=1.0,
    lids=np.ones(2, np.float32),
    gape=0.0,
    calm=0.0,
    gaze=np.zeros((2, 2), np.float32),
)
"""Rest itself."""


def angles(rotation: Float) -> Float:
    """Return yaw, pitch and roll in degrees of a rotation as in `Pose`: the inverse of `rotation_of`."""
    yaw, pitch = atan2(-rotation[0, 2], rotation[2, 2]), asin(float(np.clip(rotation[1, 2], -1, 1)))
    rolled = rotation_of(np.degrees([yaw, pitch, 0.0])).T @ rotation
    return np.degrees(np.array([yaw, pitch, atan2(rolled[1, 0], rolled[0, 0])], np.float32))


def rotation_of(degrees: NDArray[np.floating]) -> Float:
    """Return the rotation that rolls a face that looks at the viewer, then raises and then turns it."""
    yaw, pitch, roll = (radians(float(angle)) for angle in degrees)
    turn = np.array([[cos(yaw), 0, -sin(yaw)], [0, 1, 0], [sin(yaw), 0, cos(yaw)]])
    rise = np.array([[1, 0, 0], [0, cos(pitch), sin(pitch)], [0, -sin(pitch), cos(pitch)]])
    tilt = np.array([[cos(roll), -sin(roll), 0], [sin(roll), cos(roll), 0], [0, 0, 1]])
    rotation: Float = (turn @ rise @ tilt).astype(np.float32)
    return rotation

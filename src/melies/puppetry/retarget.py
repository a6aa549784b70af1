"""`Sitter`: a portrait's face that does what another face does, in its own proportions and within its limits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from melies.faces.anatomy import LIPS_INNER, SKIN, Indices, Points, canonical
from melies.faces.pose import Pose, pose_of
from melies.puppetry.motion import Motion, angles, rotation_of
from melies.puppetry.parts import (
    EYES,
    LIDS,
    LOWER_LIP,
    LOWER_RIM,
    UPPER_LIP,
    UPPER_RIM,
    Float,
    gape,
    gaze,
    parts,
    sizes,
    width,
)

Region = Literal["all", "lips", "eyes", "expression", "pose"]

ROOM = np.array([28, 16, 35], np.float32)
"""How far, in degrees, a head is turned at most away from the portrait: yaw, pitch, roll."""
FAR = np.array([42, 30, 180], np.float32)
"""How far from the front it looks at most in the end; a portrait that looks further away only turns back."""
LEAST = 8.0
"""Degrees that it may always turn further, however far from the front it looks already."""
REACH = 3.0
"""Centimetres of the mean face that a head moves at most: the shoulders stay."""
GROWTH = 0.15
"""By what share it grows or shrinks at most."""
ASIDE = 0.28
"""How far from the middle an iris goes at most, as a share of the eye's width."""
_PARTED = 0.06
"""How far the lips are apart at rest, against the mouth's width, that are not meant to be closed."""
_WIDTH = 5.0
"""How wide a mouth usually is at most, in centimetres of the mean face."""
_SMILING = 0.15
"""How far the lips of a smiling portrait are apart, against the mouth's width, whose upper lip is raised already."""
_SMILE = (4.8, 5.8)
"""How wide a mouth is, in centimetres of the mean face, that begins to smile, and that does."""
_DRAWN = 0.7
"""How far a smile draws lips apart while the teeth stay closed, for as much as it widens the mouth."""
_THIN, _FULL = 0.6, 0.3
"""How thick a lip is at least, against rest, and how far the lips are apart, against the mouth's width, from which it
is as thick as then: lips are thin when they are pressed together."""
_BOTH = 1.5
"""How a portrait's open mouth and a performer's opening one are put together: the norm of both, from 1, their sum."""
_WIDEST, _LEAST_WIDER = 7.0, 0.5
"""How far the corners of a mouth are apart at most, and by how much they may always go further, in centimetres."""
_JAW = 4.5
"""Radius of the jaw around which lips slide, in centimetres of the mean face."""
_ASKEW, _HELD = (10, 35), 0.75
"""Degrees aside between which a portrait begins to hold its mouth back from going to a side, and by what share."""
_CORNERS = LIPS_INNER[[0, 10]]
WIDE = 1.35
"""How far eyes open at most, against rest."""


@dataclass(frozen=True)
class Manner:
    """How a motion is taken over.

    Attributes:
        region: What of it: everything, or only the lips, the eyes (with lids, gaze and brows), the whole expression, or
            the pose of the head.
        absolute: Take the head's angles and how far mouth and eyes are open as they are, not as they change from rest.
        gain: How strongly: 0 not at all, 1 as it was performed.
    """

    region: Region = "all"
    absolute: bool = False
    gain: float = 1.0


class Sitter:
    """The face of a portrait.

    Args:
        points: `478×3`, the portrait's face, in its pixels.
    """

    def __init__(self, points: Points) -> None:
        self.points = points
        self._pose = pose_of(points)
        self._front = self._pose.from_picture(points)
        self._angles = angles(self._pose.rotation)
        self._sizes = sizes(self._front)
        smiles = float(np.interp(width(self._front, LIPS_INNER), _SMILE, (0, 1)))
        self._aside = np.float32(_HELD * np.interp(abs(self._angles[0]), _ASKEW, (0, 1)))
        self._grins = smiles * min(1.0, gape(self._front) / _SMILING)

    def moved(self, motion: Motion, manner: Manner | None = None) -> Points:
        """Return where the portrait's points go, `478×3` in its pixels; exactly where they are for a motion at rest."""
        manner = manner or Manner()
        front = self._front.copy()
        if manner.region != "pose":
            self._express(front, motion, manner)
        pose = self._turned(motion, manner) if manner.region in ("all", "pose") else self._pose
        rest = Pose(rotation_of(self._angles), self._pose.scale, self._pose.shift)
        if pose is self._pose:
            pose = rest
        result: Points = self.points + (pose.to_picture(front) - rest.to_picture(self._front))
        for number in range(2):
            self._gaze(result, number, motion, manner)
        return result

    def _gaze(self, result: Points, number: int, motion: Motion, manner: Manner) -> None:
        """Lay an iris between the corners of its eye, in the picture: its depth is not known well enough to turn it."""
        rim, iris = EYES[number]
        middle, along = _corners(self.points, rim)
        middle_now, along_now = _corners(result, rim)
        turn = np.linalg.inv(_frame(along)) @ _frame(along_now)
        away = self.points[iris, :2] - middle
        result[iris, :2] = self.points[iris, :2] + (middle_now - middle) + away @ (turn - np.eye(2, dtype=np.float32))
        if manner.region not in ("all", "expression", "eyes"):
            return
        now = gaze(self.points, rim, iris)
        shift = manner.gain * min(1.0, 2 * float(motion.lids[number])) * motion.gaze[number]
        side = max(ASIDE, abs(float(now[0])))
        shift[0] = np.clip(now[0] + shift[0], -side, side) - now[0]
        result[iris, :2] += shift @ _frame(along_now)

    def _turned(self, motion: Motion, manner: Manner) -> Pose:
        """The head's pose: changes go through limits that are soft, so that nothing stops dead."""
        change = motion.looks - self._angles if manner.absolute else motion.turn
        up = np.clip(FAR - self._angles, LEAST, ROOM)
        down = np.clip(FAR + self._angles, LEAST, ROOM)
        change = _limited(manner.gain * change, np.where(change > 0, up, down))
        shift = _limited(manner.gain * motion.shift, REACH)
        growth = 1 + float(_limited(np.array(manner.gain * (motion.growth - 1)), GROWTH))
        place = self._pose.shift.copy()
        place[:2] += self._pose.scale * shift
        return Pose(rotation_of(self._angles + change), growth * self._pose.scale, place)

    def _express(self, front: Points, motion: Motion, manner: Manner) -> None:
        """Change the face that looks to the front."""
        part = parts()
        shares = {"lips": part.lips, "eyes": np.maximum(part.sight, part.brows)}.get(manner.region, part.any)
        change = manner.gain * (shares * self._sizes)[:, None] * motion.expression
        change *= (1 - part.lips * (1 - self._stretch(change)))[:, None]
        # A portrait that looks aside hides where its mouth would come from, and shows no room where it would go.
        change[:, 0] -= part.lips * self._aside * change[_CORNERS, 0].mean()
        change[:, 2] += part.lips * _round(self._front[:SKIN, 0], change[:, 0])
        # A smile that shows the teeth has raised the upper lip already.
        raised = part.upper_lip * np.float32(self._grins)
        change[:, 1] *= np.where(change[:, 1] < 0, 1 - raised, 1)
        if manner.region in ("all", "expression", "eyes"):
            change *= (1 - part.rims)[:, None]
            for number in range(2):
                self._blink(front, change, number, motion, manner)
        front[:SKIN] += change
        if manner.region != "eyes":
            self._speak(front, motion, manner)

    def _stretch(self, change: Float) -> float:
        """Return the share of a change that leaves the mouth no wider than mouths are: portraits may smile already."""
        before = width(self._front, LIPS_INNER)
        wider = float(np.linalg.norm(np.subtract(*(self._front[_CORNERS] + change[_CORNERS])))) - before
        room = max(_LEAST_WIDER, _WIDEST - before)
        return float(_limited(np.array(wider), room)) / wider if wider > 0 else 1.0

    def _blink(self, front: Points, change: Float, number: int, motion: Motion, manner: Manner) -> None:
        """Open or close an eye."""
        lids = float(motion.lids[number])
        opened = float(np.clip(1 + manner.gain * (lids - 1), 0, WIDE))
        upper, lower = LIDS[number]
        slit = front[upper] - front[lower]
        lift = np.zeros((len(parts().lids[number]), 3), np.float32)
        lift[:7] = 0.85 * (opened - 1) * slit
        lift[7:] = 0.15 * (1 - opened) * slit
        change += parts().lids[number].T @ lift

    def _opened(self, motion: Motion) -> Motion:
        """Return a motion whose lips a smile does not part, as far as this face smiles with its teeth at rest."""
        corners = motion.expression[_CORNERS, 0]
        smile = max(0.0, float(corners[1] - corners[0])) / width(canonical().points, LIPS_INNER)
        gap = max(min(motion.gape, motion.calm), motion.gape - _DRAWN * self._grins * smile)
        return replace(motion, gape=gap)

    def _speak(self, front: Points, motion: Motion, manner: Manner) -> None:
        """Set how far the lips are apart, and never let them cross or vanish."""
        least = np.float32(_THIN + (1 - _THIN) * min(1.0, manner.gain * motion.gape / _FULL))
        for edge, rim in ((UPPER_LIP, UPPER_RIM), (LOWER_LIP, LOWER_RIM)):
            before, now = (points[edge, 1] - points[rim, 1] for points in (self._front, front))
            thin = np.sign(before) * now < least * np.abs(before)
            front[edge, 1] += np.where(thin, least * before - now, 0)
        wide, calm = width(front, LIPS_INNER), gape(self._front)
        wanted = motion.gape if manner.absolute else _parted(calm, self._opened(motion))
        wanted = max(-calm, manner.gain * (wanted - calm))
        # A mouth that is wide because it smiles opens no further than another, and one that is pursed is less open.
        apart = calm * min(wide, width(self._front, LIPS_INNER)) + wanted * min(wide, _WIDTH) - gape(front) * wide
        before, slit = (points[LOWER_LIP, 1] - points[UPPER_LIP, 1] for points in (self._front, front))
        profile = np.sin(np.linspace(0, np.pi, 11)[1:-1])
        # Lips that the mesh sees overlap a little in the portrait may stay so.
        target = np.maximum(slit + apart * profile, np.minimum(before, 0))
        change = (target - slit).astype(np.float32)
        front[:SKIN, 1] += parts().speech.T @ np.concatenate([-0.15 * change, 0.85 * change])


def _round(x: Float, aside: Float) -> Float:
    """Return how far skin that slides aside over the jaw goes back, which the mesh does not see.

    Args:
        x: `N`, where it is, in centimetres to the right of the middle.
        aside: `N`, how far it goes to the right.
    """
    before, after = (np.sqrt(_JAW**2 - np.square(np.clip(side, -0.95 * _JAW, 0.95 * _JAW))) for side in (x, x + aside))
    back: Float = (before - after).astype(np.float32)
    return back


def _corners(points: Points, rim: Indices) -> tuple[Float, Float]:
    """Return the middle between an eye's corners in the picture, and the way from the first to the second."""
    first, second = points[rim[0], :2], points[rim[8], :2]
    return np.asarray((first + second) / 2, np.float32), np.asarray(second - first, np.float32)


def _frame(along: Float) -> Float:
    """Return the rows (along, across) that turn shares of an eye's width into pixels."""
    return np.array([along, [-along[1], along[0]]], np.float32)


def _parted(calm: float, motion: Motion) -> float:
    """Return how far the lips are apart, against the mouth's width, of a portrait whose lips are `calm` apart at rest.

    They open as much as the performer's, and close when those close. Lips of the performer that are a little apart at
    rest do not hold a portrait's closed ones together: they are apart there, too. A portrait that smiles with an open
    mouth opens it further, but not by as much again.
    """
    usual = min(motion.calm, calm)
    wider = max(0.0, motion.gape - usual)
    closed = max(0.0, 1 - motion.gape / usual) if usual > 0 else 0.0
    more = float(np.linalg.norm([calm - usual, wider], _BOTH))
    # Lips that hardly part at rest say nothing by closing.
    return usual + more - calm * min(1.0, usual / _PARTED) * closed


def _limited(value: NDArray[np.floating], most: NDArray[np.floating] | float) -> Float:
    """Values that go straight on near zero and never reach the limit."""
    limited: Float = (most * np.tanh(value / most)).astype(np.float32)
    return limited

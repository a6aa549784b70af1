"""Hands before a face: found, followed, and drawn as a mask.

Zhang et al., "MediaPipe Hands: On-device Real-time Hand Tracking" (2020).
"""

from __future__ import annotations

from math import atan2, cos, pi, sin

import numpy as np
from numpy.typing import NDArray

from melies import models
from melies.faces import Face, OneEuro
from melies.frame import Image
from melies.matting.scale import cv
from melies.square import Square, anchors

Joints = NDArray[np.float32]
"""`21×2`: the wrist, then four of the thumb and of each finger from its root to its tip, in pixels."""

_FINDER_SIDE, _JOINTS_SIDE = 192, 224
_EVERY = 3
"""Where no hand is followed, one is looked for every so many frames."""
_MOST = 2
_SCORE, _PRESENT, _STILL = 0.45, 0.5, 0.25
"""How sure it must be that there is a palm, that it is a hand, and that a hand which is followed is still one."""
_PATIENCE = 4
"""For how many frames a hand that is no longer seen is thought to be where it was."""
_AROUND = 1.15
"""Half the side of the square in which hands are looked for, in sizes of the face."""
_PALM = np.array([0, 1, 5, 9, 13, 17])
_FINGERS = [(root + joint, root + joint + 1) for root in (1, 5, 9, 13, 17) for joint in range(3)]
_BONES = np.array([*_FINGERS, (5, 9), (9, 13), (13, 17), (0, 1), (0, 5), (0, 17)])
_THICK = 0.3
"""Width of a finger as a share of the width of the palm, from the root of one finger to that of the last."""
_CUTOFF, _BETA = 1.5, 8.0
"""Of the `OneEuro` that steadies joints, which are given in sizes of the face."""
_JUMP = 0.05
"""Further than this, in sizes of the face, a joint goes only when it is seen there twice."""
_SHRINK = 0.7
"""A palm that is narrower than this share of what it was a frame ago was seen wrongly."""


class _Hand:
    """A hand that is followed.

    Attributes:
        joints: Where it is, steadied.
        missing: For how many frames it has not been seen.
    """

    def __init__(self, joints: Joints, size: float, time: float) -> None:
        self.joints, self.missing = joints, 0
        self._seen = joints
        self._steady = OneEuro(_CUTOFF, _BETA)
        self._steady(joints / size, time)

    def move(self, joints: Joints | None, size: float, time: float) -> bool:
        """Go to where its joints are seen now; what only one frame has seen far away is not believed.

        Returns:
            Whether it has been seen.
        """
        if joints is None or _width(joints) < _SHRINK * _width(self.joints):
            return False
        far = np.linalg.norm(joints - self.joints, axis=1) > _JUMP * size
        again = np.linalg.norm(joints - self._seen, axis=1) < np.linalg.norm(joints - self.joints, axis=1)
        believed = np.where((far & ~again)[:, None], self.joints, joints)
        self._seen, self.missing = joints, 0
        self.joints = np.asarray(self._steady(believed / size, time) * size, np.float32)
        return True


class Hands:
    """Follow the hands before one face of a shot, steadily."""

    def __init__(self) -> None:
        self._hands: list[_Hand] = []
        self._frames = 0

    def step(self, image: Image, face: Face, time: float) -> list[Joints]:
        """Return the hands near the face in the next frame.

        Args:
            image: `H×W×3`, uint8 or uint16.
            face: Where the face is.
            time: In seconds.
        """
        seen: list[_Hand] = []
        lost: list[_Hand] = []
        for hand in self._hands:
            if hand.move(look(image, around(hand.joints), _STILL), face.size, time):
                _add(seen, hand)
            else:
                hand.missing += 1
                lost.append(hand)
        if len(seen) < _MOST and (lost or self._frames % _EVERY == 0):
            x, y = map(float, face.centre)
            for place in detect(image, Square(x + 0.5, y + 0.5, _AROUND * face.size))[:_MOST]:
                new = look(image, place, _PRESENT)
                if new is None:
                    continue
                same = next((hand for hand in lost if _alike(hand.joints, new)), None)
                if same is None:
                    _add(seen, _Hand(new, face.size, time))
                elif same.move(new, face.size, time):
                    lost.remove(same)
                    _add(seen, same)
        for hand in lost:
            if hand.missing <= _PATIENCE:
                _add(seen, hand)
        self._frames += 1
        self._hands = seen[:_MOST]
        return [hand.joints for hand in self._hands]


def _add(hands: list[_Hand], hand: _Hand) -> None:
    """Keep a hand, unless it is one of those already."""
    if not any(_alike(hand.joints, other.joints) for other in hands):
        hands.append(hand)


def _alike(one: Joints, other: Joints) -> bool:
    return around(one).near(around(other), 0.5)


def look(image: Image, place: Square, least: float) -> Joints | None:
    """Return the joints of the hand in a square, upright for it; None if there is none.

    Args:
        image: `H×W×3` RGB, uint8 or uint16.
        place: The square.
        least: How sure it must be, 0…1.
    """
    made = models.load("hand").run({"input_1": place.cut(image, _JOINTS_SIDE)[None]}, ["Identity", "Identity_1"])
    if made["Identity_1"].item() < least:
        return None
    points = made["Identity"].reshape(21, 3)[:, :2]
    return place.placed(points - _JOINTS_SIDE / 2, 2 * place.radius / _JOINTS_SIDE)


def around(hand: Joints) -> Square:
    """Return the square around a hand's joints, upright for it, for the next look."""
    direction = (hand[6] + 2 * hand[10] + hand[14]) / 4 - hand[0]
    angle = atan2(float(direction[1]), float(direction[0])) + pi / 2
    axes = np.array([[cos(angle), sin(angle)], [-sin(angle), cos(angle)]])
    upright = hand @ axes.T
    low, high = upright.min(0), upright.max(0)
    side = float((high - low).max())
    x, y = axes.T @ ((low + high) / 2 - np.array([0, 0.1 * side])) + 0.5
    return Square(float(x), float(y), max(2.0, side), angle)


def detect(image: Image, place: Square) -> list[Square]:
    """Find hands in a square.

    Args:
        image: `H×W×3` RGB, uint8 or uint16.
        place: The square.

    Returns:
        The squares around them, upright for them, best first.
    """
    made = models.load("hand-detector").run({"input_1": place.cut(image, _FINDER_SIDE)[None]})
    boxes = made["Identity"][0]
    scores = 1 / (1 + np.exp(-np.clip(made["Identity_1"][0, :, 0], -30, 30)))
    found: list[Square] = []
    for anchor in np.argsort(-scores, kind="stable")[: np.count_nonzero(scores >= _SCORE)]:
        points = boxes[anchor].reshape(9, 2) + _ANCHORS[anchor]
        size = float(np.abs(boxes[anchor, 2:4]).max())
        up = points[4] - points[2]
        angle = atan2(float(up[1]), float(up[0])) + pi / 2
        ahead = np.array([sin(angle), -cos(angle)]) * size / 2
        scale = 2 * place.radius / _FINDER_SIDE
        (centre,) = place.placed((points[0] + ahead - _FINDER_SIDE / 2)[None], scale)
        square = Square(float(centre[0]) + 0.5, float(centre[1]) + 0.5, max(2.0, 1.3 * size * scale), angle)
        if not any(square.near(other, 0.5) for other in found):
            found.append(square)
    return found


def draw(hands: list[Joints], width: int, height: int) -> NDArray[np.float32]:
    """Draw hands as a mask, `H×W`, 0…1, softer the larger they are."""
    mask = np.zeros((height, width), np.float32)
    thick = 2.0
    for hand in hands:
        thick = max(thick, _THICK * _width(hand))
        drawn = np.rint(hand * 16).astype(np.int32)
        cv.fillPoly(mask, [drawn[_PALM]], 1.0, shift=4)
        for one, two in _BONES:
            cv.line(mask, drawn[one].tolist(), drawn[two].tolist(), 1.0, round(thick), shift=4)
    soft: NDArray[np.float32] = cv.GaussianBlur(mask, (0, 0), max(0.7, thick / 9))
    return soft


def _width(hand: Joints) -> float:
    return float(np.linalg.norm(hand[5] - hand[17]) + np.linalg.norm(hand[5] - hand[9]))


_ANCHORS = anchors(_FINDER_SIDE, (24, 2), (12, 6))

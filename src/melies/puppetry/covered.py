"""`Covered`: whether a hand is before somebody's mouth, which then shows nothing that a portrait could borrow."""

from __future__ import annotations

import cv2
import numpy as np

from melies.box import Box
from melies.faces import Face
from melies.faces.anatomy import LIPS_OUTER
from melies.frame import Image
from melies.matting.scale import cv
from melies.puppetry.parts import gape
from melies.puppetry.render.shapes import ramp
from melies.swapping.hands import Hands, draw

_PARTED = 0.03
"""How far lips are apart, against the mouth's width, below which nothing is seen between them."""
_SHARE = (0.04, 0.12)
"""Share of the mouth, lips and all, that is behind a hand, from which it counts, and from which nothing is borrowed."""
_COMES, _GOES = 0.06, 0.3
"""Seconds in which a hand comes to count, and in which the mouth is shown again."""


class Covered:
    """Follow the hands before one performer's mouth."""

    def __init__(self) -> None:
        self._hands = Hands()
        self._share: float | None = None

    def step(self, image: Image, face: Face, time: float, passed: float) -> float:
        """Return how far a mouth counts as covered, 0…1, steadily; looked at only while the lips are parted.

        Args:
            image: `H×W×3` or `H×W×4`, uint8 or uint16.
            face: Where the face is.
            time: In seconds.
            passed: Seconds since the frame before.
        """
        if gape(face.points) < _PARTED:
            return self._share or 0.0
        seen = float(ramp(self._behind(image[..., :3], face, time), *_SHARE))
        before = seen if self._share is None else self._share
        self._share = min(max(seen, before - passed / _GOES), before + passed / _COMES)
        return self._share

    def _behind(self, image: Image, face: Face, time: float) -> float:
        """Return the share of the mouth that is behind a hand."""
        hands = self._hands.step(image, face, time)
        if not hands:
            return 0.0
        lips = face.points[LIPS_OUTER, :2]
        corner, far = np.floor(lips.min(0)).astype(int) - 1, np.ceil(lips.max(0)).astype(int) + 2
        box = Box(*map(int, (*corner, *far)))
        mouth = np.zeros((box.height, box.width), np.float32)
        cv.fillPoly(mouth, [np.rint((lips - box.corner) * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
        hidden = draw([hand - box.corner for hand in hands], box.width, box.height)
        return float((hidden * mouth).sum() / max(float(mouth.sum()), 1.0))

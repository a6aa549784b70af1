"""`Witness`: whether the picture shows that a head has moved as far as the mesh says.

The mesh is one network for the whole face: a wink turns and tilts all of it by two or three degrees, while hair, ears
and glasses stand still. What the picture does not confirm is no motion of the head.
"""

from __future__ import annotations

from dataclasses import replace
from math import exp

import cv2
import numpy as np

from melies.faces.anatomy import FOREHEAD, NOSE_TIP, OVAL, RIGID, SKIN, Points
from melies.faces.pose import fit, pose_of
from melies.frame import Image
from melies.matting.scale import Map, cv
from melies.puppetry.motion import Motion
from melies.puppetry.neutral import Sight
from melies.puppetry.parts import Float, parts
from melies.puppetry.render.backdrop import take
from melies.puppetry.render.shapes import ramp
from melies.square import Square

_SIDE = 96
"""Side of the square in which a head is looked at, in pixels; a face takes half of it."""
_FINE, _COARSE = 2.0, 12.0
"""Sigmas, in these pixels, between which edges are compared: motions are small against them, and light is not seen."""
_RINGS = (1.06, 1.14, 1.22)
"""Where hair and ears are looked for, in sizes of the face's outline."""
_CALM = 0.8
"""How little of a point's surroundings may belong to brows, eyes or lips."""
_SHARE = (0.1, 0.5)
"""Share of a motion that is seen, from which it begins to count, and from which on all of it does."""
_FAR = (2.0, 4.0)
"""How far a head moves, in pixels of the square, until which the picture is asked, and from where the mesh is right."""
_NOISE = 1e-3
"""Change at a point, of 0…1, that means nothing: where edges would change no more, the mesh is right."""
_LAG = 0.1
"""Seconds in which what is seen comes to count."""


class Witness:
    """Compare frames with the one in which somebody is at rest.

    Args:
        rest: That frame, and the face in it.
        before: Who compared with another such frame so far: what was seen goes on to count for a moment.
    """

    def __init__(self, rest: Sight, before: Witness | None = None) -> None:
        self.rest = rest
        skin = rest.points[:SKIN, :2]
        middle = (skin.min(0) + skin.max(0)) / 2 + 0.5
        self._square = Square(float(middle[0]), float(middle[1]), float(np.ptp(skin, 0).max()))
        self._points = _steady_points(rest.points)
        matrix = self._square.matrix(_SIDE).astype(np.float32)
        self._scale = _SIDE / (2 * self._square.radius)
        self._place = np.ascontiguousarray((self._points[:, :2] @ matrix[:, :2].T + matrix[:, 2])[None])
        self._edges = self._look(rest.image)
        self._share: float | None = None if before is None else before._share

    def confirmed(self, motion: Motion, sight: Sight, passed: float) -> Motion:
        """Return a motion whose turn, shift and growth are as far as the picture shows them.

        Args:
            motion: What the mesh says.
            sight: The frame that it was said of.
            passed: Seconds since the frame before.
        """
        seen = self._seen(sight)
        lag = exp(-passed / _LAG)
        self._share = seen if self._share is None else lag * self._share + (1 - lag) * seen
        share = np.float32(self._share)
        return replace(
            motion,
            turn=share * motion.turn,
            looks=motion.looks - (1 - share) * motion.turn,
            shift=share * motion.shift,
            growth=1 + self._share * (motion.growth - 1),
        )

    def _seen(self, sight: Sight) -> float:
        """Return which share of the motion is seen, 0…1: least squares over edges (Lucas and Kanade 1981)."""
        pose = fit(self.rest.points[RIGID], sight.points[RIGID])
        away = self._scale * (pose.to_picture(self._points) - self._points)[:, :2]
        far = float(np.sqrt(np.square(away).sum(1).mean()))
        if far > _FAR[1]:
            return 1.0
        now = self._look(sight.image)
        both = (now + self._edges) / 2
        slope = np.stack([cv.Sobel(both, -1, 1, 0, scale=1 / 8), cv.Sobel(both, -1, 0, 1, scale=1 / 8)], 2)
        wanted = (take(slope, self._place)[0] * away).sum(1)
        change = take(now - self._edges, self._place)[0]
        noise = len(wanted) * _NOISE**2
        share = (noise - float(wanted @ change)) / (noise + float(wanted @ wanted))
        return float(max(ramp(share, *_SHARE), ramp(far, *_FAR)))

    def _look(self, image: Image) -> Map:
        """Return the edges in the square, `96×96`."""
        grey = cv.cvtColor(self._square.cut(image[..., :3], _SIDE), cv2.COLOR_RGB2GRAY)
        edges: Map = cv.GaussianBlur(grey, (0, 0), _FINE) - cv.GaussianBlur(grey, (0, 0), _COARSE)
        return edges


def _steady_points(face: Points) -> Float:
    """Return points of a head that an expression does not move, `N×3` in pixels: on its skin, and on hair and ears.

    Args:
        face: `478×3`, in pixels.
    """
    pose = pose_of(face)
    front = pose.from_picture(face)
    part = parts()
    skin = (1 - np.maximum.reduce([part.lips, part.sight, part.brows]) > _CALM) & (front[:SKIN, 1] < front[NOSE_TIP, 1])
    middle = (front[FOREHEAD] + front[NOSE_TIP]) / 2
    outline = front[OVAL]
    upper = outline[outline[:, 1] < front[NOSE_TIP, 1]]
    rings = [upper + np.float32(ring - 1) * (upper - middle) * np.array([1, 1, 0], np.float32) for ring in _RINGS]
    return pose.to_picture(np.concatenate([front[:SKIN][skin], *rings]))

"""What is around the face: hair, ears and neck follow it, further away less and less."""

from __future__ import annotations

import cv2
import numpy as np

from melies.faces.anatomy import CHIN, FOREHEAD, OVAL, RIGID, Points
from melies.faces.pose import fit
from melies.matting.scale import Map, cv
from melies.puppetry.render.backdrop import take
from melies.puppetry.render.mesh import Values
from melies.puppetry.render.shapes import ramp

_EARS = np.array([127, 356])
"""The sides of the head."""
_BACK = 0.25
"""How far behind them the hair's outline lies, in heights of the face: at the axis around which a head turns on its
neck, so that it stays, as a ball's does."""
_CALM = (0.2, 0.35)
"""How far from the face, in its heights, an expression is felt beside and below it: by then it is down to a third."""
_FELT = (0.45, 0.7)
"""How far from the face it is felt there at all, in its heights."""
_BELOW = (-0.15, 0.1)
"""Where the neck begins, which a jaw pulls further than cheeks pull the hair: from here to there below the chin."""
_BEHIND = 2.0
"""How quickly the head falls back outside the face's outline, per pixel of distance."""
_NECK = (-0.1, 0.6)
"""Where the neck stops following: from here to there below the chin, in heights of the face."""
_REACH = (0.6, 1.0)
"""How far from the face anything follows, in its heights."""


class Around:
    """The motion outside the face, ready for any motion of the face.

    The head turns as the face does, as a whole; what the outline does beyond that is spread by weights that fall with
    the distance (Shepard 1968) and dies away.

    Args:
        points: `478×3`, the face at rest, in pixels of the grid.
        width: Of the grid.
        height: Of the grid.

    Attributes:
        follow: `H×W`, how far each place turns with the head, 0…1.
        moves: `H×W`, whether a place moves at all.
    """

    def __init__(self, points: Points, width: int, height: int) -> None:
        self._points = points
        x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        self._place = np.stack([x, y], 2)
        tall = float(np.linalg.norm(points[CHIN, :2] - points[FOREHEAD, :2]))
        self._oval = points[OVAL].copy()
        middle = points[_EARS, 2].mean() + np.float32(_BACK) * tall
        self._oval[:, 2] = np.minimum(self._oval[:, 2], middle)
        oval = self._oval
        apart = self._place[:, :, None] - oval[:, :2]
        square = np.einsum("hwnk,hwnk->hwn", apart, apart) + np.float32(1e-3)
        nearness = square ** np.float32(-1.5)
        self._weights = nearness / nearness.sum(2, keepdims=True)
        distance = _outside(oval[:, :2], width, height)
        depth = np.minimum(self._weights @ oval[:, 2] + np.float32(_BEHIND) * distance, middle)
        self._solid = np.concatenate([self._place, depth[..., None]], 2)
        down = (points[CHIN, :2] - points[FOREHEAD, :2]) / tall
        below = (self._place - points[CHIN, :2]) @ down / tall
        follow = (1 - ramp(distance / tall, *_REACH)) * (1 - ramp(below, *_NECK))
        self.follow = np.asarray(follow, np.float32)
        neck = ramp(below, *_BELOW)
        reach, end = (near + (far - near) * neck for near, far in (_CALM, _FELT))
        calm = np.exp(-distance / (reach * tall)) * (1 - ramp(distance / tall, 0.2, end))
        self._calm = np.asarray(calm, np.float32)[..., None]
        self.moves = (self.follow > 0) | (calm > 0)
        self._held = take(self.follow, np.ascontiguousarray(oval[None, :, :2]))[0, :, None]

    def back(self, points: Points) -> Values:
        """Return, for each place of the grid, how far back from there is what comes to be seen there.

        Args:
            points: `478×3`, the face now, in pixels of the grid.

        Returns:
            `H×W×2`.
        """
        oval = self._oval
        pose = fit(self._points[RIGID], points[RIGID])
        matrix = pose.scale * pose.rotation[:2].T
        turned = self._solid @ matrix + pose.shift[:2] - self._place
        beyond = (points - self._points)[OVAL, :2] - self._held * (oval @ matrix + pose.shift[:2] - oval[:, :2])
        forward: Values = turned * self.follow[..., None] + (self._weights @ beyond) * self._calm
        backward = forward
        for _ in range(3):
            backward = cv.remap(
                forward, self._place - backward, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )
        return backward


def _outside(outline: Points, width: int, height: int) -> Map:
    """Return how far each place is outside an outline, in pixels; 0 inside."""
    mask = np.ones((height, width), np.uint8)
    cv.fillPoly(mask, [np.round(outline).astype(np.int32)], 0)
    distance: Map = cv.distanceTransform(mask, cv2.DIST_L2, 5)
    return distance

"""The far cheek: where a turning head would fold its mesh or stretch it thin, the mesh gives way."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from melies.faces.anatomy import LEFT_EYE, LIPS_INNER, LIPS_OUTER, RIGHT_EYE, RIGID, SKIN, Indices, Points, canonical
from melies.faces.pose import fit
from melies.puppetry.render.shapes import ramp

_SHRUNK = (2.5, 5.0)
_STRETCHED = (1.6, 2.6)
"""How many times smaller or larger than at rest a turned triangle is when it begins to give way, and when it has."""
_HIDDEN = 3.0
"""How large a triangle is at rest, in the least areas, from which on it does not count as hidden."""
_LEAST = 0.05
"""Share of its area on the mean face that every triangle is thought to show: also when it is seen from behind."""
_CHEEK = 2.5
"""How far from the middle of the mean face the parts begin that may give way, in centimetres."""
_TURNED = 5
"""How many points must lie on a silhouette for the face to have turned away there."""
_ROUNDS = 12


def unfolded(rest: Points, now: Points) -> Points:
    """Return where the skin goes, without folds at its sides.

    Only the turn of the head is looked at: what an expression squeezes, lids and lips, is meant to be squeezed.

    Args:
        rest: `478×3`, the face at rest.
        now: `478×3`, the face now.

    Returns:
        `478×3`.
    """
    turned = fit(rest[RIGID], now[RIGID]).to_picture(rest)
    before, after = _areas(rest), _areas(turned)
    usual = _usual()
    least = _LEAST * usual * np.float32(np.median(before / usual))
    ratio = np.maximum(after, least) / np.maximum(before, least)
    odd = np.maximum.reduce([ramp(1 / ratio, *_SHRUNK), ramp(ratio, *_STRETCHED), 1 - ramp(before / least, 0, _HIDDEN)])
    weight = np.zeros(SKIN, np.float32)
    np.maximum.at(weight, canonical().triangles, odd[:, None])
    neighbours = around()
    weight = np.maximum(weight, 0.5 * (neighbours @ weight)) * _loose()
    if not weight.any():
        return now
    moved = (now - rest)[:SKIN]
    calm = moved
    for _ in range(_ROUNDS):
        calm = calm + (neighbours @ calm - calm) * weight[:, None]
    made = now.copy()
    made[:SKIN] += calm - moved
    return made


def silhouettes(points: Points) -> list[Indices]:
    """Return the points where the face turns away from the viewer, on its right and on its left, if it does."""
    triangles = canonical().triangles
    away = _areas(points) < 0
    front, back = np.zeros(SKIN, np.bool_), np.zeros(SKIN, np.bool_)
    front[triangles[~away]], back[triangles[away]] = True, True
    edge, x = front & back, canonical().points[:, 0]
    sides = (np.flatnonzero(edge & (x < -_CHEEK)), np.flatnonzero(edge & (x > _CHEEK)))
    return [side for side in sides if len(side) > _TURNED]


def _areas(points: Points) -> NDArray[np.float32]:
    """Return twice the area of each triangle as seen, negative from behind."""
    a, b, c = (points[canonical().triangles[:, k], :2] for k in (0, 2, 1))
    areas: NDArray[np.float32] = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    return areas


@cache
def _usual() -> NDArray[np.float32]:
    """Return twice the area of each triangle of the mean face."""
    a, b, c = (canonical().points[canonical().triangles[:, k]] for k in range(3))
    areas: NDArray[np.float32] = np.linalg.norm(np.cross(b - a, c - a), axis=1).astype(np.float32)
    return areas


@cache
def around() -> NDArray[np.float32]:
    """Return the mean over each point's neighbours in the mesh, as a matrix."""
    mean = canonical()
    near = np.zeros((SKIN, SKIN), np.float32)
    for one, other in ((0, 1), (1, 2), (2, 0)):
        near[mean.triangles[:, one], mean.triangles[:, other]] = 1
        near[mean.triangles[:, other], mean.triangles[:, one]] = 1
    mean_of: NDArray[np.float32] = near / np.maximum(near.sum(1, keepdims=True), 1)
    return mean_of


@cache
def _loose() -> NDArray[np.float32]:
    """Return which points may give way."""
    loose = (np.abs(canonical().points[:, 0]) > _CHEEK).astype(np.float32)
    fixed: Indices = np.concatenate([LIPS_INNER, LIPS_OUTER, RIGHT_EYE, LEFT_EYE])
    loose[fixed] = 0
    return loose

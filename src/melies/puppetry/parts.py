"""Which points of the mesh belong to which part of a face, and which follow when a rim is moved."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from melies.faces.anatomy import (
    LEFT_BROW,
    LEFT_EYE,
    LEFT_IRIS,
    LIPS_INNER,
    LIPS_OUTER,
    OVAL,
    RIGHT_BROW,
    RIGHT_EYE,
    RIGHT_IRIS,
    Indices,
    Points,
    canonical,
)

Float = NDArray[np.float32]

EYES = ((RIGHT_EYE, RIGHT_IRIS), (LEFT_EYE, LEFT_IRIS))
"""Rim and iris of each eye, the right one first."""
LIDS = tuple((rim[1:8], rim[15:8:-1]) for rim, _ in EYES)
"""Seven points of the upper lid of each eye, and those of the lower lid below them."""
UPPER_LIP, LOWER_LIP = LIPS_INNER[1:10], LIPS_INNER[19:10:-1]
"""Nine points of the upper lip's edge, and those of the lower lip below them."""
UPPER_RIM, LOWER_RIM = LIPS_OUTER[1:10], LIPS_OUTER[19:10:-1]
"""The points where these lips end, above the upper ones and below the lower ones."""
FEATURES = (np.r_[RIGHT_EYE, RIGHT_BROW], np.r_[LEFT_EYE, LEFT_BROW], LIPS_OUTER)
"""What of a face is no skin: each eye with its brow, and the lips."""
_SIZES = 0.75, 1.3
"""Between what limits parts of a face differ in size from the mean face's: beyond, it smiles or is badly seen."""


def width(points: Points, rim: Indices) -> float:
    """Return how far the corners of an eye or a mouth are apart."""
    return float(np.linalg.norm(points[rim[0]] - points[rim[len(rim) // 2]]))


def gape(points: Points) -> float:
    """Return how far the inner lips are apart, against the width between their corners."""
    return float(np.linalg.norm(points[13] - points[14])) / width(points, LIPS_INNER)


def opening(points: Points, rim: Indices) -> float:
    """Return how high an eye's opening is, against its width: the mean of its three middle pairs of lid points."""
    upper, lower = points[rim[3:6]], points[rim[13:10:-1]]
    return float(np.linalg.norm(upper - lower, axis=1).mean()) / width(points, rim)


def gaze(points: Points, rim: Indices, iris: Indices) -> Float:
    """Return where the iris is from the middle between the corners: `2`, as a share of the eye's width."""
    left, right, centre = points[rim[0], :2], points[rim[8], :2], points[iris[0], :2]
    along = right - left
    offset = centre - (left + right) / 2
    return np.array([offset @ along, offset @ (-along[1], along[0])], np.float32) / np.float32(along @ along)


def sizes(front: Points) -> Float:
    """Return how large mouth and eyes of a face are against the mean face's, for each point of the skin: `468`.

    Args:
        front: `478×3`, turned to the front, in centimetres of the mean face.
    """
    mean = canonical().points
    part = parts()
    result = np.ones(len(mean), np.float32)
    for share, rim in ((part.lips, LIPS_INNER), (part.eyes[0], RIGHT_EYE), (part.eyes[1], LEFT_EYE)):
        result += share * np.float32(np.clip(width(front, rim) / width(mean, rim), *_SIZES) - 1)
    return result


@dataclass(frozen=True)
class Parts:
    """How much each point of the skin (`468`) belongs to a part of the face, 0…1.

    `any` leaves out the upper outline, which the mesh finds worst. `lids` (`14×468` for each eye: seven points of the
    upper lid, seven of the lower) and `speech` (`18×468`: nine of the upper lip, nine of the lower) carry what is done
    to points of these edges over to those around them.
    """

    any: Float
    lips: Float
    upper_lip: Float
    eyes: tuple[Float, Float]
    sight: Float
    brows: Float
    rims: Float
    lids: tuple[Float, Float]
    speech: Float


@cache
def parts() -> Parts:
    """Return them, reckoned on the mean face."""
    points = canonical().points
    lids = tuple(_carried(points, np.concatenate(pair)[None], 0.45) for pair in LIDS)
    eyes = tuple(_falling(points, rim, 1.0) for rim, _ in EYES)
    rims = np.maximum(*(_falling(points, rim, 0.35) for rim, _ in EYES))
    outline = _falling(points, OVAL[np.r_[0:9, 28:36]], 1.5)
    lips = np.concatenate([LIPS_INNER, LIPS_OUTER])
    speech = np.array([[*UPPER_LIP, *LOWER_LIP], [*UPPER_RIM, *LOWER_RIM]])
    return Parts(
        any=1 - 0.7 * outline,
        lips=_falling(points, lips, 1.6),
        upper_lip=_falling(points, np.concatenate([UPPER_LIP, UPPER_RIM]), 0.8),
        eyes=(eyes[0], eyes[1]),
        sight=np.maximum(*eyes),
        brows=_falling(points, np.concatenate([RIGHT_BROW, LEFT_BROW]), 1.0),
        rims=rims,
        lids=(lids[0], lids[1]),
        speech=_carried(points, speech, 0.9),
    )


def _falling(points: Points, parts: Indices, distance: float) -> Float:
    """How near each point is to the nearest of some: 1 there, falling like a bell over so many centimetres."""
    nearest = np.linalg.norm(points[:, None] - points[parts], axis=2).min(1)
    near: Float = np.exp(-np.square(nearest / distance)).astype(np.float32)
    return near


def _carried(points: Points, parts: Indices, distance: float) -> Float:
    """`K×468`: for each point, which of some (`M×K`, M of them going together) it follows, and how much.

    These follow only themselves.
    """
    apart = np.linalg.norm(points[:, None, None] - points[parts], axis=3).min(1)
    share = np.exp(-np.square(apart / distance)) + 1e-12
    nearest = apart.min(1, keepdims=True)
    weights = (share / share.sum(1, keepdims=True)) * np.exp(-np.square(nearest / distance))
    weights[parts] = np.eye(parts.shape[1])
    carried: Float = weights.T.astype(np.float32)
    return carried

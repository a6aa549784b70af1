"""MediaPipe's three face networks: one finds faces in a square, one lays the mesh over one, one reads its expression.

Bazarevsky et al., "BlazeFace" (2019); Grishchenko et al., "Attention Mesh" (2020) and "Blendshapes GHUM" (2023).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import atan2, cos, inf, sin

import numpy as np
from numpy.typing import NDArray

from melies import models, square
from melies.faces.anatomy import LEFT_IRIS, RIGHT_IRIS, SKIN, Points
from melies.faces.face import Face
from melies.frame import Image
from melies.square import Square

MODEL = "face"

BLENDSHAPES = (
    *("neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff"),
    *("cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight"),
    *("eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight"),
    *("eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen"),
    *("jawRight", "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight"),
    *("mouthFunnel", "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight"),
    *("mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper"),
    *("mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft"),
    *("mouthUpperUpRight", "noseSneerLeft", "noseSneerRight"),
)
"""What the expression is made of, in Apple's names, in the order of `blendshapes`."""

MARGIN = 1.5
"""How much wider than the face the square around it is; the networks were trained with this."""
_FINDER, _MESH, _EXPRESSION = "face_detector.tflite", "face_landmarks_detector.tflite", "face_blendshapes.tflite"
_SIDE, _MESH_SIDE = 128, 256
_AGAIN = 1.3
"""How much wider than for the mesh the square is in which the finder is asked again."""
_DOUBTFUL = 0.2
"""Score from which it has any opinion."""
_SEEN_BY_BOTH = (RIGHT_IRIS[:1], LEFT_IRIS[:1], np.array([1]), np.array([13, 14]))
"""Points of the mesh that the finder knows too: the eyes, the tip of the nose and the middle of the mouth."""


def look(image: Image, place: Square) -> Face:
    """Lay the mesh over the face around which a square is set; `presence` says whether there is one.

    Args:
        image: `H×W×3` RGB, uint8 or uint16.
        place: The square, upright for the face.
    """
    session = models.load(MODEL, _MESH)
    made = session.run({"input_12": place.cut(image, _MESH_SIDE)[None]}, ["Identity", "Identity_1"])
    points = made["Identity"].reshape(-1, 3)
    scale = 2 * place.radius / _MESH_SIDE
    flat = place.placed(points[:, :2] - _MESH_SIDE / 2, scale)
    found = np.column_stack([flat, scale * points[:, 2]]).astype(np.float32)
    return Face(found, float(_chance(made["Identity_1"]).item()))


def around(points: Points) -> Square:
    """Return the square around a face's points, upright for it, for the next look."""
    right, left = points[33, :2], points[263, :2]
    angle = atan2(left[1] - right[1], left[0] - right[0])
    axes = np.array([[cos(angle), sin(angle)], [-sin(angle), cos(angle)]])
    skin = points[:SKIN, :2] @ axes.T
    low, high = skin.min(0), skin.max(0)
    x, y = axes.T @ ((low + high) / 2) + 0.5
    return Square(float(x), float(y), max(2.0, float((high - low).max()) * MARGIN / 2), angle)


def detect(image: Image, place: Square, least: float = 0.5) -> list[tuple[float, Square]]:
    """Find faces in a square.

    Args:
        image: `H×W×3` RGB, uint8 or uint16.
        place: The square.
        least: The score from which something counts, 0…1.

    Returns:
        The score of each and the square around it, upright for it, best first.
    """
    return best([(score, found) for score, found, _ in _candidates(image, place, least)])


def agreement(image: Image, face: Face) -> float:
    """Ask the finder what it thinks of a mesh, which clings to anything that looks a little like a face.

    Args:
        image: `H×W×3` RGB, uint8 or uint16.
        face: Where a face is believed to be.

    Returns:
        How far the finder's eyes, nose and mouth lie from the mesh's on average, as a share of the face's size: below
        0.05 on faces that are seen well. Infinite where it sees no face.
    """
    around_it = around(face.points)
    place = replace(around_it, radius=_AGAIN * around_it.radius)
    near = [points for _, found, points in _candidates(image, place, _DOUBTFUL) if found.near(around_it, 0.5)]
    if not near:
        return inf
    mesh = np.array([face.points[index, :2].mean(0) for index in _SEEN_BY_BOTH])
    return float(np.linalg.norm(near[0] - mesh, axis=1).mean()) / max(face.size, 1.0)


def _candidates(image: Image, place: Square, least: float) -> Iterator[tuple[float, Square, NDArray[np.float64]]]:
    """What the finder takes for faces, best first: score, the square around it, and its eyes, nose and mouth."""
    session = models.load(MODEL, _FINDER)
    made = session.run({"input": place.cut(image, _SIDE)[None] * 2 - 1})
    boxes, scores = made["regressors"][0], _chance(made["classificators"][0, :, 0])
    back = np.linalg.inv(np.vstack([place.matrix(_SIDE), (0, 0, 1)]))[:2]
    scale = 2 * place.radius / _SIDE
    for anchor in np.argsort(-scores, kind="stable")[: np.count_nonzero(scores >= least)]:
        centre, size = boxes[anchor, :2] + _ANCHORS[anchor], float(boxes[anchor, 2:4].max())
        points = boxes[anchor, 4:12].reshape(4, 2) + _ANCHORS[anchor]
        right, left = points[:2]
        angle = atan2(float(left[1] - right[1]), float(left[0] - right[0]))
        around_it = place.inner((centre - _SIDE / 2).tolist(), scale, max(2.0, MARGIN * scale * size / 2), angle)
        yield float(scores[anchor]), around_it, points @ back[:, :2].T + back[:, 2]


def best(found: list[tuple[float, Square]]) -> list[tuple[float, Square]]:
    """Sort by score, and leave out what is nearly the same as something better."""
    return square.best(found, 0.5)


def blendshapes(face: Face) -> NDArray[np.float32]:
    """Read the expression: how far each of `BLENDSHAPES` goes, `52`, 0…1."""
    session = models.load(MODEL, _EXPRESSION)
    ((name, _),) = session.inputs.items()
    ((_, values),) = session.run({name: face.points[_EXPRESSIVE, :2][None]}).items()
    made: NDArray[np.float32] = values
    return made


def _chance(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    chances: NDArray[np.float32] = np.reciprocal(1 + np.exp(-np.clip(logits, -30, 30)), dtype=np.float32)
    return chances


_ANCHORS = square.anchors(_SIDE, (16, 2), (8, 6))

# fmt: off
_EXPRESSIVE = np.array((
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78,
    80, 81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152,
    153, 154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246,
    249, 251, 263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312,
    314, 317, 318, 321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381,
    382, 384, 385, 386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472,
    473, 474, 475, 476, 477,
))
"""The points that the network for blendshapes is given."""
# fmt: on

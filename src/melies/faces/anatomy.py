"""The face mesh: which of its 478 points are what, its triangles, and the face that it was made of.

Left and right are the person's own. Points 0-467 are the skin, 468-472 the right iris and 473-477 the left one (the
centre, then its four sides). Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video" (2019).
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melies.models import store
from melies.models.protobuf import fields

Points = NDArray[np.float32]
"""`N×2` or `N×3`."""
Indices = NDArray[np.intp]


def _indices(*numbers: int) -> Indices:
    array = np.array(numbers, np.intp)
    array.flags.writeable = False
    return array


SKIN = 468
"""How many points lie on the skin; the rest are the irises."""
COUNT = 478

# fmt: off
OVAL = _indices(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176,
                149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)
"""The outline of the face, clockwise as seen, from the top of the forehead."""
LIPS_OUTER = _indices(61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
"""The rim of the lips, clockwise as seen, from the right corner over the upper lip."""
LIPS_INNER = _indices(78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
"""The opening between the lips, point for point inside `LIPS_OUTER`."""
RIGHT_EYE = _indices(33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
"""The rim of the right eye, clockwise as seen, from the outer corner over the upper lid."""
LEFT_EYE = _indices(362, 398, 384, 385, 386, 387, 388, 466, 263, 249, 390, 373, 374, 380, 381, 382)
"""The rim of the left eye, clockwise as seen, from the inner corner over the upper lid."""
RIGHT_IRIS = _indices(468, 469, 470, 471, 472)
LEFT_IRIS = _indices(473, 474, 475, 476, 477)
RIGHT_BROW = _indices(70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
LEFT_BROW = _indices(336, 296, 334, 293, 300, 276, 283, 282, 295, 285)
NOSE_TIP = 4
CHIN = 152
FOREHEAD = 10
RIGID = _indices(33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 1, 234, 454, 10, 127, 356)
"""Points that move little with the expression."""
FIVE = (RIGHT_IRIS[:1], LEFT_IRIS[:1], _indices(1), _indices(61), _indices(291))
"""Eyes, tip of the nose and corners of the mouth, in the order of the usual five points (left in the picture first)."""
# fmt: on


@dataclass(frozen=True)
class Canonical:
    """The mean face.

    Attributes:
        points: `468×3`, in centimetres, x to the right as seen, y down, z away from the viewer.
        places: `468×2`, where each point lies in a flattened face, 0…1 from the top left.
        triangles: `898×3`, indices of points.
        weights: `468`, how much each counts when the mean face is laid over a seen one: the rigid ones only.
    """

    points: Points
    places: Points
    triangles: Indices
    weights: NDArray[np.float32]


@cache
def canonical() -> Canonical:
    """Return the mean face, which the model's file carries (message `GeometryPipelineMetadata`)."""
    with zipfile.ZipFile(store.path("face")) as bundle:
        metadata = _message(bundle.read("geometry_pipeline_metadata_landmarks.binarypb"))
    mesh = _message(metadata[1][0])
    vertices = np.array([np.frombuffer(v, "<f4")[0] for v in mesh[3]], np.float32).reshape(-1, 5)
    weights = np.zeros(SKIN, np.float32)
    for landmark in metadata[2]:
        parts = _message(landmark)
        weights[parts[1][0]] = np.frombuffer(parts[2][0], "<f4")[0]
    return Canonical(
        points=vertices[:, :3] * np.array([1, -1, -1], np.float32),
        places=vertices[:, 3:],
        triangles=np.array(mesh[4], np.intp).reshape(-1, 3),
        weights=weights,
    )


def _message(content: bytes) -> dict[int, list[Any]]:
    """Read a protocol buffer's message: the values of each field by its number."""
    found: dict[int, list[Any]] = {}
    for field in fields(content):
        found.setdefault(field.number, []).append(
            content[field.start : field.end] if field.value is None else field.value
        )
    return found

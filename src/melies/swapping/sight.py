"""Between a picture and the unrolled face: what of the face is seen, and where."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.faces import Face, anatomy
from melies.faces.anatomy import Points
from melies.frame import Image
from melies.matting.scale import cv, reduce, unit
from melies.swapping.flat import Floats, facing, fetch, flat, lie, places, smoothstep
from melies.swapping.skin import BARE

_FINE = 192
"""Larger faces, in pixels, are filled in a picture made smaller, and what comes out is enlarged."""
_EDGE_ON, _SEEN = 0.1, 0.35


def unrolled(cut: Image, face: Face, before: Floats | None) -> tuple[Floats, Floats, Floats]:
    """Unroll the face of a picture.

    Args:
        cut: `H×W×3`, the part of the picture with the face.
        face: In its pixels.
        before: What is before the face, `H×W`, 0…1.

    Returns:
        The face, `BARE×BARE×3`, RGB 0…1; how well its skin is turned to the viewer, and also seen: `BARE×BARE×1`.
    """
    height, width = cut.shape[:2]
    scale = min(1.0, 1.2 * BARE / max(height, width))
    small = reduce(cut, max(1, round(width * scale)), max(1, round(height * scale)))
    skin_points = face.points[: anatomy.SKIN, :2] * np.array([small.shape[1] / width, small.shape[0] / height])
    spread = flat(BARE).spread(np.concatenate([skin_points, facing(face.points)], 1).astype(np.float32))
    where, seen = np.ascontiguousarray(spread[..., :2]), smoothstep(spread[..., 2:], _EDGE_ON, _SEEN)
    inside = (where >= -0.5).all(-1) & (where[..., 0] < small.shape[1]) & (where[..., 1] < small.shape[0])
    trust = seen * inside[..., None]
    if before is not None:
        trust *= 1 - fetch(reduce(before, small.shape[1], small.shape[0]), where)[..., None]
    return fetch(unit(small), where), seen, trust


def over(things: Floats, points: Points, width: int, height: int) -> Floats:
    """Bring what was found on the unrolled face, `BARE×BARE`, into the picture: `H×W`, 0…1."""
    where, covered, _ = seen_at(points, points, width, height)
    shown: Floats = cv.remap(things, where * np.float32(BARE) - np.float32(0.5), None, cv2.INTER_LINEAR)
    return shown * covered


def seen_at(points: Points, old: Points, width: int, height: int) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """For each pixel, which place of the unrolled face it shows, whether any, and which pixel it was before.

    Args:
        points: `478×3`, where the new face lies.
        old: `478×3`, where the old one lies.
        width: Of the picture.
        height: Of the picture.

    Returns:
        `H×W×2`, 0…1 as in `places`; `H×W`; `H×W×2`, in pixels.
    """
    scale = min(1.0, _FINE / max(width, height))
    small = max(2, round(width * scale)), max(2, round(height * scale))
    ratio = np.array([small[0] / width, small[1] / height, 1], np.float32)
    values = np.concatenate([places(), (old - points)[: anatomy.SKIN, :2]], 1)
    lies = lie((points + np.float32(0.5)) * ratio - np.float32(0.5), values, *small)
    empty = np.isnan(lies[..., 0])
    lies[empty] = 0
    where, back = (np.ascontiguousarray(part) for part in (lies[..., :2], lies[..., 2:]))
    if small != (width, height):
        where, back, partly = (
            cv.resize(part, (width, height), interpolation=cv2.INTER_LINEAR)
            for part in (where, back, empty.astype(np.float32))
        )
        empty = partly > 0.001
    back[..., 0] += np.arange(width, dtype=np.float32)
    back[..., 1] += np.arange(height, dtype=np.float32)[:, None]
    return where, ~empty, back

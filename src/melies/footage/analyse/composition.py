"""How a picture is composed: where its subject is, whether it is symmetric, what is sharp."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.footage.analyse._tones import edges
from melies.footage.label import Facet, Label
from melies.footage.material import Material
from melies.frame import Image
from melies.matting.scale import cv

FACETS = (
    Facet("composition", "many", "where the subject is, and whether the picture is symmetric",
          ("rule of thirds", "centred", "symmetric", "tight headroom", "much headroom")),
    Facet("focus", "one", "whether only the subject is sharp or everything", ("shallow focus", "deep focus")),
    Facet("headroom", "number", "empty space above the highest head", unit="picture heights"),
)  # fmt: skip
_SYMMETRIC = 0.88
"""Correlation of a picture with its mirror image; that of a face before a plain wall is up to 0.84."""
_TILES = 8
_SHALLOW, _DEEP = 0.15, 0.04
"""Share of the picture's parts that are blurred, and that are much softer than the sharpest."""
_BLURRED = 0.12
"""Steepness of parts that are out of focus; skin and cloth are softer than hair, but not that soft."""
_SHARP = 0.18
"""Steepness (see `_sharpness`) of parts that are in focus."""


def answer(material: Material) -> list[Label]:
    """See `Question`."""
    return [*_subject(material), *_symmetry(material), *_focus(material)]


def _subject(material: Material) -> list[Label]:
    """Where the largest face is, relative to the lines that part the picture in thirds."""
    height, width = material.best.image.shape[:2]
    faces = material.faces[len(material.stills) // 2]
    if not faces:
        return []
    left, top, right, bottom = max(faces, key=lambda face: face.size).box
    x, y = (left + right) / 2 / width, (top + bottom) / 2 / height
    aside = min(abs(x - 1 / 3), abs(x - 2 / 3))
    measured = {"x": round(x, 3), "y": round(y, 3)}
    why = f"the largest face is {x:.0%} from the left"
    labels = []
    if aside < 0.07:
        labels.append(Label("composition", "rule of thirds", round(0.85 - 5 * aside, 2), why, measured))
    elif abs(x - 0.5) < 0.06:
        labels.append(Label("composition", "centred", round(0.9 - 6 * abs(x - 0.5), 2), why, measured))
    # Hair stands above the mesh of a face by about a quarter of its height.
    room = max(0.0, min(face.box[1] - 0.25 * (face.box[3] - face.box[1]) for face in faces) / height)
    above = f"{room:.0%} of the picture is above the head"
    labels.append(Label("headroom", round(room, 3), 0.7, above))
    if room < 0.02:
        labels.append(Label("composition", "tight headroom", 0.7, above))
    elif room > 0.25:
        labels.append(Label("composition", "much headroom", round(min(0.9, 0.5 + room - 0.25), 2), above))
    return labels


def _symmetry(material: Material) -> list[Label]:
    grey = cv.cvtColor(material.bare[len(material.bare) // 2], cv2.COLOR_RGB2GRAY)
    soft = cv.GaussianBlur(grey, (0, 0), 3).astype(np.float32)
    if soft.std() < 8:
        return []
    alike = float(np.corrcoef(soft.ravel(), soft[:, ::-1].ravel())[0, 1])
    if alike < _SYMMETRIC:
        return []
    why = f"the picture and its mirror image correlate by {alike:.2f}"
    sure = round(min(0.95, 0.5 + 3.7 * (alike - _SYMMETRIC)), 2)
    return [Label("composition", "symmetric", sure, why, {"alike": round(alike, 3)})]


def _focus(material: Material) -> list[Label]:
    """Compare how sharp the sharpest and the other parts of a picture are that have edges at all."""
    found = _sharpness(material.best.image)
    known = found[np.isfinite(found)]
    if len(known) < _TILES * _TILES // 3:
        return []
    sharpest = float(np.sort(known)[-4:].mean())
    softer = known < 0.5 * sharpest
    soft, blurred = float(softer.mean()), float((softer & (known < _BLURRED)).mean())
    measured = {"soft": round(soft, 3), "blurred": round(blurred, 3), "sharpest": round(sharpest, 3)}
    if blurred > _SHALLOW and sharpest > _SHARP:
        why = f"{blurred:.0%} of the parts with edges are blurred, and others are sharp"
        return [Label("focus", "shallow focus", round(min(0.9, 0.5 + 2 * (blurred - _SHALLOW)), 2), why, measured)]
    if soft < _DEEP and np.median(known) > 0.8 * _SHARP:
        why = f"{soft:.0%} of the parts with edges are less than half as sharp as the sharpest"
        return [Label("focus", "deep focus", round(0.8 - 5 * soft, 2), why, measured)]
    return []


def _sharpness(image: Image) -> NDArray[np.float64]:
    """How steep edges are for their height, in tiles; NaN where there are none: `8×8`, about 0.08 soft, 0.25 sharp.

    A blurred edge has a gradient that is small beside the contrast across it.
    """
    slope, height = edges(image)
    rows, columns = (np.linspace(0, side, _TILES + 1).astype(int) for side in slope.shape)
    result = np.full((_TILES, _TILES), np.nan)
    for row, (top, bottom) in enumerate(itertools.pairwise(rows)):
        for column, (left, right) in enumerate(itertools.pairwise(columns)):
            steep, tall = slope[top:bottom, left:right], height[top:bottom, left:right]
            edge = tall > 30
            if edge.mean() > 0.1:
                result[row, column] = np.quantile(steep[edge] / tall[edge], 0.95)
    return result

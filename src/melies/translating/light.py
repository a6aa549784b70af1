"""Light and colours of one picture put on another, along the edges of that: a change without outlines of its own."""

from __future__ import annotations

import numpy as np

from melies.matting.guided import coefficients, evaluate
from melies.matting.scale import cv
from melies.translating.mix import Picture

_WINDOW = 12
"""So many radii of the windows, in which colours change alike, fit into the shorter side."""
_EPS = 3e-3
"""Colours that differ by less than the root of this, of 0…1, change alike."""


def relit(source: Picture, made: Picture, frame: Picture) -> Picture:
    """Change a frame as a small copy of it was changed, by what is linear in its colours around each pixel.

    A network that looks for light makes outlines where bright and dark meet; no such fit can (He, Sun and Tang,
    "Guided Image Filtering", 2013).

    Args:
        source: `h×w×3`, the small copy.
        made: What came of it, the same size.
        frame: `H×W×3`, what is to be changed.

    Returns:
        `H×W×3`, not clipped; the caller's own.
    """
    height, width = frame.shape[:2]
    radius = max(1, min(source.shape[:2]) // _WINDOW)
    changed = []
    for change in cv.split(made - source):
        fit = coefficients(source, change, radius, _EPS)
        changed.append(evaluate(cv.resize(fit, (width, height)), frame))
    result: Picture = np.add(cv.merge(changed), frame)
    return result

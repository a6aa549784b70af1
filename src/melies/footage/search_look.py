"""What a picture looks like to a search: what it shows, and its colours."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.footage.analyse import palette
from melies.footage.analyse._tones import inside, lab
from melies.footage.record import Record
from melies.footage.tagger import look
from melies.frame import Image
from melies.matting.scale import cv

Vector = NDArray[np.float32]

SHOWN, COLOURS = 3.0, 1.0
"""What the likeness of what is shown counts, and that of the colours."""

PALETTE = "palette"
"""The facet whose labels name the colours."""

_SEEN = 0.4
"""Scalar product of two pictures below which they have nothing in common; photographs all have something."""
_FAR = 40.0
"""Distance of two palettes in CIE Lab from which on they have nothing in common."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A picture in the form in which shots are compared with it.

    Attributes:
        vector: What it shows, as `tagger.look` gives it.
        colours: Its colours, `N×4` float32: the share of the picture, and CIE Lab; None where they are not known.
    """

    vector: Vector
    colours: Vector | None = None


def look_at(image: Image) -> Look:
    """Look at a picture.

    Args:
        image: `H×W×3` uint8 RGB of any size and shape.
    """
    found = palette.dominant(lab(inside(image)).reshape(-1, 3))
    return Look(look(image), np.array([(share, *colour) for colour, share in found], np.float32))


def shown_alike(record: Record, wanted: Look) -> tuple[float, str]:
    """Say how far a shot shows what a picture does, 0…1, and why."""
    alike = 0.0 if record.look is None else float(record.look @ wanted.vector)
    score = min(1.0, max(0.0, (alike - _SEEN) / (1 - _SEEN)))
    return score, f"the likeness of both pictures is {alike:.2f}"


def coloured_alike(record: Record, wanted: Look) -> tuple[float, str] | None:
    """Say how far a shot has the colours of a picture, 0…1, and why; None where either's are not known.

    Rubner, Tomasi and Guibas, "The Earth Mover's Distance as a Metric for Image Retrieval" (IJCV 2000).
    """
    own = colours_of(record)
    if own is None or wanted.colours is None:
        return None
    apart = float(cv.EMD(own, wanted.colours, cv2.DIST_L2)[0])
    return max(0.0, 1 - apart / _FAR), f"the colours are {apart:.0f} apart"


def colours_of(record: Record) -> Vector | None:
    """Return the colours that a shot's labels name, as in `Look.colours`; None if they name none."""
    named = [label.measured for label in record.labels if label.facet == PALETTE and "share" in label.measured]
    if not named:
        return None
    rgb = np.array([[[one["red"], one["green"], one["blue"]] for one in named]], np.float32)
    shares = np.array([one["share"] for one in named], np.float32)
    return np.column_stack([shares, cv.cvtColor(rgb / 255, cv2.COLOR_RGB2Lab)[0]])

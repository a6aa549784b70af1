"""Whose face a crop shows, to tell whether a learned swap is given the person it was learned for."""

from __future__ import annotations

import numpy as np

from melies.faces.identity import Embedding, Likeness, embedding
from melies.frame import Image
from melies.square import Square

_MIDDLE, _RADIUS = 0.487, 0.4
"""Where in a crop of `extract.TEMPLATE` the square lies in which faces are told apart, as shares of the side."""
_PICTURE = 150


def described(crop: Image) -> Embedding:
    """Describe who is seen in a crop; only to be compared with crops of the same size.

    Args:
        crop: `S×S×3` uint8, as `extract.cut` cuts it.
    """
    side = crop.shape[0]
    cut = Square(side / 2, _MIDDLE * side, _RADIUS * side).cut(crop, _PICTURE)
    return embedding(Likeness(np.rint(cut * 255).astype(np.uint8), 0.0))

"""Where in a picture a motion model looks: the upright square around a head."""

from __future__ import annotations

from melies.faces.anatomy import SKIN, Points
from melies.square import Square

WIDE = 1.7
"""Side of the square, in heights of the face from forehead to chin: the head with its hair, and some neck."""
LIFT = 0.08
"""How far its middle lies above the face's, in the same unit, because there is more head above a face than below."""


def place_of(points: Points, scale: float = 1.0) -> Square:
    """Return the square around a head, upright in the picture, as such models were trained.

    Args:
        points: `478×3`, as in `Face.points`.
        scale: How much wider than usual.
    """
    skin = points[:SKIN, :2]
    low, high = skin.min(0), skin.max(0)
    size = float((high - low).max())
    x, y = (low + high) / 2 + 0.5
    return Square(float(x), float(y) - LIFT * size, size * WIDE * scale / 2)

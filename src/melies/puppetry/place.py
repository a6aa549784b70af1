"""Where in a picture a motion model looks: the upright square around a head."""

from __future__ import annotations

from melies.faces.anatomy import SKIN, Points
from melies.square import Square

WIDE = 1.7
"""Side of the square, in heights of the face from forehead to chin: the head with its hair, and some neck."""
LIFT = 0.08
"""How far its middle lies above the face's, in the same unit, because there is more head above a face than below."""


def place_of(points: Points, width: int, height: int, scale: float = 1.0) -> Square:
    """Return the square around a head, upright and inside the picture, as such models were trained.

    Args:
        points: `478×3`, as in `Face.points`.
        width: The picture's, in pixels.
        height: Likewise.
        scale: How much wider than usual; it is no larger than the picture.
    """
    skin = points[:SKIN, :2]
    low, high = skin.min(0), skin.max(0)
    size = float((high - low).max())
    x, y = (low + high) / 2 + 0.5
    return inside(Square(float(x), float(y) - LIFT * size, size * WIDE * scale / 2), width, height)


def inside(place: Square, width: int, height: int) -> Square:
    """Return the square moved into the picture, and made smaller if it is larger than that."""
    radius = min(place.radius, width / 2, height / 2)
    x, y = (min(max(middle, radius), whole - radius) for middle, whole in ((place.x, width), (place.y, height)))
    return Square(x, y, radius)

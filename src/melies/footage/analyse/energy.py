"""How much moves in a shot."""

from __future__ import annotations

from melies.footage.label import Facet, Label
from melies.footage.material import Material

FACETS = (Facet("energy", "number", "how much moves besides the camera: 0 nothing, 1 a great deal"),)

_HALF = 6.0
"""Mean difference of luma, in code values, that counts as half of a great deal."""


def answer(material: Material) -> list[Label]:
    """See `Question`."""
    motion = material.motion
    if not len(motion.time):
        return []
    rest = float(motion.rest.mean())
    value = round(rest / (rest + _HALF), 3)
    why = f"{rest:.1f} of 255 is left when the camera's motion is undone"
    return [Label("energy", value, 0.9, why, {"rest": rest})]

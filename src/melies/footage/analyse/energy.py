"""How much moves in a shot, and when most does."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from melies.footage.label import Facet, Label
from melies.footage.material import Material, Motion

FACETS = (Facet("energy", "number", "how much moves besides the camera: 0 nothing, 1 a great deal"),)

_HALF = 6.0
"""Mean difference of luma, in code values, that counts as half of a great deal."""
_SMOOTH = 0.3
"""Seconds over which a movement is averaged before it is compared with the rest of the shot."""
_LEAST = 2.0
"""Code values that the strongest movement reaches."""
_STANDS_OUT = 2.0
"""How many times as strong as usual in its shot it is."""
_OWN = 0.6
"""Share of what changes then that the camera's motion does not explain."""


def answer(material: Material) -> list[Label]:
    """See `Question`; `measured["peak"]` is the clip time of the strongest movement, where there is a clear one."""
    motion = material.motion
    if not len(motion.time):
        return []
    rest = float(motion.rest.mean())
    value = round(rest / (rest + _HALF), 3)
    why = f"{rest:.1f} of 255 is left when the camera's motion is undone"
    measured = {"rest": rest}
    peak = strongest(motion)
    if peak is not None:
        why += f", most at {peak:.1f} s"
        measured["peak"] = round(peak, 3)
    return [Label("energy", value, 0.9, why, measured)]


def strongest(motion: Motion) -> float | None:
    """Return when most moves that is not the camera, in seconds of clip time; None where no moment stands out."""
    wide = max(3, round(_SMOOTH / float(np.median(motion.lasts))) | 1)
    if len(motion.time) < 3 * wide or motion.found.mean() < 0.5:
        return None
    # Where the camera could not be followed, nobody knows what moved besides.
    known = np.where(motion.found, motion.rest, np.median(motion.rest[motion.found]))
    # A median, for a flash is no movement.
    rest, change = (np.median(sliding_window_view(levels, wide), 1) for levels in (known, motion.change))
    best = int(rest.argmax())
    if rest[best] < max(_LEAST, _STANDS_OUT * float(np.median(rest)), _OWN * change[best]):
        return None
    steps = slice(best, best + wide)
    return float((motion.time[steps] - motion.lasts[steps] / 2).mean())

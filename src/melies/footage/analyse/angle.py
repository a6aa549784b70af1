"""From where the camera looks: from eye level, from below, from above, or held at a slant."""

from __future__ import annotations

from statistics import median

import numpy as np

from melies.footage.label import Facet, Label
from melies.footage.material import Material
from melies.footage.upright import Hold, hold

FACETS = (
    Facet(
        "angle",
        "one",
        "from where the camera looks",
        ("eye level", "low", "high", "top", "dutch"),
    ),
)

_SLANT = 7.0
"""Degrees of roll from which a picture is slanted on purpose."""
_TILT = 12.0
"""Degrees of pitch, from lines, from which a camera looks up or down."""
_FACE = 17.0
"""Degrees by which a face is seen from below or above when the camera is held low or high."""
_STRAIGHT = 48.0
"""Degrees from which it looks straight down."""
_CROWD = 4
"""Whole figures from which the camera's height can be told, and …"""
_SPREAD = 0.08
"""… how far apart their feet, or how unlike their heights must be, as a share of the picture's height."""
_MISSED = 0.03
"""How far figures may be off the line on average."""
_ABOVE = 1.8
"""Heights of people from which a camera looks from above, and …"""
_BELOW = 0.45
"""… below which from below."""


def answer(material: Material) -> list[Label]:
    """See `Question`."""
    held = hold(material.best.image)
    for label in (_slanted(held), _above(material), _leaning(held), _seen(material), _level(held)):
        if label is not None:
            return [label]
    return []


def _slanted(held: Hold) -> Label | None:
    if not held.known or abs(held.roll) < _SLANT:
        return None
    why = f"upright lines lean {abs(held.roll):.0f}° to the {'right' if held.roll > 0 else 'left'}"
    return _of_lines("dutch", min(0.8, 0.45 + 0.5 * held.support), why, held)


def _leaning(held: Hold) -> Label | None:
    if not held.known or abs(held.pitch) < _TILT:
        return None
    up = held.pitch > 0
    value = "low" if up else "top" if held.pitch <= -_STRAIGHT else "high"
    why = f"upright lines come together {'above' if up else 'below'}: the camera looks {abs(held.pitch):.0f}° "
    # What lies on the ground and runs away from the camera comes together as well.
    sure = min(0.8, 0.4 + 0.5 * held.support) if up else 0.4
    return _of_lines(value, sure, why + ("up" if up else "down"), held)


def _level(held: Hold) -> Label | None:
    if not held.known:
        return None
    why = f"upright lines stand upright ({held.roll:+.0f}° of roll, {held.pitch:+.0f}° of pitch)"
    return _of_lines("eye level", 0.4 + 0.3 * held.support, why, held)


def _of_lines(value: str, sure: float, why: str, held: Hold) -> Label:
    measured = {"pitch": held.pitch, "roll": held.roll, "support": round(held.support, 3)}
    return Label("angle", value, round(sure, 2), why, measured)


def _above(material: Material) -> Label | None:
    """The camera's height, in people, from how their height grows with how low in the picture their feet are."""
    feet, heights = [], []
    for figures, still in zip(material.figures, material.stills, strict=True):
        height = float(still.image.shape[0])
        whole = [one for one in figures if one.face is None and not one.cut(still.image)]
        feet += [one.box.bottom / height for one in whole]
        heights += [one.box.height / height for one in whole]
    spread = np.array([feet, heights])
    if len(feet) < _CROWD or np.ptp(spread, 1).max() < _SPREAD:
        return None
    # The line of least distance, since both are measured.
    middle = spread.mean(1)
    (lower, taller), off = np.linalg.svd((spread - middle[:, None]).T, full_matrices=False)[2]
    missed = float(np.std(off @ (spread - middle[:, None])))
    if lower * taller <= 0 or missed > _MISSED:
        return None
    persons = float(lower / taller)
    horizon = float(middle[0] - persons * middle[1])
    if _BELOW <= persons <= _ABOVE:
        return None
    value = "high" if persons > _ABOVE else "low"
    why = f"the ground that {len(feet)} people stand on lies {persons:.1f} times their height below the camera"
    return Label("angle", value, 0.65, why, {"persons": round(persons, 2), "horizon": round(horizon, 3)})


def _seen(material: Material) -> Label | None:
    """From which side the nearest faces are seen; heads are held straight more often than not."""
    pitches = [figures[0].face.pose.pitch for figures in material.figures if figures and figures[0].face]
    if not pitches:
        return None
    pitch = float(median(pitches))
    measured = {"face": round(pitch, 1)}
    if abs(pitch) < _FACE:
        why = f"the face is seen from {abs(pitch):.0f}° {'below' if pitch > 0 else 'above'}"
        return Label("angle", "eye level", round(0.65 - 0.2 * abs(pitch) / _FACE, 2), why, measured)
    value, side = ("low", "below") if pitch > 0 else ("high", "above")
    sure = round(min(0.6, 0.4 + (abs(pitch) - _FACE) / 60), 2)
    return Label("angle", value, sure, f"the face is seen from {abs(pitch):.0f}° {side}", measured)

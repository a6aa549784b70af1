"""Where a shot was taken: under the open sky or not, in what kind of place, with what in it.

The tagger's thousand words say most of it (see `places`), what is found of things adds to that, and so do sky, which is
smooth, blue or pale and reaches the upper edge, and greenery.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.faces.face import Face
from melies.footage.label import Facet, Label
from melies.footage.material import Material, Still
from melies.footage.places import EXTERIORS, INTERIORS, chances, outside, plainly
from melies.frame import Image
from melies.matting.scale import cv

FACETS = (
    Facet("place", "one", "under a roof or under the open sky", ("interior", "exterior")),
    Facet("scenery", "many", "what kind of place it is", (*EXTERIORS, "landscape", *INTERIORS)),
    Facet("scene", "many", "what the picture as a whole shows, one of about six hundred words"),
)

_OUTDOORS = {
    "car",
    "bus",
    "truck",
    "train",
    "traffic light",
    "boat",
    "motorcycle",
    "bicycle",
    "fire hydrant",
    "stop sign",
}
_INDOORS = {"couch", "bed", "toilet", "tv", "oven", "sink", "refrigerator", "microwave", "keyboard", "mouse", "toaster"}
_TRAFFIC = {"car", "bus", "truck", "traffic light", "motorcycle", "stop sign", "fire hydrant"}
_CLOSE = 0.2
"""Face, as a share of the picture's height, from which the background is too little to look for sky in."""
_SILENT = 0.45
"""Evidence, as a logarithm of odds, below which nothing is said."""
_MUCH = 0.35
"""Share of the picture from which a thing hides the place, and …"""
_HIDDEN = 0.65
"""… how sure one can be of it then."""
_PLACE = 0.3
"""Chance from which a place is named."""
_WORD = 0.2
"""Chance from which a word is."""
_DOUBT = 0.05
"""Chance that is granted to what nothing speaks for."""


class Backdrop(NamedTuple):
    """What is behind everything: the sky's share of the picture and of its upper edge, and the share of greenery."""

    sky: float
    edge: float
    green: float


def answer(material: Material) -> list[Label]:
    """See `Question`."""
    seen = np.mean([one.chances for one in material.impressions], 0)
    behind = _behind(material)
    return [*_place(material, seen, behind), *_scenery(material, seen, behind), *_scene(seen)]


def _behind(material: Material) -> Backdrop:
    far = [still for still, faces in zip(material.stills, material.faces, strict=True) if not _close(still, faces)]
    if not far:
        return Backdrop(0.0, 0.0, 0.0)
    return Backdrop(*map(float, np.mean([backdrop(still.image) for still in far], 0)))


def _close(still: Still, faces: Sequence[Face]) -> bool:
    return any(face.box[3] - face.box[1] > _CLOSE * still.image.shape[0] for face in faces)


def backdrop(image: Image) -> Backdrop:
    """Look for sky and greenery by colour, smoothness and position.

    Args:
        image: `H×W×3` uint8 RGB.
    """
    height, width = image.shape[:2]
    scale = 96 / max(height, width)
    size = max(8, round(width * scale)), max(8, round(height * scale))
    small = cv.resize(image, size, interpolation=cv2.INTER_AREA)
    hue, saturation, value = cv.split(cv.cvtColor(small, cv2.COLOR_RGB2HSV))
    grey, near = cv.cvtColor(small, cv2.COLOR_RGB2GRAY), np.ones((3, 3), np.uint8)
    rough = cv.dilate(grey, near) - cv.erode(grey, near)
    blue = (hue >= 90) & (hue <= 130) & (saturation >= 25) & (value >= 70)
    pale = (saturation < 45) & (value >= 165)
    smooth = cv.morphologyEx(((blue | pale) & (rough < 22)).astype(np.uint8), cv2.MORPH_OPEN, near)
    _, parts = cv.connectedComponents(smooth)
    # A wall behind somebody comes down to the lower edge, the sky does not.
    above = np.setdiff1d(parts[0], [0, *np.unique(parts[int(0.85 * size[1]) :])])
    sky = np.isin(parts, above)
    green = (hue >= 30) & (hue <= 85) & (saturation >= 45) & (value >= 35) & (rough >= 12)
    return Backdrop(float(sky.mean()), float(sky[0].mean()), float(green.mean()))


def _place(material: Material, seen: NDArray[np.float32], behind: Backdrop) -> list[Label]:
    out, inside = outside(seen)
    names = {thing.name for things in material.things for thing in things}
    evidence = {
        f"words for exteriors {out:.2f}, for interiors {inside:.2f}": log((out + _DOUBT) / (inside + _DOUBT)),
        f"sky {behind.sky:.0%} of the picture": min(2.0, 10 * behind.sky) * (behind.edge > 0.3),
        f"greenery {behind.green:.0%}": min(1.0, 4 * behind.green),
        _listed(names & _OUTDOORS): 0.8 * min(2, len(names & _OUTDOORS)),
        _listed(names & _INDOORS): -1.2 * min(2, len(names & _INDOORS)),
    }
    odds = sum(evidence.values())
    if abs(odds) < _SILENT:
        return []
    reasons = [why for why, one in evidence.items() if abs(one) > 0.2 and one * odds > 0]
    # A motorcycle that fills the picture stands in a workshop as well as in the street.
    sure = min(_HIDDEN if _filled(material) else 0.92, 1 / (1 + exp(-0.9 * abs(odds))))
    measured = {"odds": round(odds, 2), "sky": round(behind.sky, 3), "green": round(behind.green, 3)}
    return [Label("place", "exterior" if odds > 0 else "interior", round(sure, 2), "; ".join(reasons), measured)]


def _filled(material: Material) -> bool:
    """Whether one thing, people aside, hides much of the place."""
    height, width = material.best.image.shape[:2]
    boxes = [thing.box for things in material.things for thing in things if thing.name != "person"]
    return any(box.width * box.height > _MUCH * height * width for box in boxes)


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))


def _scenery(material: Material, seen: NDArray[np.float32], behind: Backdrop) -> list[Label]:
    found = {name: (chance, f"{chance:.2f} of what the picture looks like") for name, chance in chances(seen).items()}
    traffic = [sum(thing.name in _TRAFFIC for thing in things) for things in material.things]
    count = max(traffic)
    if count:
        rest = (1 - min(1.0, found["street"][0])) * 0.7 ** min(count, 3)
        found["street"] = 1 - rest, f"{count} vehicles or signs; {found['street'][1]}"
    built = max(found[name][0] for name in ("street", "city", "building"))
    if behind.sky > 0.15 and behind.green > 0.1 and built < _PLACE:
        found["landscape"] = 0.45, f"sky {behind.sky:.0%}, greenery {behind.green:.0%}"
    named = sorted(((chance, name, why) for name, (chance, why) in found.items() if chance >= _PLACE), reverse=True)
    return [Label("scenery", name, round(min(0.85, chance), 2), why) for chance, name, why in named]


def _scene(seen: NDArray[np.float32]) -> list[Label]:
    named = sorted(((chance, word) for word, chance in plainly(seen).items() if chance >= _WORD), reverse=True)
    # The tagger knows no doubt about what it was never shown.
    return [
        Label("scene", word, round(0.7 * chance, 2), f"{chance:.2f} of what it looks like") for chance, word in named
    ]

"""Which things are in a shot."""

from __future__ import annotations

import numpy as np

from melies.footage.label import Facet, Label
from melies.footage.material import Material, Still, Thing
from melies.footage.places import kindred
from melies.footage.things import KINDS

FACETS = (Facet("objects", "many", "things, animals and people that are seen, of 80 kinds", KINDS),)

_ONCE = 0.4
"""Score that what is seen in one of several stills must have, unless the tagger sees the like."""
_LIKE = 0.15
"""How likely the tagger must find that."""


def answer(material: Material) -> list[Label]:
    """See `Question`."""
    seen: dict[str, list[tuple[Still, Thing]]] = {}
    for still, things in zip(material.stills, material.things, strict=True):
        for thing in things:
            seen.setdefault(thing.name, []).append((still, thing))
    once = [name for name, found in seen.items() if len({still.time for still, _ in found}) < len(material.stills)]
    tagged = kindred(np.mean([one.chances for one in material.impressions], 0)) if once else {}
    labels = [_label(name, found, len(material.stills), tagged.get(name, 0.0) >= _LIKE) for name, found in seen.items()]
    return sorted((one for one in labels if one is not None), key=lambda label: -label.sure)


def _label(name: str, found: list[tuple[Still, Thing]], stills: int, tagged: bool) -> Label | None:
    times = [still.time for still, _ in found]
    best = max(thing.sure for _, thing in found)
    if stills > 1 and len(set(times)) == 1 and best < _ONCE and not tagged:
        return None
    count = max(times.count(time) for time in times)
    still, largest = max(found, key=lambda one: one[1].box.width * one[1].box.height)
    height, width = still.image.shape[:2]
    box = largest.box
    share = box.width * box.height / (width * height)
    measured = {
        "count": float(count),
        "share": round(share, 4),
        "x": round((box.left + box.right) / 2 / width, 3),
        "y": round((box.top + box.bottom) / 2 / height, 3),
        "score": round(best, 3),
        "stills": float(len(set(times))),
    }
    if len(set(times)) < stills:
        measured["at"] = still.time
    many = f"{count} at once" if count > 1 else "one"
    why = f"{many}, the largest fills {share:.0%} of the picture; seen in {len(set(times))} of {stills} stills"
    # The finder is modest about what it sees well, and most of its mistakes do not last.
    sure = min(0.95, 0.6 + 2 * (best - 0.35)) * (0.7 + 0.3 * len(set(times)) / stills)
    return Label("objects", name, round(sure, 2), why, measured)

"""How near the camera is to people: the size of the shot, and how many share it.

Sizes are those of Thompson and Bowen, "Grammar of the Shot" (2009): where the lower edge of the picture cuts somebody.
They follow from how many metres of the world the picture is high at the place of whoever is nearest.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from math import exp, log

import numpy as np

from melies.footage.analyse import scenery
from melies.footage.figures import ANKLES, Figure
from melies.footage.label import Facet, Label
from melies.footage.material import Material, Still
from melies.footage.things import KINDS

SIZES = (*("extreme close-up", "close-up", "medium close-up", "medium", "medium full", "full", "long", "extreme long"),)
"""From the nearest to the farthest."""

FACETS = (
    Facet("size", "one", "how much of people is seen, from an eye to a dot in the landscape", (*SIZES, "insert")),
    Facet(
        "framing",
        "one",
        "how many people share the picture",
        ("single", "two-shot", "three-shot", "group", "over-the-shoulder"),
    ),
)

_EDGES = (0.22, 0.42, 0.72, 1.1, 1.7, 3.1, 8.0)
"""Metres that the picture is high where one size ends and the next begins."""
_KNEES = _EDGES[4] * 0.999
"""What is cut below by the picture shows no feet, and cannot be farther than this."""
_CLEAR = 0.3
"""Logarithm of how far from the nearest edge a size is sure."""
_INSERT = 0.3
"""Share of the picture that a thing must fill to be what a shot without people is about."""
_COMPANY = 2.5
"""How much farther than the nearest somebody may be to share the picture with them."""
_SHOULDER = 0.3
"""Share of the picture's height that a shoulder before somebody else has at least."""
_ANIMALS = {"bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"}
_SMALL = {
    *KINDS[KINDS.index("bottle") : KINDS.index("chair")],
    *KINDS[KINDS.index("laptop") : KINDS.index("microwave")],
}
_SMALL |= {"book", "clock", "vase", "scissors", "teddy bear", "toothbrush", "handbag", "tie"}
"""What is held in hands."""
_METRES = {"car": 1.5, "bus": 3.0, "truck": 3.0, "train": 3.8, "bicycle": 1.05, "motorcycle": 1.1}
"""How high other things are, about, which are measured by if …"""
_WIDE = 1.7
"""… the picture is at least so many metres high."""
_WIDE_PLACES = {"city", "building", "mountain", "sea", "landscape", "countryside"}


def answer(material: Material) -> list[Label]:
    """See `Question`."""
    seen = [(figures, still) for figures, still in zip(material.figures, material.stills, strict=True) if figures]
    if not seen:
        return _of_things(material)
    label = _size([(figures[0], still) for figures, still in seen], len(material.stills))
    return [label, *_framing(seen)]


def span(figure: Figure, still: Still) -> float:
    """How many metres the picture is high where somebody is."""
    found = figure.span(still.image)
    feet = figure.joints is not None and figure.joints.has(*ANKLES)
    return min(found, _KNEES) if figure.face is None and figure.cut(still.image) and not feet else found


def size_of(metres: float) -> tuple[str, float]:
    """Name the size of a picture that is so many metres high, and say how sure that is, 0…1."""
    nearest = min(abs(log(metres / edge)) for edge in _EDGES)
    return SIZES[bisect(_EDGES, metres)], 0.55 + 0.4 * min(1.0, nearest / _CLEAR)


def _size(nearest: Sequence[tuple[Figure, Still]], stills: int) -> Label:
    spans = [span(figure, still) for figure, still in nearest]
    metres = exp(float(np.median(np.log(spans))))
    value, sure = size_of(metres)
    figure, still = nearest[int(np.argmin(np.abs(np.log(spans) - log(metres))))]
    measured = {"metres": round(metres, 2), "least": round(min(spans), 2), "most": round(max(spans), 2)}
    if figure.face:
        share = figure.face_share(still.image)
        why, measured["face"] = f"the face is {share:.2f} of the picture's height", round(share, 3)
    else:
        share, sure = figure.box.height / still.image.shape[0], sure * 0.85
        part = "what is seen of somebody" if figure.cut(still.image) else "somebody"
        why, measured["body"] = f"{part} is {share:.2f} of the picture's height", round(share, 3)
    # Somebody in one of three stills may only pass.
    sure *= 0.7 + 0.3 * len(nearest) / stills
    return Label("size", value, round(sure, 2), why, measured)


def _framing(seen: Sequence[tuple[Sequence[Figure], Still]]) -> list[Label]:
    """The framing that most stills agree on; of several, the fuller one."""
    found = [_frame(figures, still) for figures, still in seen]
    values = [value for value, _, _ in found]
    best = max(values, key=lambda value: (values.count(value), FACETS[1].values.index(value)))
    _, count, why = found[values.index(best)]
    sure = (0.5 if best == "over-the-shoulder" else 0.8) * (0.6 + 0.4 * values.count(best) / len(values))
    return [Label("framing", best, round(sure, 2), why, {"people": float(count)})]


def _frame(figures: Sequence[Figure], still: Still) -> tuple[str, int, str]:
    over = _over_shoulder(figures, still)
    if over is not None:
        return "over-the-shoulder", 2, over
    limit = _COMPANY * span(figures[0], still)
    count = sum(span(figure, still) <= limit for figure in figures)
    value = ("single", "two-shot", "three-shot")[count - 1] if count <= 3 else "group"
    return value, count, f"{count} about as near as the nearest"


def _over_shoulder(figures: Sequence[Figure], still: Still) -> str | None:
    """Whether somebody without a face stands at the side, cut by the picture, before a face."""
    faces = [figure for figure in figures if figure.face]
    backs = [
        figure
        for figure in figures
        if figure.face is None
        and figure.cut(still.image)
        and figure.beside(still.image)
        and figure.box.height >= _SHOULDER * still.image.shape[0]
    ]
    if len(faces) != 1 or not backs:
        return None
    back, face = max(backs, key=lambda figure: figure.box.height), faces[0]
    if back.box.height < face.box.height:
        return None
    side = "left" if back.box.left <= still.image.shape[1] - back.box.right else "right"
    return f"a face is seen past somebody who is cut by the {side} edge"


def _of_things(material: Material) -> list[Label]:
    """Without people: something small that fills the picture is an insert; animals have sizes as people have."""
    height, width = material.best.image.shape[:2]
    things = [thing for found in material.things for thing in found]
    largest = max(things, key=lambda thing: thing.box.width * thing.box.height, default=None)
    if largest is None or 2 * sum(thing.name == largest.name for thing in things) < len(material.stills):
        return _of_land(material)
    share = largest.box.width * largest.box.height / (width * height)
    tall = largest.box.height / height
    measured = {"share": round(share, 3), "height": round(tall, 3)}
    why = f"nobody is seen, and a {largest.name} is {tall:.2f} of the picture's height"
    if largest.name in _ANIMALS:
        return [Label("size", _of_animal(tall), 0.4, why, measured)]
    if largest.name in _METRES and (metres := _METRES[largest.name] / tall) >= _WIDE:
        return [Label("size", size_of(metres)[0], 0.4, why, {**measured, "metres": round(metres, 2)})]
    return [Label("size", "insert", 0.5, why, measured)] if share >= _INSERT and largest.name in _SMALL else []


def _of_land(material: Material) -> list[Label]:
    """Land, water or a town with nobody and nothing in it is taken to be far away."""
    labels = scenery.answer(material)
    if not any(label.value == "exterior" for label in labels):
        return []
    wide = [label for label in labels if label.facet == "scenery" and label.value in _WIDE_PLACES]
    if not wide:
        return []
    return [Label("size", "extreme long", 0.35, f"nobody is seen, and it is taken for {wide[0].value}")]


def _of_animal(tall: float) -> str:
    if tall >= 0.95:
        return "close-up"
    return "full" if tall >= 0.5 else "long" if tall >= 0.2 else "extreme long"

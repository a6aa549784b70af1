"""How many people are in a shot, how they look and where they look. Nothing is said of age, sex or origin."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp
from statistics import median

from melies.faces import BLENDSHAPES, Face, blendshapes
from melies.footage.figures import Figure, tall
from melies.footage.label import Facet, Label
from melies.footage.material import Material, Still

FACETS = (
    Facet("people", "count", "how many people are seen at once"),
    Facet("faces", "count", "how many faces are seen at once"),
    Facet(
        "expression",
        "many",
        "what the largest faces do",
        ("smiling", "laughing", "surprised", "frowning", "eyes closed", "mouth open"),
    ),
    Facet("facing", "many", "which way the nearest face is turned", ("camera", "left", "right", "profile", "away")),
    Facet(
        "gaze",
        "one",
        "where the eyes of the nearest face look",
        ("into the lens", "looking left", "looking right", "looking up", "looking down"),
    ),
)

_READ = 0.1
"""How high a face must be, as a share of the picture, for its expression to be read, and …"""
_PIXELS = 36
"""… in pixels."""
_READ_OF = 2
"""Faces of each still whose expression is read."""
_FRONT = 22.0
"""Degrees by which a face that looks at the camera may be turned away."""
_PROFILE = 55.0
"""Degrees from which it is seen from the side."""
_EYE = 30.0
"""Degrees that eyes turn when their blendshape is 1, about."""
_LENS = 14.0
"""Degrees by which a look into the lens may miss it."""
_BACK = 0.35
"""How far the shoulders of somebody seen from behind are apart, in torsos."""


def answer(material: Material) -> list[Label]:
    """See `Question`."""
    return [*_counts(material), *_expressions(material), *_facing(material), *_gaze(material)]


def _counts(material: Material) -> list[Label]:
    people = [len(figures) for figures in material.figures]
    faces = [len(found) for found in material.faces]
    # Of many, some are hidden or small, and are missed.
    sure = (0.9 if max(people) == min(people) else 0.7) / (1 + max(0, max(people) - 3) / 10)
    why = f"{_row(people)} in the stills"
    measured = {"least": float(min(people)), "most": float(max(people))}
    told = f"{_row(faces)} in the stills, of those not too small to be found"
    between = {"least": float(min(faces)), "most": float(max(faces))}
    return [
        Label("people", float(max(people)), round(sure, 2), why, measured),
        Label("faces", float(max(faces)), 0.85, told, between),
    ]


def _row(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))


def shapes(face: Face) -> dict[str, float]:
    """What the expression is made of: both sides of the face together, 0…1."""
    values = dict(zip(BLENDSHAPES, map(float, blendshapes(face)), strict=True))
    for name in ("mouthSmile", "mouthFrown", "eyeBlink", "eyeWide", "browDown", "eyeLookUp", "eyeLookDown"):
        values[name] = (values[f"{name}Left"] + values[f"{name}Right"]) / 2
    return values


def expression(values: Mapping[str, float]) -> dict[str, float]:
    """Read an expression.

    Args:
        values: As `shapes` gives them.

    Returns:
        How clearly a face does each thing; from 0.5 on it does.
    """
    smile, jaw = values["mouthSmile"], values["jawOpen"]
    raised = min(values["browInnerUp"], max(values["eyeWide"] / 0.35, jaw / 0.6))
    return {
        "smiling": _step(smile, 0.58),
        "laughing": min(_step(smile, 0.58), _step(jaw, 0.25)),
        "surprised": _step(raised, 0.55),
        "frowning": _step(max(values["browDown"], values["mouthFrown"]) - 0.5 * smile, 0.36),
        "eyes closed": _step(values["eyeBlink"], 0.55),
        "mouth open": _step(jaw, 0.3),
    }


def _step(value: float, half: float) -> float:
    return 1 / (1 + exp(-12 * (value - half)))


def _expressions(material: Material) -> list[Label]:
    found: dict[str, list[tuple[float, float]]] = {}
    read = 0
    for still, faces in zip(material.stills, material.faces, strict=True):
        legible = [face for face in faces[:_READ_OF] if _legible(face, still)]
        read += bool(legible)
        for face in legible:
            for name, clear in expression(shapes(face)).items():
                found.setdefault(name, []).append((clear, still.time))
    labels = []
    for name, seen in found.items():
        clear, time = max(seen)
        if clear >= 0.5:
            often = len({at for one, at in seen if one >= 0.5})
            why = f"clearest {time:.1f} s into the film, seen in {often} of {read} stills with a face"
            sure = round(min(0.9, 0.35 + 0.3 * clear + 0.25 * often / read), 2)
            measured = {"clear": round(clear, 3), "stills": float(often), "at": time}
            labels.append(Label("expression", name, sure, why, measured))
    return labels


def _legible(face: Face, still: Still) -> bool:
    return tall(face) >= max(_PIXELS, _READ * float(still.image.shape[0]))


def _nearest(material: Material) -> list[tuple[Figure, Still]]:
    """Who is nearest in each still, where there is anybody."""
    seen = zip(material.figures, material.stills, strict=True)
    return [(figures[0], still) for figures, still in seen if figures]


def _facing(material: Material) -> list[Label]:
    nearest = _nearest(material)
    faces = [figure.face for figure, _ in nearest if figure.face]
    if not faces:
        turns = [figure.joints.turned for figure, _ in nearest if figure.joints]
        if not turns or max(turns) > -_BACK:
            return []
        why = "no face is found, and the left shoulder is on the left"
        return [Label("facing", "away", 0.55, why, {"shoulders": round(max(turns), 2)})]
    yaw = float(median(face.pose.yaw for face in faces))
    side = "right" if yaw > 0 else "left"
    measured = {"yaw": round(yaw, 1)}
    if abs(yaw) < _FRONT:
        sure = round(0.6 + 0.35 * (1 - abs(yaw) / _FRONT), 2)
        return [Label("facing", "camera", sure, f"the face is turned {abs(yaw):.0f}° to the {side}", measured)]
    why = f"the face is turned {abs(yaw):.0f}° to the {side} of the picture"
    sure = round(min(0.95, 0.6 + (abs(yaw) - _FRONT) / 60), 2)
    labels = [Label("facing", side, sure, why, measured)]
    if abs(yaw) >= _PROFILE:
        labels.append(Label("facing", "profile", round(sure - 0.1, 2), why, measured))
    return labels


def _gaze(material: Material) -> list[Label]:
    looks = []
    for figure, still in _nearest(material):
        if figure.face and _legible(figure.face, still):
            values = shapes(figure.face)
            if values["eyeBlink"] < 0.5:
                looks.append(_look(figure.face, values))
    if not looks:
        return []
    right, up = (float(median(one)) for one in zip(*looks, strict=True))
    measured = {"right": round(right, 1), "up": round(up, 1)}
    why = f"head and eyes are turned {abs(right):.0f}° {'right' if right > 0 else 'left'} and "
    why += f"{abs(up):.0f}° {'up' if up > 0 else 'down'}"
    if max(abs(right), abs(up)) < _LENS:
        return [Label("gaze", "into the lens", 0.6, why, measured)]
    if abs(right) >= abs(up):
        value = "looking right" if right > 0 else "looking left"
    else:
        value = "looking up" if up > 0 else "looking down"
    sure = round(min(0.8, 0.4 + (max(abs(right), abs(up)) - _LENS) / 60), 2)
    return [Label("gaze", value, sure, why, measured)]


def _look(face: Face, values: Mapping[str, float]) -> tuple[float, float]:
    """Where somebody looks: degrees to the right of the picture and up, the head's and the eyes' together."""
    # The person's left is the picture's right.
    right = values["eyeLookOutLeft"] + values["eyeLookInRight"] - values["eyeLookInLeft"] - values["eyeLookOutRight"]
    up = values["eyeLookUp"] - values["eyeLookDown"]
    return face.pose.yaw + _EYE * right / 2, face.pose.pitch + _EYE * up

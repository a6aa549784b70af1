"""The light of a shot: how much, how hard, from where, which colour, which time of day.

Everything is measured in finished pictures, so it says how a shot looks, not which lamps were there.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.box import Box
from melies.faces.anatomy import OVAL
from melies.faces.face import Face
from melies.footage.analyse._tones import lab
from melies.footage.label import Facet, Label
from melies.footage.material import Material, Still
from melies.matting.scale import cv

FACETS = (
    Facet("key", "one", "how the picture is lit: bright all over, dark with few lights, or neither",
          ("high key", "normal key", "low key")),
    Facet("contrast", "number", "lightness between the darkest and the brightest twentieth", unit="L*"),
    Facet("light", "many", "where the light comes from, as the picture shows it",
          ("left light", "right light", "top light", "front light", "backlit", "silhouette")),
    Facet("hardness", "one", "how sharp the shadows on a face are", ("hard light", "soft light")),
    Facet("temperature", "one", "the colour of the light", ("warm", "neutral", "cool")),
    Facet("kelvin", "number", "the colour of the light, roughly, if the picture's bright greys are grey", unit="K"),
    Facet("daytime", "one", "the time of day that the light suggests", ("day", "dusk", "night")),
)  # fmt: skip

_LOW, _HIGH = 28.0, 66.0
"""Median L* of a picture in low and in high key."""
_SIDED = 0.16
"""Relative difference in lightness of a face's halves, or of its forehead and its chin, that the light makes."""
_FACE = 56
"""Pixels across, from which on the shading of a face says something."""
_AWAY = 22.0
"""Degrees a head may be turned: more and its shape, not the light, makes one half darker."""
_WARM, _COOL = 4600, 7600
"""Kelvin."""


def answer(material: Material) -> list[Label]:
    """See `Question`."""
    pictures = material.tones
    every = np.concatenate([picture.reshape(-1, 3) for picture in pictures])
    labels = [*_key(every[:, 0]), *_temperature(every), *_daytime(pictures)]
    best = _largest(material)
    return [*labels, *(_on_face(*best) if best is not None else _on_body(material))]


def _key(lightness: NDArray[np.float32]) -> list[Label]:
    low, dark, middle, bright, high = (float(value) for value in np.quantile(lightness, [0.05, 0.25, 0.5, 0.75, 0.95]))
    why = f"half of the picture is darker than {middle:.0f} of 100, a twentieth brighter than {high:.0f}"
    measured = {"median": round(middle, 1), "dark": round(dark, 1), "bright": round(bright, 1)}
    if middle < _LOW and bright < 55:
        key, sure = "low key", 0.5 + 0.45 * (1 - middle / _LOW)
    elif middle > _HIGH and dark > 45:
        key, sure = "high key", 0.5 + 0.45 * (middle - _HIGH) / (100 - _HIGH)
    else:
        key, sure = "normal key", 0.5 + 0.4 * min(middle - _LOW, _HIGH - middle, 15) / 15
    contrast = Label("contrast", round(high - low, 1), 0.9, f"from {low:.0f} to {high:.0f} of 100")
    return [Label("key", key, round(float(np.clip(sure, 0.4, 0.95)), 2), why, measured), contrast]


def _temperature(every: NDArray[np.float32]) -> list[Label]:
    """The colour of what is bright and nearly grey (Gijsenij et al. 2011 call such pixels the grey edge of white)."""
    light = every[:, 0]
    bright = (light > np.quantile(light, 0.6)) & (light > 30) & (light < 98)
    pale = bright & (np.hypot(every[:, 1], every[:, 2]) < 30)
    if pale.sum() < 0.08 * len(every):
        return []
    red, green, blue = _linear(every[pale].mean(0))
    kelvin = _kelvin(red, green, blue)
    if kelvin is None:
        return []
    # Equal steps are seen in reciprocal kelvin; 100 of a million are a clear tint.
    warm, cool = 1e6 / kelvin - 1e6 / _WARM, 1e6 / _COOL - 1e6 / kelvin
    word = "warm" if warm > 0 else "cool" if cool > 0 else "neutral"
    edge = min(abs(warm), abs(cool))
    why = f"bright greys look like {round(kelvin, -2):.0f} K"
    sure = round(min(0.8, 0.4 + edge / 120), 2)
    share = {"share": round(float(pale.mean()), 3)}
    return [Label("temperature", word, sure, why, share), Label("kelvin", float(round(kelvin, -2)), sure, why, share)]


def _linear(colour: NDArray[np.float32]) -> tuple[float, float, float]:
    rgb = cv.cvtColor(colour.reshape(1, 1, 3).astype(np.float32), cv2.COLOR_Lab2LRGB)[0, 0]
    red, green, blue = (float(value) for value in rgb)
    return red, green, blue


def _kelvin(red: float, green: float, blue: float) -> float | None:
    """Correlated colour temperature of linear sRGB (McCamy 1992), None far from daylight's colours."""
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    total = matrix @ (red, green, blue)
    if total.sum() <= 0:
        return None
    x, y = total[:2] / total.sum()
    n = (x - 0.3320) / (0.1858 - y)
    kelvin = float(449 * n**3 + 3525 * n**2 + 6823.3 * n + 5520.33)
    return kelvin if 2000 < kelvin < 20000 else None


def _daytime(pictures: tuple[NDArray[np.float32], ...]) -> list[Label]:
    """Day, dusk or night, only where there is something like a sky at the top."""
    found = [_sky(picture) for picture in pictures]
    skies = [sky for sky in found if sky is not None]
    if len(skies) * 2 <= len(pictures):
        return []
    light, warm, lamps = np.mean(skies, 0)
    why = f"what looks like sky is {light:.0f} of 100 bright"
    measured = {"sky": round(float(light), 1), "yellow": round(float(warm), 1), "lamps": round(float(lamps), 3)}
    if light > 55 and warm < 0:
        return [Label("daytime", "day", round(min(0.9, 0.5 + (light - 55) / 60), 2), why, measured)]
    if light < 22 and lamps > 0.002:
        return [Label("daytime", "night", round(min(0.9, 0.55 + (22 - light) / 60), 2), why, measured)]
    if 25 < light < 75 and warm > 18:
        return [Label("daytime", "dusk", round(min(0.7, 0.4 + (warm - 18) / 60), 2), why, measured)]
    return []


def _sky(picture: NDArray[np.float32]) -> tuple[float, float, float] | None:
    """Lightness and b* of an even field at the top that is blue, black or sunset; and how much of it all shines."""
    height = len(picture)
    light = np.ascontiguousarray(picture[..., 0])
    rough = cv.blur(np.abs(cv.Laplacian(light, cv2.CV_32F, ksize=3)), (9, 9))
    upper = np.zeros(light.shape, bool)
    upper[: max(1, height // 4)] = True
    even = upper & (rough < 3)
    if even.sum() < 0.4 * upper.sum():
        return None
    tone = np.median(picture[even], 0)
    sky_like = tone[2] < -5 or (tone[0] < 22 and tone[2] < 2) or (tone[2] > 15 and tone[1] > 5 and tone[0] > 30)
    below = float(np.median(light[height // 2 :]))
    if not sky_like or (tone[0] > 22 and tone[0] < below):
        return None
    return float(tone[0]), float(tone[2]), float((light > 75).mean())


def _largest(material: Material) -> tuple[Still, Face] | None:
    """The largest face that is large enough to read its shading."""
    pairs = [(s, f) for s, faces in zip(material.stills, material.faces, strict=True) for f in faces if f.size >= _FACE]
    return max(pairs, key=lambda pair: pair[1].size, default=None)


def _on_face(still: Still, face: Face) -> list[Label]:
    left, top, right, bottom = (round(side) for side in face.box)
    near = Box(left, top, right, bottom).grown(round(face.size), *still.image.shape[1::-1])
    tone = lab(np.ascontiguousarray(still.image[near.slices]))[..., 0]
    outline = np.zeros(tone.shape, np.uint8)
    cv.fillPoly(outline, [(face.points[OVAL, :2] - near.corner).round().astype(np.int32)], 255)
    labels = _behind(tone, outline, face.size, bottom - near.top)
    if abs(face.pose.yaw) > _AWAY or abs(face.pose.pitch) > _AWAY:
        return labels
    return labels + _directions(tone, outline, face)


def _on_body(material: Material) -> list[Label]:
    """The largest person who is seen without a face: only whether the light comes from behind."""
    people = [
        (still, thing.box)
        for still, things in zip(material.stills, material.things, strict=True)
        for thing in things
        if thing.name == "person" and thing.box.height > 0.25 * still.image.shape[0]
    ]
    if not people:
        return []
    still, box = max(people, key=lambda pair: pair[1].height)
    outline = np.zeros(still.image.shape[:2], np.uint8)
    middle = (box.left + box.right) // 2, (box.top + box.bottom) // 2
    cv.ellipse(outline, middle, (max(1, round(0.25 * box.width)), max(1, round(0.42 * box.height))), 0, 0, 360, 255, -1)
    return _behind(lab(still.image)[..., 0], outline, float(box.width), box.bottom)


def _behind(tone: NDArray[np.float32], outline: NDArray[np.uint8], size: float, bottom: int) -> list[Label]:
    """Backlight: what is around somebody is much brighter than they are."""
    reach = max(3, round(size * 0.9)) | 1
    around = cv.dilate(outline, np.ones((reach, reach), np.uint8))
    around[bottom:] = 0
    ring = (around > 0) & (cv.dilate(outline, np.ones((max(3, reach // 3),) * 2, np.uint8)) == 0)
    if ring.sum() < 0.2 * (outline > 0).sum():
        return []
    inner, outer = float(np.median(tone[outline > 0])), float(np.quantile(tone[ring], 0.6))
    measured = {"somebody": round(inner, 1), "around": round(outer, 1)}
    why = f"somebody is {inner:.0f} of 100 bright, what is around them {outer:.0f}"
    if inner < 22 and outer - inner > 35:
        return [Label("light", "silhouette", round(min(0.9, 0.5 + (outer - inner - 35) / 60), 2), why, measured)]
    if outer - inner > 30 and outer > 90:
        return [Label("light", "backlit", round(min(0.9, 0.5 + (outer - inner - 30) / 50), 2), why, measured)]
    return []


def _directions(tone: NDArray[np.float32], outline: NDArray[np.uint8], face: Face) -> list[Label]:
    """Which side of a face is the brighter one, and how sharp the step between them is."""
    ys, xs = np.nonzero(outline)
    values = tone[ys, xs]
    if len(values) < 400:
        return []
    # The head's own axes, so that a tilted head has the same left and right.
    roll = np.radians(face.pose.roll)
    x, y = xs - (xs.min() + xs.max()) / 2, ys - (ys.min() + ys.max()) / 2
    across, down = x * np.cos(roll) + y * np.sin(roll), y * np.cos(roll) - x * np.sin(roll)
    side = float(xs.max() - xs.min())
    halves = [np.median(values[part]) for part in (across < -0.12 * side, across > 0.12 * side)]
    ends = [np.median(values[part]) for part in (down < -0.2 * side, down > 0.25 * side)]
    mean = max(float(values.mean()), 1.0)
    sided, topped = float(halves[0] - halves[1]) / mean, float(ends[0] - ends[1]) / mean
    measured = {"left_minus_right": round(sided, 3), "top_minus_bottom": round(topped, 3)}
    labels = []
    if abs(sided) > _SIDED:
        word = "left light" if sided > 0 else "right light"
        why = f"that half of the face is {abs(sided):.0%} brighter"
        labels.append(Label("light", word, round(min(0.9, 0.45 + abs(sided)), 2), why, measured))
    elif abs(sided) < _SIDED / 2 and abs(topped) < _SIDED:
        why = f"the halves of the face differ by {abs(sided):.0%}"
        labels.append(Label("light", "front light", round(0.75 - 2 * abs(sided), 2), why, measured))
    if topped > 1.5 * _SIDED:
        why = f"the forehead is {topped:.0%} brighter than the chin"
        labels.append(Label("light", "top light", round(min(0.8, 0.3 + topped), 2), why, measured))
    return labels + _hardness(tone, outline, face, float(abs(sided)))


def _hardness(tone: NDArray[np.float32], outline: NDArray[np.uint8], face: Face, sided: float) -> list[Label]:
    """Hard light makes steep steps where a face itself is smooth: on the cheeks and the forehead."""
    spread = float(np.subtract(*np.quantile(tone[outline > 0], [0.9, 0.1])))
    soft = cv.GaussianBlur(tone, (0, 0), max(0.6, face.size / 60))
    steep = np.hypot(cv.Sobel(soft, cv2.CV_32F, 1, 0, scale=1 / 8), cv.Sobel(soft, cv2.CV_32F, 0, 1, scale=1 / 8))
    inner = cv.erode(outline, np.ones((max(3, round(face.size / 8)),) * 2, np.uint8)) > 0
    if not inner.any():
        return []
    step = float(np.quantile(steep[inner], 0.9)) * face.size / 10
    measured = {"spread": round(spread, 1), "step": round(step, 2), "sided": round(sided, 3)}
    why = f"lightness on the face spreads over {spread:.0f} of 100"
    if spread > 42 and sided > _SIDED:
        return [Label("hardness", "hard light", round(min(0.8, 0.4 + (spread - 42) / 60), 2), why, measured)]
    if spread < 26:
        return [Label("hardness", "soft light", round(min(0.8, 0.4 + (26 - spread) / 30), 2), why, measured)]
    return []

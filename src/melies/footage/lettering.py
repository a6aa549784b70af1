"""Text in a picture: where its lines are, and what they say.

Liao et al., "Real-time Scene Text Detection with Differentiable Binarization" (2020) finds lines, and a convolutional
recogniser with connectionist temporal classification (Graves et al., 2006) reads them; both in the weights of
PP-OCRv4, which know Latin letters, digits and Chinese.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.errors import ModelError
from melies.frame import Image
from melies.matting.scale import cv

Floats = NDArray[np.float32]

MODELS = ("text-finder", "text-reader")
"""What has to be pulled."""

_LEAST_SIDE = 736
"""The shorter side of what the finder sees, at least, …"""
_LONGEST = 1280
"""… and the longer one at most."""
_INK = 0.3
"""From which probability a pixel belongs to a line of text."""
_LINE = 0.5
"""Mean probability from which a patch is a line."""
_GROW = 1.6
"""The finder marks the core of a line; its area over its outline times this is how much it is grown."""
_HEIGHT = 48
_WIDEST = 2400
_MOST = 100
"""The most lines that are read in a picture."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text.

    Attributes:
        text: What it says.
        sure: Confidence, 0…1.
        corners: `4×2` pixels: top left, top right, bottom right, bottom left, as one reads.
    """

    text: str
    sure: float
    corners: Floats


def available() -> bool:
    """Whether text can be read here."""
    from melies.models import registry, store

    return all(store.status(registry.find(name)) != "missing" for name in MODELS)


def lines(image: Image, least: float = 0.6) -> list[Line]:
    """Read what is written in a picture, from top to bottom.

    Args:
        image: `H×W×3` uint8.
        least: Confidence below which a line is left out, 0…1.

    Raises:
        ModelError: The models are not here.
    """
    found = (_read(image, corners) for corners in _find(image))
    return [line for line in found if line.text.strip() and line.sure >= least]


def _find(image: Image) -> list[Floats]:
    from melies import models

    height, width = image.shape[:2]
    scale = min(max(1.0, _LEAST_SIDE / min(height, width)), _LONGEST / max(height, width))
    size = tuple(max(32, round(side * scale / 32) * 32) for side in (width, height))
    # The networks were trained on pictures as OpenCV reads them, blue first.
    given = _given(cv.resize(image, size, interpolation=cv2.INTER_LINEAR))
    (chance,) = models.load("text-finder").run({"x": given[None]}).values()
    ink = chance[0, 0]
    marked = cv.dilate((ink > _INK).view(np.uint8), np.ones((2, 2), np.uint8))
    outlines, _ = cv.findContours(marked, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    stretch = np.array([width / size[0], height / size[1]], np.float32)
    boxes = [_box(ink, outline) for outline in sorted(outlines, key=lambda one: -len(one))[:_MOST]]
    corners = [box * stretch for box in boxes if box is not None]
    return sorted(corners, key=lambda box: (round(float(box[0, 1]) / max(1.0, height / 40)), float(box[0, 0])))


def _box(ink: Floats, outline: NDArray[np.int32]) -> Floats | None:
    """The rectangle around a patch, as large as the line is, or None if it is none."""
    (x, y), (across, down), angle = cv.minAreaRect(outline)
    if min(across, down) < 3:
        return None
    left, top, wide, high = cv.boundingRect(outline)
    inside = np.zeros((high, wide), np.uint8)
    cv.fillPoly(inside, [outline - (left, top)], 1)
    if cv.mean(ink[top : top + high, left : left + wide], mask=inside)[0] < _LINE:
        return None
    grown = across * down * _GROW / (across + down)
    box = np.asarray(cv.boxPoints(((x, y), (across + grown, down + grown), angle)), np.float32)
    return _as_read(box)


def _as_read(box: Floats) -> Floats:
    """Order corners from the top left one, clockwise."""
    left = box[np.argsort(box[:, 0], kind="stable")]
    top_left, bottom_left = left[:2][np.argsort(left[:2, 1])]
    top_right, bottom_right = left[2:][np.argsort(left[2:, 1])]
    return np.stack([top_left, top_right, bottom_right, bottom_left])


def _read(image: Image, corners: Floats) -> Line:
    from melies import models

    across = max(float(np.linalg.norm(corners[1] - corners[0])), float(np.linalg.norm(corners[2] - corners[3])))
    down = max(float(np.linalg.norm(corners[3] - corners[0])), float(np.linalg.norm(corners[2] - corners[1])))
    upright = down > 1.5 * across
    if upright:
        across, down = down, across
    width = min(_WIDEST, max(_HEIGHT, round(_HEIGHT * across / max(down, 1.0))))
    target = np.array([[0, 0], [width, 0], [width, _HEIGHT], [0, _HEIGHT]], np.float32)
    matrix = cv.getPerspectiveTransform(np.roll(corners, 1, axis=0) if upright else corners, target)
    strip = cv.warpPerspective(image, matrix, (width, _HEIGHT), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    given = _given(strip)
    # It was trained on strips that are at least this wide, filled up with grey.
    given = np.pad(given, ((0, 0), (0, 0), (0, max(0, 320 - width))))
    (chances,) = models.load("text-reader").run({"x": given[None]}).values()
    text, sure = _spelt(chances[0])
    return Line(text, sure, corners)


def _given(picture: NDArray[Any]) -> Floats:
    values = (picture[..., ::-1].astype(np.float32) / np.float32(127.5) - 1).transpose(2, 0, 1)
    return np.ascontiguousarray(values)


def _spelt(chances: Floats) -> tuple[str, float]:
    """Repeated signs are one, and the first sign is none."""
    signs = chances.argmax(1)
    keep = (signs > 0) & (signs != np.concatenate([[-1], signs[:-1]]))
    alphabet = _alphabet()
    text = "".join(alphabet[sign] for sign in signs[keep])
    return text, float(chances.max(1)[keep].mean()) if keep.any() else 0.0


@cache
def _alphabet() -> tuple[str, ...]:
    """The signs that the reader knows, which it carries along as a remark (fields 14, 1 and 2 of ONNX's model)."""
    from melies import models
    from melies.models.protobuf import fields

    content = models.path("text-reader").read_bytes()
    for remark in (content[field.start : field.end] for field in fields(content) if field.number == 14):
        parts = {field.number: remark[field.start : field.end].decode() for field in fields(remark)}
        if parts.get(1) == "character":
            return ("", *parts[2].split("\n"), " ")
    raise ModelError("The model text-reader does not say which signs it knows.", "Pull it again.")

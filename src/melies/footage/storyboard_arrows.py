"""Arrows over a picture that show what the camera does, the way storyboards do."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Image
from melies.matting.scale import cv

_LENGTHS = {"slow": 0.22, "medium": 0.34, "fast": 0.46}
"""Share of the picture's width that an arrow takes, by the camera's pace."""
_DIRECTIONS = {"pan left": (-1, 0), "pan right": (1, 0), "tilt up": (0, -1), "tilt down": (0, 1)}
"""Where the camera goes, right and down."""
_SUB = 4
"""Bits of fractions of pixels."""

Points = NDArray[np.float64]


def with_arrows(image: Image, moves: Iterable[str], pace: str = "medium") -> Image:
    """Draw the camera's moves over a picture.

    Args:
        image: `H×W×3` uint8; not modified.
        moves: Words of the facet `movement` or `moves`; others are left out, and so is a camera that stands still.
        pace: How long the arrows are: `"slow"`, `"medium"` or `"fast"`.
    """
    drawn = image.copy()
    width = image.shape[1]
    length = _LENGTHS.get(pace, _LENGTHS["medium"]) * width
    wanted = dict.fromkeys(moves)
    way = np.sum([_DIRECTIONS[move] for move in wanted if move in _DIRECTIONS], axis=0)
    if np.any(way):
        _point(drawn, way, length)
    for move in wanted:
        if move in ("push in", "pull out"):
            _frame(drawn, inwards=move == "push in", share=0.5 + length / width / 2)
        elif move in ("roll left", "roll right"):
            _roll(drawn, clockwise=move == "roll right", span=60 + 260 * length / width)
        elif move == "tracking":
            _track(drawn, length)
        elif move == "handheld":
            _tremble(drawn)
    return drawn


def _point(image: Image, way: Points, length: float) -> None:
    """One arrow: a camera that pans and tilts goes aslant."""
    height, width = image.shape[:2]
    reach = min(length, 0.8 * width, 0.8 * height if way[1] else width)
    shape = _arrow(reach, min(width / 26, reach / 5))
    _fill(image, _turned(shape, float(np.rad2deg(np.arctan2(way[1], way[0])))) + np.array([width, height]) / 2)


def _arrow(length: float, thick: float) -> Points:
    """An arrow to the right around zero."""
    back, neck, tip = -length / 2, length / 2 - 1.6 * thick, length / 2
    half = thick / 2
    return np.array(
        [(back, -half), (neck, -half), (neck, -1.3 * thick), (tip, 0), (neck, 1.3 * thick), (neck, half), (back, half)]
    )


def _turned(points: Points, degrees: float) -> Points:
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.asarray(points @ turn, np.float64)


def _fixed(points: Points) -> NDArray[np.int32]:
    return np.rint(points * (1 << _SUB)).astype(np.int32)


def _fill(image: Image, points: Points) -> None:
    """White with a dark rim: seen on every picture."""
    rim = max(2, round(image.shape[1] / 160))
    cv.polylines(image, [_fixed(points)], True, (20, 20, 20), 2 * rim, cv2.LINE_AA, _SUB)
    cv.fillPoly(image, [_fixed(points)], (255, 255, 255), cv2.LINE_AA, _SUB)


def _stroke(image: Image, points: Points, thick: float) -> None:
    rim = max(2, round(image.shape[1] / 160))
    for colour, wide in (((20, 20, 20), round(thick) + rim), ((255, 255, 255), max(1, round(thick)))):
        cv.polylines(image, [_fixed(points)], False, colour, wide, cv2.LINE_AA, _SUB)


def _frame(image: Image, inwards: bool, share: float) -> None:
    """The frame that the camera goes to or comes from, and arrows between it and the corners."""
    height, width = image.shape[:2]
    middle = np.array([width / 2, height / 2])
    inner = 1 - share / 1.4
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * middle
    box = middle + corners * inner
    _stroke(image, np.vstack([box, box[:1]]), width / 160)
    for corner in corners:
        begin, end = middle + corner * 0.94, middle + corner * (inner + 0.05)
        if not inwards:
            begin, end = end, begin
        way = end - begin
        shape = _arrow(float(np.hypot(*way)), width / 45)
        _fill(image, _turned(shape, float(np.rad2deg(np.arctan2(way[1], way[0])))) + (begin + end) / 2)


def _roll(image: Image, clockwise: bool, span: float) -> None:
    """A part of a circle around the middle with a head at its end."""
    height, width = image.shape[:2]
    middle, radius, thick = np.array([width / 2, height / 2]), 0.3 * height, width / 40
    sign = 1 if clockwise else -1
    degrees = -90 + sign * np.linspace(-span / 2, span / 2, 60)
    angles = np.deg2rad(degrees)
    arc = middle + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    _stroke(image, arc, thick)
    head = np.array([(0.0, -1.3), (2.2, 0.0), (0.0, 1.3)]) * thick
    _fill(image, _turned(head, float(degrees[-1]) + sign * 90) + arc[-1])


def _track(image: Image, length: float) -> None:
    """Rails below, with an arrow to both sides: the camera goes along."""
    height, width = image.shape[:2]
    middle = np.array([width / 2, 0.86 * height])
    for gap in (-0.035, 0.035):
        ends = np.array([(-length / 2, gap * height), (length / 2, gap * height)])
        _stroke(image, middle + ends, width / 160)
    for side in (0, 180):
        tip = np.array([(0.0, -1.2), (1.9, 0.0), (0.0, 1.2)]) * width / 34
        _fill(image, _turned(tip + np.array([length / 2 + width / 90, 0]), side) + middle)


def _tremble(image: Image) -> None:
    """A wave in the lower corner: the camera is held by hand."""
    height, width = image.shape[:2]
    x = np.linspace(0.8, 0.96, 60) * width
    y = 0.92 * height + 0.025 * height * np.sin(np.linspace(0, 6 * np.pi, 60))
    _stroke(image, np.stack([x, y], axis=1), width / 120)

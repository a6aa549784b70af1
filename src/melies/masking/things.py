"""Things to wear, drawn by code: glasses, a moustache, hats, animals' ears and noses.

Sizes and places are in centimetres of the mean face; places are seen from an anchor of `wearing.ANCHORS`: x to the
right as seen, y down, z away from the viewer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from melies.frame import Image
from melies.masking.drawing import Sheet, mirror

_FINE = 40
"""Pixels a centimetre."""
Vector = tuple[float, float, float]
_AHEAD: Vector = (0.0, 0.0, -1.0)


@dataclass(frozen=True)
class Piece:
    """A flat picture fixed to the head.

    Attributes:
        image: `H×W×4`.
        anchor: What it is fixed to, one of `wearing.ANCHORS`.
        width: How wide it is.
        at: Where its middle lies, seen from the anchor.
        faces: Which way it looks; from behind it cannot be seen.
        temples: The colour of the bars that lead from it to the ears, for glasses.
    """

    image: Image
    anchor: str
    width: float
    at: Vector = (0.0, 0.0, 0.0)
    faces: Vector = _AHEAD
    temples: str | None = None


def thing(name: str) -> list[Piece]:
    """Draw one of `THINGS`."""
    return THINGS[name]()


def _sheet(width: float, height: float) -> Sheet:
    """A sheet of so many centimetres; its coordinates are fractions of the width."""
    return Sheet(round(width * _FINE), round(height * _FINE))


def _both(draw: Callable[[Callable[[ArrayLike], ArrayLike]], None]) -> None:
    draw(np.asarray)
    draw(mirror)


def _round_glasses() -> list[Piece]:
    sheet = _sheet(14.4, 6)
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    circle = np.column_stack([np.cos(turn), np.sin(turn)])

    def side(at: Callable[[ArrayLike], ArrayLike]) -> None:
        rim = at(0.172 * circle + (0.262, 0.208))
        sheet.shape(rim, "#dfe8ef22")
        sheet.line(at([(0.18, 0.19), (0.225, 0.13), (0.3, 0.095)]), 0.014, "#ffffff50", taper=0.7)
        sheet.ring(rim, 0.018, "#241a12")
        sheet.line(at([(0.092, 0.185), (0.03, 0.16), (0.0, 0.158)]), 0.02, "#241a12")

    _both(side)
    sheet.line([(0.428, 0.18), (0.46, 0.148), (0.5, 0.14), (0.54, 0.148), (0.572, 0.18)], 0.018, "#241a12")
    return [Piece(sheet.image, "eyes", 14.4, (0, 0.1, -0.9), temples="#241a12")]


def _sunglasses() -> list[Piece]:
    sheet = _sheet(14.8, 5.6)
    lens = np.array([(0.455, 0.11), (0.46, 0.2), (0.4, 0.31), (0.27, 0.335), (0.13, 0.29), (0.065, 0.17), (0.06, 0.09)])

    def side(at: Callable[[ArrayLike], ArrayLike]) -> None:
        middle = lens.mean(0)
        for size, colour in ((1.0, "#0b0b0d"), (0.93, "#15171cf0")):
            sheet.shape(at(middle + size * (lens - middle)), colour)
        sheet.line(at([(0.13, 0.16), (0.2, 0.13), (0.32, 0.125)]), 0.03, "#8fa3b855", taper=0.8)
        sheet.line(at([(0.07, 0.1), (0.02, 0.085), (0.0, 0.085)]), 0.035, "#0b0b0d")

    _both(side)
    sheet.line([(0.44, 0.13), (0.5, 0.115), (0.56, 0.13)], 0.03, "#0b0b0d")
    return [Piece(sheet.image, "eyes", 14.8, (0, 0.25, -0.9), temples="#0b0b0d")]


def _moustache() -> list[Piece]:
    sheet = _sheet(8.4, 3.2)
    half = [(0.5, 0.1), (0.44, 0.06), (0.35, 0.1), (0.24, 0.2), (0.12, 0.22), (0.05, 0.15), (0.055, 0.07), (0.02, 0.12),
            (0.01, 0.21), (0.07, 0.3), (0.2, 0.33), (0.36, 0.3), (0.5, 0.2)]  # fmt: skip

    def side(at: Callable[[ArrayLike], ArrayLike]) -> None:
        sheet.shape(at(half), "#2c1b10")
        for hair in range(7):
            y = 0.1 + 0.025 * hair
            path = [(0.49, y), (0.38, y + 0.06), (0.26, 0.23 + 0.012 * hair), (0.14, 0.245 + 0.008 * hair)]
            sheet.line(at(path), 0.008, "#5a3a2255", taper=0.6)

    _both(side)
    return [Piece(sheet.image, "moustache", 8.4, (0, 0.1, -0.3))]


def _dog() -> list[Piece]:
    nose = _sheet(4.6, 3.6)
    nose.shape([(0.5, 0.72), (0.34, 0.6), (0.08, 0.42), (0.1, 0.18), (0.3, 0.06), (0.5, 0.08), (0.7, 0.06), (0.9, 0.18),
                (0.92, 0.42), (0.66, 0.6)], "#1c1512")  # fmt: skip
    nose.oval((0.36, 0.2), (0.16, 0.07), "#ffffff66", turn=-14, soft=0.02)

    def nostril(at: Callable[[ArrayLike], ArrayLike]) -> None:
        nose.shape(at([(0.36, 0.4), (0.26, 0.36), (0.24, 0.44), (0.32, 0.5)]), "#000000")

    _both(nostril)
    ear = [(0.62, 0.12), (0.36, 0.1), (0.14, 0.34), (0.08, 0.75), (0.14, 1.1), (0.32, 1.22), (0.5, 1.05), (0.62, 0.7),
           (0.88, 0.42), (0.86, 0.22)]  # fmt: skip
    inner = [(0.5, 0.3), (0.34, 0.32), (0.22, 0.6), (0.2, 0.9), (0.3, 1.06), (0.42, 0.9), (0.5, 0.6)]
    pieces = []
    for way, sign in ((np.asarray, -1), (mirror, 1)):
        sheet = _sheet(6, 8)
        sheet.shape(way(ear), "#6f4426")
        sheet.shape(way(inner), "#4d2c17", soft=0.03)
        pieces.append(Piece(sheet.image, "forehead", 6.8, (sign * 6.8, -0.6, 6.0)))
    return [*pieces, Piece(nose.image, "nose", 4.6, (0, -0.1, 0.1))]


def _cat_ears() -> list[Piece]:
    ear = [(0.08, 0.98), (0.1, 0.5), (0.2, 0.1), (0.25, 0.06), (0.58, 0.28), (0.92, 0.7)]
    inner = [(0.24, 0.86), (0.24, 0.5), (0.28, 0.28), (0.52, 0.44), (0.72, 0.68)]
    pieces = []
    for way, sign in ((np.asarray, -1), (mirror, 1)):
        sheet = _sheet(6.4, 6.8)
        sheet.shape(way(ear), "#1d1815")
        sheet.shape(way(inner), "#e9a3ad", soft=0.03)
        pieces.append(Piece(sheet.image, "forehead", 6.6, (sign * 5.4, -4.4, 6.0)))
    return pieces


def _crown() -> list[Piece]:
    sheet = _sheet(15.5, 8.4)
    for lift, colour in ((0.0, "#a87409"), (0.012, "#e9b92d")):
        half = [(0.25, 0.535), (0.03, 0.5), (0.0, 0.12), (0.16, 0.3), (0.25, 0.03), (0.38, 0.27), (0.5, 0.0)]
        points = [*half, *mirror(half[-2::-1]), (0.5, 0.545)]
        corners = 0.02 + lift + (0.96 - 2 * lift) * np.array(points)
        sheet.shape(corners, colour, curved=False)
    sheet.line([(0.05, 0.44), (0.25, 0.468), (0.5, 0.478), (0.75, 0.468), (0.95, 0.44)], 0.03, "#c58f17")
    for x, y in ((0.2, 0.425), (0.35, 0.44), (0.5, 0.445), (0.65, 0.44), (0.8, 0.425)):
        sheet.oval((x, y), (0.028, 0.034), "#8a5f08")
        sheet.oval((x, y), (0.022, 0.028), "#2a63c9" if x in (0.35, 0.65) else "#c81d3a")
        sheet.oval((x - 0.007, y - 0.01), (0.007, 0.007), "#ffffffaa")
    for x, y in ((0.03, 0.13), (0.26, 0.05), (0.5, 0.03), (0.74, 0.05), (0.97, 0.13)):
        sheet.oval((x, y), (0.022, 0.022), "#fff3c4")
    return [Piece(sheet.image, "hat", 15.5, (0, -3.0, 1.5))]


def _party_hat() -> list[Piece]:
    sheet = _sheet(11, 15)
    cone = np.array([(0.5, 0.1), (0.93, 1.22), (0.72, 1.29), (0.5, 1.31), (0.28, 1.29), (0.07, 1.22)])
    sheet.shape(cone, "#2f6fd6", curved=False)
    stripe = np.array([(0.0, 0.0), (1.0, 0.16), (1.0, 0.27), (0.0, 0.11)])
    for down, colour in ((0.28, "#ffd23f"), (0.56, "#ff5d8f"), (0.84, "#3ecf8e"), (1.1, "#ffd23f")):
        top, bottom = ((stripe[:, 1] + down - 0.1) / 1.12).clip(0, 1), 0.43
        edge = np.column_stack([0.5 + (stripe[:, 0] - 0.5) * 2 * bottom * top, 0.1 + 1.12 * top])
        sheet.shape(edge, colour, curved=False)
    for angle in np.linspace(0, 2 * np.pi, 12, endpoint=False):
        sheet.oval((0.5 + 0.07 * np.cos(angle), 0.11 + 0.07 * np.sin(angle)), (0.045, 0.045), "#ff5d8f")
    sheet.oval((0.5, 0.11), (0.08, 0.08), "#ff86ab", soft=0.01)
    return [Piece(sheet.image, "hat", 12.5, (0, -6.6, 1.5))]


THINGS: dict[str, Callable[[], list[Piece]]] = {
    "cat-ears": _cat_ears,
    "crown": _crown,
    "dog": _dog,
    "moustache": _moustache,
    "party-hat": _party_hat,
    "round-glasses": _round_glasses,
    "sunglasses": _sunglasses,
}
"""What can be drawn, by name."""

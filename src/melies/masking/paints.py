"""Painted faces, drawn by code in the layout of the flattened face."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from melies.faces import anatomy
from melies.faces.anatomy import Points, canonical
from melies.frame import Image
from melies.masking.drawing import Sheet, mirror

_SIDE = 1024


def paint(name: str) -> Image:
    """Draw one of `PAINTS`, `1024×1024×4`."""
    sheet = Sheet(_SIDE)
    PAINTS[name](sheet)
    return sheet.image


def _places(indices: NDArray[np.intp]) -> Points:
    places: Points = canonical().places[indices]
    return places


def _grown(points: Points, across: float, down: float | None = None) -> Points:
    """Enlarge a shape about its middle."""
    middle = (points.min(0) + points.max(0)) / 2
    larger: Points = middle + (points - middle) * (across, across if down is None else down)
    return larger


def _both(draw: Callable[[Callable[[ArrayLike], ArrayLike]], None]) -> None:
    """Draw something on the left of the sheet, and its mirror image on the right."""
    draw(np.asarray)
    draw(mirror)


def _whole(sheet: Sheet, colour: str) -> None:
    sheet.shape(_grown(_places(anatomy.OVAL), 0.97), colour, soft=0.012)


def _clown(sheet: Sheet) -> None:
    _whole(sheet, "#fbf7f0")
    mouth = _places(anatomy.LIPS_OUTER)
    sheet.shape(_grown(mouth, 1.75, 2.3), "#c8102e", soft=0.003)
    sheet.shape(_grown(mouth, 1.5, 1.75), "#fbf7f0", soft=0.003)
    sheet.shape(_grown(mouth, 1.06, 1.1), "#c8102e", soft=0.003)

    def side(at: Callable[[ArrayLike], ArrayLike]) -> None:
        sheet.shape(at([(0.345, 0.13), (0.405, 0.3), (0.42, 0.38), (0.35, 0.4), (0.28, 0.38), (0.3, 0.3)]), "#1f5fbf")
        sheet.shape(at([(0.35, 0.55), (0.37, 0.43), (0.33, 0.43)]), "#1f5fbf")
        sheet.line(at([(0.25, 0.26), (0.33, 0.2), (0.43, 0.235)]), 0.014, "#181818")
        sheet.oval(np.asarray(at([(0.2, 0.6)]))[0], (0.075, 0.07), "#ef4f5fcc", soft=0.006)

    _both(side)
    sheet.oval((0.5, 0.535), (0.085, 0.085), "#d7152f", soft=0.003)
    sheet.oval((0.475, 0.5), (0.02, 0.014), "#ffffff99", turn=-30, soft=0.004)


def _cat(sheet: Sheet) -> None:
    muzzle = [(0.5, 0.62), (0.35, 0.6), (0.31, 0.7), (0.38, 0.79), (0.5, 0.8)]
    sheet.shape([*muzzle, *mirror(muzzle[-2:0:-1])], "#fffdf8dd", soft=0.015)
    mask = [(0.44, 0.39), (0.36, 0.34), (0.27, 0.34), (0.18, 0.25), (0.24, 0.37), (0.3, 0.43), (0.38, 0.43)]

    def side(at: Callable[[ArrayLike], ArrayLike]) -> None:
        sheet.shape(at(mask), "#17130f", soft=0.002)
        for stripe in ([(0.38, 0.12), (0.4, 0.2), (0.43, 0.26)], [(0.29, 0.15), (0.33, 0.2), (0.37, 0.23)]):
            sheet.line(at(stripe), 0.022, "#17130f", taper=0.95)
        for stripe in ([(0.08, 0.42), (0.15, 0.45), (0.22, 0.46)], [(0.07, 0.53), (0.14, 0.54), (0.21, 0.53)]):
            sheet.line(at(stripe), 0.02, "#17130f", taper=0.95)
        for whisker in ([(0.37, 0.655), (0.24, 0.62), (0.1, 0.63)], [(0.37, 0.675), (0.24, 0.675), (0.11, 0.71)],
                        [(0.375, 0.695), (0.27, 0.725), (0.15, 0.785)]):  # fmt: skip
            sheet.line(at(whisker), 0.011, "#17130f", taper=0.8)
        for dot in ((0.42, 0.632), (0.405, 0.655), (0.435, 0.655)):
            sheet.oval(np.asarray(at([dot]))[0], (0.005, 0.005), "#17130f")

    _both(side)
    sheet.shape([(0.5, 0.6), (0.455, 0.575), (0.445, 0.54), (0.5, 0.52), (0.555, 0.54), (0.545, 0.575)], "#e88a9a")
    sheet.line([(0.5, 0.59), (0.5, 0.655)], 0.009, "#17130f", curved=False)
    sheet.shape(_grown(_places(anatomy.LIPS_OUTER), 1.0, 0.95), "#b7505f", soft=0.004)


def _mime(sheet: Sheet) -> None:
    _whole(sheet, "#f7f6f4")

    def side(at: Callable[[ArrayLike], ArrayLike]) -> None:
        sheet.shape(at([(0.35, 0.22), (0.362, 0.385), (0.35, 0.56), (0.338, 0.385)]), "#141414")
        sheet.line(at([(0.26, 0.245), (0.34, 0.205), (0.43, 0.24)]), 0.012, "#141414")

    _both(side)
    sheet.shape(_grown(_places(anatomy.LIPS_OUTER), 1.0, 1.02), "#a50d22", soft=0.002)
    sheet.shape([(0.19, 0.585), (0.172, 0.62), (0.19, 0.645), (0.208, 0.62)], "#141414")


def _tiger(sheet: Sheet) -> None:
    _whole(sheet, "#f08c1ee6")
    muzzle = [(0.5, 0.6), (0.33, 0.6), (0.28, 0.72), (0.38, 0.85), (0.5, 0.87)]
    sheet.shape([*muzzle, *mirror(muzzle[-2:0:-1])], "#fffaf0f0", soft=0.012)

    def side(at: Callable[[ArrayLike], ArrayLike]) -> None:
        sheet.oval(np.asarray(at([(0.35, 0.33)]))[0], (0.1, 0.055), "#fffaf0f0", soft=0.008)
        for stripe in (
            [(0.5, 0.13), (0.5, 0.2), (0.5, 0.29)],
            [(0.39, 0.13), (0.42, 0.2), (0.47, 0.24)],
            [(0.3, 0.16), (0.32, 0.22), (0.42, 0.265)],
            [(0.06, 0.35), (0.14, 0.37), (0.22, 0.36)],
            [(0.03, 0.46), (0.13, 0.46), (0.25, 0.49)],
            [(0.05, 0.57), (0.14, 0.56), (0.27, 0.57)],
            [(0.1, 0.7), (0.17, 0.67), (0.26, 0.65)],
            [(0.2, 0.81), (0.26, 0.76), (0.32, 0.73)],
        ):
            sheet.line(at(stripe), 0.034, "#1a120a", taper=0.97)
        sheet.shape(at([(0.44, 0.4), (0.36, 0.35), (0.26, 0.37), (0.3, 0.42), (0.38, 0.43)]), "#1a120a", soft=0.002)
        for dot in ((0.42, 0.64), (0.4, 0.665), (0.43, 0.67)):
            sheet.oval(np.asarray(at([dot]))[0], (0.006, 0.006), "#1a120a")

    _both(side)
    sheet.shape([(0.5, 0.61), (0.45, 0.58), (0.44, 0.54), (0.5, 0.53), (0.56, 0.54), (0.55, 0.58)], "#1a120a")
    sheet.line([(0.5, 0.6), (0.5, 0.655)], 0.01, "#1a120a", curved=False)
    sheet.shape(_places(anatomy.LIPS_OUTER), "#1a120a", soft=0.002)


def _butterfly(sheet: Sheet) -> None:
    def side(at: Callable[[ArrayLike], ArrayLike]) -> None:
        upper = [
            (0.485, 0.43),
            (0.43, 0.3),
            (0.33, 0.2),
            (0.2, 0.15),
            (0.11, 0.22),
            (0.13, 0.34),
            (0.22, 0.42),
            (0.36, 0.455),
        ]
        lower = [(0.485, 0.44), (0.37, 0.46), (0.24, 0.48), (0.19, 0.56), (0.25, 0.63), (0.35, 0.6), (0.44, 0.52)]
        for wing, colours in ((upper, ("#2b1a6b", "#4a49d8", "#45c7e8")), (lower, ("#2b1a6b", "#a33bd0", "#ff7ac8"))):
            points = np.asarray(wing, np.float32)
            for size, colour in zip((1.0, 0.86, 0.62), colours, strict=True):
                sheet.shape(at(_grown(points, size)), colour, soft=0.006 if size < 1 else 0.002)
        for dot in ((0.145, 0.2), (0.13, 0.245), (0.14, 0.29), (0.22, 0.585), (0.26, 0.605)):
            sheet.oval(np.asarray(at([dot]))[0], (0.011, 0.011), "#ffffffe6")
        sheet.line(at([(0.495, 0.33), (0.47, 0.24), (0.43, 0.19)]), 0.01, "#1b1040", taper=0.4)

    _both(side)
    sheet.oval((0.5, 0.4), (0.014, 0.09), "#1b1040")


PAINTS: dict[str, Callable[[Sheet], None]] = {
    "butterfly": _butterfly,
    "cat": _cat,
    "clown": _clown,
    "mime": _mime,
    "tiger": _tiger,
}
"""What can be drawn, by name."""

"""`halftone`: pictures printed in dots or lines of ink."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from melies.cleaning.pictures import luma, to_image, to_picture
from melies.effect import FrameEffect
from melies.frame import Image
from melies.imaging import ColourText, parse_colour
from melies.matting.scale import cv

Plane = NDArray[np.float32]
Shape = Literal["dots", "diamonds", "lines", "squares"]

_PROCESS = (("aqua", 15.0), ("fuchsia", 75.0), ("yellow", 0.0), ("black", 45.0))
"""Cyan, magenta, yellow and black, and the angles at which they make no pattern with each other."""
_TWO = (45.0, 75.0)
_MEASURED = 256
"""Side in pixels of the part of a screen by which it is measured how much is inked."""
_FINEST = 2.0
"""Pixels from dot to dot below which nothing could be seen of them."""


class Halftone(FrameEffect):
    """Print the picture in dots or lines of ink: black, two inks, or cyan, magenta, yellow and black."""

    inks: Literal["mono", "duo", "cmyk"] = Field(
        "cmyk", description="mono: one ink; duo: --second for the lights and --ink for the shadows; cmyk: four inks"
    )
    shape: Shape = Field(
        "dots", description="what grows with the ink: dots, diamonds (a chessboard in the middle tones), lines, squares"
    )
    size: float = Field(
        0.012, gt=0, le=400, description="from dot to dot: below 1 a share of the picture's height, from 1 on pixels"
    )
    angle: float = Field(0.0, ge=-360, le=360, description="degrees by which all screens are turned, clockwise")
    detail: float = Field(
        0.4, ge=0, le=1, description="0: every dot has one size, 1: edges of the picture cut through the dots"
    )
    ink: ColourText = Field("black", description="colour of the ink of mono, and of the shadows of duo")
    second: ColourText = Field("tomato", description="colour of the other ink of duo")
    paper: ColourText = Field("white", description="colour of what no ink covers")
    strength: float = Field(1.0, ge=0, le=1, description="how much of the print covers the picture; 0 changes nothing")

    def process(self, image: Image) -> Image:
        """Print one picture; the screens are fixed to it."""
        if self.strength == 0:
            return image
        height, width = image.shape[:2]
        source = to_picture(image)
        pitch = max(_FINEST, self.size * (height if self.size < 1 else 1))
        planes = [np.full((height, width), share, np.float32) for share in _unit(self.paper)]
        for tone, colour, angle in self._plates(source):
            screen = _screen(height, width, pitch, (angle + self.angle) % 180, self.shape)
            covered = screen.print(tone, pitch, self.detail)
            for plane, share in zip(planes, _unit(colour), strict=True):
                if share < 1:  # What the ink lets pass does not change.
                    plane *= 1 - covered if share == 0 else 1 - covered * (1 - share)
        return to_image(cv.addWeighted(cv.merge(planes), self.strength, source, 1 - self.strength, 0), image)

    def _plates(self, picture: NDArray[np.float32]) -> list[tuple[Plane, str, float]]:
        """How much of each ink there should be, `H×W`, 0…1, its colour and the angle of its screen."""
        if self.inks == "cmyk":
            inks = cv.split(1 - picture)
            # Black only in the shadows; the others give up what it does, so that the mean stays.
            black = np.square(cv.min(cv.min(inks[0], inks[1]), inks[2]))
            rest = 1 / np.maximum(1 - black, np.float32(1e-3))
            tones = [*((ink - black) * rest for ink in inks), black]
            return [(tone, colour, angle) for tone, (colour, angle) in zip(tones, _PROCESS, strict=True)]
        dark = 1 - luma(picture)
        if self.inks == "mono":
            return [(dark, self.ink, _TWO[0])]
        lights, shadows = np.minimum(2 * dark, 1), np.maximum(2 * dark - 1, 0)
        return [(lights, self.second, _TWO[1]), (shadows, self.ink, _TWO[0])]


class _Screen:
    """One screen for pictures of one size: at which tone each pixel is inked, and how soft that border is.

    Args:
        threshold: `H×W`, 0…1, as often each value as any other, so that tones keep their darkness.
        across: Where the middle of each pixel's dot lies, `H×W`.
        down: Likewise.
    """

    def __init__(self, threshold: Plane, across: Plane, down: Plane) -> None:
        gain = 1 / np.maximum(_slope(threshold), np.float32(1e-3))
        self._gain = gain + 1
        self._offset = gain * threshold
        self._middles = cv.convertMaps(across, down, cv2.CV_16SC2)
        # Soft borders make small dots and small holes smaller or larger; what comes out is measured and set right.
        tried = np.linspace(0, 1, 33, dtype=np.float32)
        part = np.s_[:_MEASURED, :_MEASURED]
        inked = [_clipped(tone * self._gain[part] - self._offset[part]).mean() for tone in tried]
        self._curve = np.interp(np.linspace(0, 1, 256), inked, tried).astype(np.float32)

    def print(self, tone: Plane, pitch: float, detail: float) -> Plane:
        """Return how much of each pixel is inked: nothing where the tone is 0 and all where it is 1."""
        side = max(1, round(pitch / 2)) * 2 - 1
        codes = cv.convertScaleAbs(tone, alpha=255)
        even = cv.blur(codes, (side, side), borderType=cv2.BORDER_REPLICATE)
        even = cv.remap(even, *self._middles, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        wanted = cv.LUT(cv.addWeighted(codes, detail, even, 1 - detail, 0), self._curve)
        return _clipped(cv.subtract(cv.multiply(wanted, self._gain), self._offset))


@lru_cache(maxsize=8)
def _screen(height: int, width: int, pitch: float, angle: float, shape: Shape) -> _Screen:
    turn = np.deg2rad(angle)
    cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    x = np.arange(width, dtype=np.float32)[None] - np.float32((width - 1) / 2)
    y = np.arange(height, dtype=np.float32)[:, None] - np.float32((height - 1) / 2)
    along, aside = (x * cos + y * sin) / np.float32(pitch), (y * cos - x * sin) / np.float32(pitch)
    # A line is as long as the picture: its tone is taken beside the pixel.
    column, row = along if shape == "lines" else np.rint(along), np.rint(aside)
    across = (column * cos - row * sin) * pitch + (width - 1) / 2
    down = (column * sin + row * cos) * pitch + (height - 1) / 2
    spot = _spot(np.asarray(along - column, np.float32), np.asarray(aside - row, np.float32), shape)
    return _Screen(_even(spot, shape), np.asarray(across, np.float32), np.asarray(down, np.float32))


def _spot(x: Plane, y: Plane, shape: Shape) -> Plane:
    """In which order the pixels of a cell (-0.5…0.5 both ways) are inked: low first."""
    ways: dict[Shape, Callable[[], Any]] = {
        "dots": lambda: np.hypot(x, y),
        "diamonds": lambda: -np.cos(2 * np.pi * x) - np.cos(2 * np.pi * y),
        "lines": lambda: np.abs(y),
        "squares": lambda: np.maximum(np.abs(x), np.abs(y)),
    }
    return np.asarray(ways[shape](), np.float32)


def _even(spot: Plane, shape: Shape) -> Plane:
    """Bring the order to 0…1 so that a tone of 0.3 inks 0.3 of the cell."""
    places = (np.arange(128, dtype=np.float32) + np.float32(0.5)) / 128 - np.float32(0.5)
    x, y = (np.asarray(plane, np.float32) for plane in np.meshgrid(places, places))
    known = np.sort(_spot(x, y, shape), axis=None)[::16]
    return np.asarray(np.interp(spot, known, np.linspace(0, 1, len(known))), np.float32)


def _slope(plane: Plane) -> Plane:
    """How steep a plane is at each pixel; along a side of one pixel it is level."""
    ways = [np.gradient(plane, axis=axis) for axis in (0, 1) if plane.shape[axis] > 1]
    return np.asarray(np.sqrt(sum((np.square(way) for way in ways), np.zeros_like(plane))), np.float32)


def _clipped(plane: Plane) -> Plane:
    return np.clip(plane, 0, 1, out=plane)


def _unit(colour: str) -> NDArray[np.float32]:
    return np.array(parse_colour(colour)[:3], np.float32) / np.float32(255)

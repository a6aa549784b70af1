"""`toon`: few tones, even colours and outlines, as in a cartoon."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import cv2
import numpy as np
from pydantic import Field

from melies.cleaning.pictures import Picture, Plane, luma, to_image, to_picture
from melies.effects._drawing import Drawing, edges, enlarged, ramp
from melies.frame import Image
from melies.imaging import ColourText, parse_colour
from melies.matting.scale import cv

_SOFT, _HARD = 3.0, 14.0
"""How steeply one tone goes over into the next where the picture is flat, and at its edges."""


class Toon(Drawing):
    """Draw the picture as a cartoon: even colours in a few tones, with outlines."""

    levels: int = Field(6, ge=2, le=32, description="tones from black to white")
    smooth: float = Field(0.5, ge=0, le=1, description="how much texture is evened out")
    line: float = Field(
        0.005, ge=0, le=0.05, description="width of the outlines as a share of the picture's height; 0: none"
    )
    detail: float = Field(0.5, ge=0, le=1, description="how faint an edge may be to get an outline")
    ink: ColourText = Field("#14121a", description="colour of the outlines")
    vivid: float = Field(1.3, ge=0, le=4, description="how strong colours are; 1 as they were, 0 grey")

    @property
    def _evening(self) -> float:
        return self.smooth

    def _drawn(self, image: Image, even: Picture, time: Fraction) -> Image:
        """Draw one frame after its evened copy."""
        source = to_picture(image)
        size = source.shape[1], source.shape[0]
        small = luma(even)
        tone = enlarged(small, luma(source))
        toned = _stepped(tone, cv.resize(_steepness(small), size), self.levels)
        # Colour is what differs from luma: it stays where tones are changed.
        made = cv.resize((even - small[..., None]) * np.float32(self.vivid), size)
        made += toned[..., None]
        if self.line:
            found = cv.resize(edges(small, self.line * small.shape[0]), size, interpolation=cv2.INTER_CUBIC)
            faint = 0.002 + 0.05 * (1 - self.detail) ** 2
            bare = 1 - ramp(found, faint / 2, 1.5 * faint)
            made = cv.blendLinear(made, _even(self.ink, *size), bare, 1 - bare)
        if self.strength < 1:
            made = cv.addWeighted(made, self.strength, source, 1 - self.strength, 0)
        return to_image(made, image)


@lru_cache(maxsize=2)
def _even(colour: str, width: int, height: int) -> Picture:
    """A picture of one colour."""
    picture = np.empty((height, width, 3), np.float32)
    picture[:] = np.array(parse_colour(colour)[:3], np.float32) / np.float32(255)
    return picture


def _steepness(tone: Plane) -> Plane:
    """How steeply tones change into each other: steps at edges, soft where noise would make them tremble."""
    around = cv.GaussianBlur(tone, (0, 0), 1.5)
    x, y = (cv.Scharr(around, cv2.CV_32F, *order, scale=1 / 32) for order in ((1, 0), (0, 1)))
    # OpenCV's magnitude is not the same to the last bit wherever in memory its numbers lie.
    slope = np.sqrt(x * x + y * y)
    return np.asarray(_SOFT + (_HARD - _SOFT) * ramp(slope, 0, 0.02), np.float32)


def _stepped(tone: Plane, steep: Plane, levels: int) -> Plane:
    """Bring tones to `levels` of them, softly (after Winnemöller, Olsen and Gooch 2006)."""
    stretched = np.clip(tone, 0, 1) * np.float32(levels - 1)
    floor = np.floor(stretched)
    step = np.tanh((stretched - floor - np.float32(0.5)) * steep) / np.tanh(steep * np.float32(0.5))
    return np.asarray((floor + np.float32(0.5) + np.float32(0.5) * step) / np.float32(levels - 1), np.float32)

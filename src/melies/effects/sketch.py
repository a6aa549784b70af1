"""`sketch`: the picture drawn in pencil."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from math import ceil, hypot, pi

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from melies.cleaning.pictures import Picture, Plane, luma, to_image, to_picture
from melies.effects._drawing import Drawing, direction, edges, extremes, ramp
from melies.frame import Image
from melies.imaging import ColourText, parse_colour
from melies.matting.scale import cv

_MOST_ROWS = 720
"""Strokes are drawn on so many rows at most and enlarged from there: pencils are soft."""
_STROKE_ROWS = 540
"""Strokes are thought up on so many rows, so that small and large films get the same ones."""
_WAYS = 8
"""Directions of hatching there are."""
_CROSS = 3
"""By how many of them the second layer is turned from the first."""
_SOFT = 3.0
"""How steeply strokes end."""
_MARGIN = 0.25
"""How much larger than the picture strokes are drawn, as a share of the height: with `boil` another part is used."""


class Sketch(Drawing):
    """Draw the picture in pencil: lines, shading with the grain of the paper, hatching along the forms."""

    line: float = Field(
        0.005, ge=0, le=0.05, description="width of the lines as a share of the picture's height; 0: none"
    )
    detail: float = Field(0.7, ge=0, le=1, description="how faint an edge may be to get a line")
    shading: float = Field(0.45, ge=0, le=1, description="how dark soft shading gets")
    hatching: float = Field(0.8, ge=0, le=1, description="how dark hatching gets; shadows are hatched crosswise")
    stroke: float = Field(
        0.004, ge=0.001, le=0.05, description="from stroke to stroke of the hatching, as a share of the height"
    )
    angle: float = Field(
        -45.0, ge=-180, le=180, description="direction of hatching, in degrees clockwise, where no form gives one"
    )
    colour: float = Field(0.0, ge=0, le=1, description="coloured pencils: how much of the picture's colours they have")
    pencil: ColourText = Field("#2e2d33", description="colour of the pencil")
    paper: ColourText = Field("#f7f4ec", description="colour of the paper")
    grain: float = Field(0.5, ge=0, le=1, description="how rough the paper is")
    steady: float = Field(
        0.7, ge=0, le=1, description="how firmly tones and lines are held on what moves; 0: each frame alone"
    )
    boil: float = Field(
        0.0, ge=0, le=60, description="how often a second strokes are drawn anew, as by hand; 0: they stay"
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="another number gives other strokes and other paper")

    @property
    def _evening(self) -> float:
        return 0.25

    def _drawn(self, image: Image, even: Picture, time: Fraction) -> Image:
        height, width = image.shape[:2]
        rows = min(height, _MOST_ROWS)
        size = max(1, round(width * rows / height)), rows
        small = luma(even)
        dark = 1 - small
        if self.colour:
            # Light colours are coloured in as well.
            weakest, strongest = extremes(even)
            dark = np.maximum(dark, np.float32(0.8 * self.colour) * (strongest - weakest))
        wanted = cv.resize(dark, size)
        covered = np.float32(self.shading) * wanted
        if self.hatching:
            covered = np.maximum(covered, self._hatched(wanted, small, self._turn(time)))
        paper = _paper(size[1], size[0], self.seed)
        # Where a pencil is pressed, the hollows of the paper are filled as well.
        covered *= 1 + np.float32(self.grain) * paper * (1 - np.float32(0.8) * covered)
        made = _coloured(_ground(*size, self.seed, self.paper, self.grain), covered, self._pigment(even, size))
        if self.line:
            lines = cv.resize(self._lines(small), size, interpolation=cv2.INTER_CUBIC)
            made = _coloured(made, lines, _unit(self.pencil))
        if size != (width, height):
            made = cv.resize(made, (width, height), interpolation=cv2.INTER_CUBIC)
        if self.strength < 1:
            made = cv.addWeighted(made, self.strength, to_picture(image), 1 - self.strength, 0)
        return to_image(made, image)

    def _lines(self, small: Plane) -> Plane:
        faint = 0.001 + 0.03 * (1 - self.detail) ** 2
        return ramp(edges(small, self.line * small.shape[0]), faint / 2, 5 * faint + 0.02)

    def _turn(self, time: Fraction) -> int:
        """How often strokes were drawn anew until now."""
        return int(time * Fraction(self.boil).limit_denominator(1000)) if self.boil else 0

    def _hatched(self, dark: Plane, small: Plane, turn: int) -> Plane:
        """Hatch dark parts along the forms, and the darkest ones across as well."""
        height, width = dark.shape
        margin = round(_MARGIN * height)
        x, y = np.random.default_rng((self.seed, turn)).integers(0, margin + 1, 2) if turn else (0, 0)
        strokes = [
            layer[y : y + height, x : x + width]
            for layer in _strokes(height + margin, width + margin, height, self.stroke, self.seed)
        ]
        angle = direction(small, 0.02 * small.shape[0], np.deg2rad(self.angle), 2e-5)
        ways = np.mod(angle * np.float32(_WAYS / pi), np.float32(_WAYS))
        first, second = np.zeros_like(dark), np.zeros_like(dark)
        for way in range(_WAYS):
            apart = np.abs(ways - np.float32(way))
            apart = np.minimum(apart, np.float32(_WAYS) - apart)
            share = cv.resize(cv.convertScaleAbs(np.maximum(1 - apart, 0), alpha=255), (width, height))
            cv.accumulateProduct(share, strokes[way], first)
            cv.accumulateProduct(share, strokes[(way + _CROSS) % _WAYS], second)
        # A place is drawn over where its tone is darker than its stroke.
        unit = _SOFT / 255**2
        once = np.clip(cv.addWeighted(dark, 1.15 * _SOFT, first, -unit, -0.15 * _SOFT), 0, 1)
        twice = np.clip(cv.addWeighted(dark, 1.5 * _SOFT, second, -unit, -0.8 * _SOFT), 0, 1)
        hatching = np.float32(self.hatching)
        return np.asarray(1 - (1 - hatching * once) * (1 - hatching * twice), np.float32)

    def _pigment(self, even: Picture, size: tuple[int, int]) -> Picture:
        """The colour of the pencil, that of the picture or something between."""
        pencil = _unit(self.pencil)
        if self.colour == 0:
            return pencil
        # Pencils are light: most of the darkness comes from how much they cover.
        _, strongest = extremes(even)
        light = np.float32(0.9) * np.power(np.maximum(strongest, np.float32(0.05)), np.float32(-0.6))
        pure = even * light[..., None]
        return np.asarray(cv.resize(pencil + np.float32(self.colour) * (pure - pencil), size), np.float32)


def _coloured(ground: Picture, covered: Plane, pigment: Picture) -> Picture:
    """Lay a pigment (`H×W×3`, or one colour) over a ground, as much of it as is covered (0…1)."""
    share = np.clip(covered, 0, 1)
    if pigment.ndim == 1:
        return np.asarray(cv.multiply(ground, cv.merge([1 - share * (1 - part) for part in pigment])), np.float32)
    mixed: Picture = cv.blendLinear(ground * pigment, ground, share, 1 - share)
    return mixed


@lru_cache(maxsize=2)
def _ground(width: int, height: int, seed: int, colour: str, grain: float) -> Picture:
    """Paper of a colour before anything is drawn on it."""
    paper = _paper(height, width, seed)
    return np.asarray(cv.merge([part + np.float32(0.05 * grain * part) * paper for part in _unit(colour)]), np.float32)


@lru_cache(maxsize=2)
def _strokes(height: int, width: int, rows: int, stroke: float, seed: int) -> list[NDArray[np.uint8]]:
    """Strokes in every direction, each `height×width`: which tone (0…255) a place is drawn over at.

    They are noise, drawn out along the direction; as often as any other value, so that tones keep their darkness.
    """
    side = ceil(hypot(height, width) * _STROKE_ROWS / rows)
    rng = np.random.default_rng((seed, 1))
    fine = stroke * _STROKE_ROWS * 0.3
    layers = []
    for way in range(_WAYS):
        noise = rng.standard_normal((side, side), np.float32)
        drawn = cv.GaussianBlur(noise, (0, 0), sigmaX=14 * fine, sigmaY=max(0.4, fine))
        turn = cv.getRotationMatrix2D((side / 2, side / 2), -180 / _WAYS * way, rows / _STROKE_ROWS)
        turn[:, 2] += np.array([width, height]) / 2 - side / 2
        placed = cv.warpAffine(drawn, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        known = np.sort(placed[::7, ::7], axis=None)
        layers.append(np.interp(placed, known, np.linspace(0, 255, known.size)).astype(np.uint8))
    return layers


@lru_cache(maxsize=2)
def _paper(height: int, width: int, seed: int) -> Plane:
    """The grain of the paper, about -1…1 around 0, the same for small and large films."""
    rows = _STROKE_ROWS
    columns = max(1, round(width * rows / height))
    noise = np.random.default_rng((seed, 2)).standard_normal((rows, columns), np.float32)
    layers = [cv.GaussianBlur(noise, (0, 0), sigma) * np.float32(sigma) for sigma in (0.5, 1.0)]
    grain = np.tanh(2 * sum(layers))
    grown = cv.resize(grain, (width, height), interpolation=cv2.INTER_AREA if height < rows else cv2.INTER_CUBIC)
    return np.asarray(grown, np.float32)


def _unit(colour: str) -> NDArray[np.float32]:
    return np.asarray(np.array(parse_colour(colour)[:3]) / 255, np.float32)

"""`ascii`: the picture written in letters."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated, Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from melies.cleaning.pictures import luma, to_picture
from melies.effect import Effect
from melies.effects._drawing import extremes
from melies.effects._fields import Source
from melies.effects._lettering import Type, face, letters
from melies.frame import Frame, Image, VideoSpec
from melies.imaging import ColourText, blend, join_alpha, parse_colour, split_alpha
from melies.matting.scale import batches, code, cv, unit

Plane = NDArray[np.float32]

_SETS = {
    "ascii": "".join(map(chr, range(32, 127))),
    "simple": " .:-=+*#%@",
    "blocks": " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█░▒▓",
    "braille": "".join(map(chr, range(0x2800, 0x2900))),
}
_QUADRANTS = dict(zip(_SETS["blocks"][:16], range(16), strict=True))
_SHADES = {"░": 64, "▒": 128, "▓": 192}
_BRAILLE = (0, 2, 4, 1, 3, 5, 6, 7)
"""Which of the dots of two columns and four rows, row by row, the bits of a sign's number stand for."""
_TALL = 1.9
"""Height of a letter's cell divided by its width, as fonts of one width have it."""
_GRID = 4, 8
"""Patches across and down by which shapes are compared."""
_SHAPE = 0.15
"""How much (squared tone) a letter of quite the right shape may be off in tone, in a cell of full contrast."""
_NOISE = 0.08
"""Contrast of a cell below which its shape does not count for much."""
_HOLD = 0.004
"""How much better (squared tone) another letter must be, at full steadiness, to take a letter's place."""


def _enough(text: str) -> str:
    if text not in _SETS and (len(set(text)) < 2 or not text.isprintable()):
        raise ValueError(f"should be one of {', '.join(_SETS)}, or at least two different letters")
    return text


class Ascii(Effect):
    """Write the picture in letters, each chosen by its tone and its shape."""

    columns: int = Field(110, ge=8, le=500, description="letters in a line; rows follow")
    characters: Annotated[str, AfterValidator(_enough)] = Field(
        "ascii",
        max_length=500,
        description="ascii (95 letters and signs), simple (ten of them), blocks, braille, or the letters themselves",
    )
    colour: Literal["source", "mono"] = Field("source", description="letters in the picture's colours, or all in --ink")
    ink: ColourText = Field("#4be38a", description="colour of the letters with --colour mono")
    paper: ColourText = Field("#08090b", description="colour behind the letters; on a light one, darkness is written")
    shape: float = Field(
        0.7, ge=0, le=1, description="how much a letter should look like what it stands for; 0: only as dark as it"
    )
    steady: float = Field(
        0.5, ge=0, le=1, description="how firmly a letter stays while another would be only a little better"
    )
    font: Source = Field("sans", description="sans, italic, uni (more scripts), or a font file (.ttf, .otf, .ttc)")
    strength: float = Field(1.0, ge=0, le=1, description="how much of the page covers the picture; 0 changes nothing")

    def output(self, spec: VideoSpec) -> VideoSpec:
        """Nothing changes; the font is looked at.

        Raises:
            UseError: The font cannot be read.
        """
        face(self.font)
        return spec

    @property
    def lead_in(self) -> int | None:
        """None where letters depend on those before them."""
        return 0 if self.strength == 0 or self.steady == 0 else None

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Write every frame of a shot."""
        if self.strength == 0:
            yield from frames
            return
        page = _Page(spec.height, spec.width, self)
        for frame in frames:
            image, alpha = split_alpha(frame.image)
            written = page.step(image)
            if self.strength < 1:
                written = cv.addWeighted(written, self.strength, image, 1 - self.strength, 0)
            yield frame.with_image(join_alpha(written, alpha))


class _Page:
    """Where the letters of one film stand, and which stood there last."""

    def __init__(self, height: int, width: int, look: Ascii) -> None:
        columns = min(look.columns, width)
        rows = max(1, min(height, round(height * columns / (width * _TALL))))
        self._x, self._y = (np.arange(n + 1) * side // n for n, side in ((columns, width), (rows, height)))
        wide, tall = int(np.diff(self._x).max()), int(np.diff(self._y).max())
        self._glyphs = _glyphs(_SETS.get(look.characters, look.characters), look.font, wide, tall)
        self._look = look
        self._paper, self._ink = _unit(look.paper), _unit(look.ink)
        against = _luma(self._ink) if look.colour == "mono" else 0.5
        self._light_paper = _luma(self._paper) > against
        shapes = np.stack([_patches(unit(cv.resize(g, _GRID, interpolation=cv2.INTER_AREA)))[0] for g in self._glyphs])
        self._most = np.float32(shapes.mean(1).max())
        self._tones, self._shapes = _told_apart(shapes)
        self._shapes *= np.float32(_SHAPE * look.shape) / np.maximum(
            np.linalg.norm(self._shapes, axis=1, keepdims=True), np.float32(1e-6)
        )
        self._last: NDArray[np.intp] | None = None

    def step(self, image: Image) -> Image:
        """Write one picture of three channels."""
        columns, rows = len(self._x) - 1, len(self._y) - 1
        small = to_picture(cv.resize(image, (columns * _GRID[0], rows * _GRID[1]), interpolation=cv2.INTER_AREA))
        chosen = self._choose(_patches(self._written(small))).reshape(rows, columns)
        mask = self._set(chosen)
        colours = np.empty((rows, columns, 3), image.dtype)
        if self._look.colour == "mono":
            colours[:] = code(self._ink, image.dtype)
        else:
            cells = cv.resize(small, (columns, rows), interpolation=cv2.INTER_AREA)
            colours[:] = code(self._source(cells), image.dtype)
        front = np.repeat(np.repeat(colours, np.diff(self._x), axis=1), np.diff(self._y), axis=0)
        return blend(front, np.full_like(front, code(self._paper, image.dtype)), mask)

    def _choose(self, cells: Plane) -> NDArray[np.intp]:
        """The glyph for each cell; the one that was there stays unless another is clearly better."""
        chosen = np.empty(len(cells), np.intp)
        for batch in batches(np.arange(len(cells))):
            tones, shapes = _told_apart(cells[batch])
            unlike = np.square(tones - self._tones.T / self._most) - shapes @ self._shapes.T
            best = unlike.argmin(1)
            if self._last is not None:
                every, last = np.arange(len(batch)), self._last[batch]
                gain = unlike[every, last] - unlike[every, best]
                best = np.where(gain > np.float32(_HOLD * self._look.steady), best, last)
            chosen[batch] = best
        self._last = chosen
        return chosen

    def _set(self, chosen: NDArray[np.intp]) -> NDArray[np.uint8]:
        """Lay the glyphs out, `H×W`; cells differ by a pixel where the width is no multiple of the columns."""
        _, tall, wide = self._glyphs.shape
        rows, columns = chosen.shape
        page = self._glyphs[chosen].transpose(0, 2, 1, 3).reshape(rows * tall, columns * wide)
        for axis, edges, most in ((0, self._y, tall), (1, self._x, wide)):
            sizes = np.diff(edges)
            if sizes.min() < most:
                page = page.compress((np.arange(most) < sizes[:, None]).reshape(-1), axis=axis)
        return page

    def _written(self, picture: Plane) -> Plane:
        """How much there is to write, `H×W`: light on dark paper, darkness on light paper.

        With coloured letters that is the strongest channel, so that tone times the letter's colour is the picture's.
        """
        if self._look.colour == "mono":
            tone = luma(picture)
            return 1 - tone if self._light_paper else tone
        weakest, strongest = extremes(picture)
        return np.asarray(1 - weakest if self._light_paper else strongest, np.float32)

    def _source(self, cells: Plane) -> Plane:
        """The pure colour of each cell: with as much paper between as its tone asks for, the cell's own."""
        amount = np.maximum(self._written(cells), np.float32(1e-3))[..., None]
        return np.asarray(1 - (1 - cells) / amount if self._light_paper else cells / amount, np.float32)


def _unit(colour: str) -> Plane:
    return np.asarray(np.array(parse_colour(colour)[:3]) / 255, np.float32)


def _luma(colour: Plane) -> float:
    return float(luma(colour[None, None])[0, 0])


def _told_apart(cells: Plane) -> tuple[Plane, Plane]:
    """The mean of each cell, `N×1`, and its shape: what differs from that, `N×32`, its length the contrast.

    Where there is hardly any contrast, its shape is noise and made smaller still.
    """
    tones = cells.mean(1, keepdims=True)
    shapes = (cells - tones) / np.float32(np.sqrt(cells.shape[1]))
    contrast = np.linalg.norm(shapes, axis=1, keepdims=True)
    return tones, shapes * (contrast / (contrast + np.float32(_NOISE)))


def _patches(plane: Plane) -> Plane:
    """Cut a plane of `_GRID` patches a cell into its cells, `N×32`."""
    across, down = _GRID
    rows, columns = plane.shape[0] // down, plane.shape[1] // across
    cells = plane.reshape(rows, down, columns, across).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(cells.reshape(rows * columns, down * across))


@lru_cache(maxsize=4)
def _glyphs(signs: str, font: str, wide: int, tall: int) -> NDArray[np.uint8]:
    """Draw every sign once, `N×tall×wide`, 255 where there is ink; those of a proportional font are fitted in."""
    return np.stack([_glyph(sign, font, wide, tall) for sign in dict.fromkeys(signs)])


def _glyph(sign: str, font: str, wide: int, tall: int) -> NDArray[np.uint8]:
    if sign in _SHADES:
        return np.full((tall, wide), _SHADES[sign], np.uint8)
    if sign in _QUADRANTS:
        return _dots(_QUADRANTS[sign], range(4), wide, tall)
    if "\u2800" <= sign <= "\u28ff":
        return _dots(ord(sign) - 0x2800, _BRAILLE, wide, tall)
    fine = 4
    type_ = Type(face(font), max(4, round(0.86 * tall * fine)), 800)
    room = max(wide * fine, type_.width(sign))
    drawn: Any = letters([sign], type_, (room, tall * fine), (room / 2, tall * fine / 2))
    return np.asarray(cv.resize(drawn, (wide, tall), interpolation=cv2.INTER_AREA), np.uint8)


def _dots(bits: int, order: Any, wide: int, tall: int) -> NDArray[np.uint8]:
    """Fill the fields, two across, whose bits are set; dots leave a gap between each other, quadrants do not."""
    grid = np.zeros(len(order), np.uint8)
    for bit, field in enumerate(order):
        grid[field] = 255 * (bits >> bit & 1)
    fine = np.kron(grid.reshape(-1, 2), np.ones((8, 8), np.uint8))
    if len(grid) == 8:
        fine *= np.tile(cv.circle(np.zeros((8, 8), np.uint8), (4, 4), 3, 1, -1), (4, 2))
    return np.asarray(cv.resize(fine, (wide, tall), interpolation=cv2.INTER_AREA), np.uint8)

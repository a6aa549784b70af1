"""Text set in lines, as planes of coverage: letters, and letters with the line around them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.errors import UseError
from melies.files import is_file
from melies.frame import Image
from melies.imaging import Rgba, join_alpha, over, to_depth

cv: Any = cv2

Plane = NDArray[np.uint8]

BUILT_IN = ("sans", "italic", "uni")
"""Fonts inside OpenCV: two for Latin, Greek and Cyrillic, of any weight, and one with Chinese, Japanese and Korean."""

LEADING = 1.15
"""From one line to the next, as a share of the size."""

_SMALLEST = 8
"""Pixels below which text is not shrunk any more: it would not be readable in any case."""

_WORDS = re.compile(r"[⺀-鿿가-힣豈-﫿]|[^\s⺀-鿿가-힣豈-﫿]+")
"""What must stay together: a word, or a sign of a script that has no spaces."""


def is_font(path: Path) -> bool:
    """Whether a file is a font as far as its table of contents tells: all is there, and inside the file."""
    if not is_file(path):
        return False
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        head = file.read(16)
        start = 0
        if head[:4] == b"ttcf":
            start = int.from_bytes(head[12:16], "big")
            file.seek(start)
            head = file.read(16)
        count = int.from_bytes(head[4:6], "big")
        file.seek(start + 12)
        tables = [file.read(16) for _ in range(min(count, 1000))]
    if head[:4] not in (b"\0\1\0\0", b"OTTO", b"true") or any(len(table) < 16 for table in tables):
        return False
    ends = [int.from_bytes(table[8:12], "big") + int.from_bytes(table[12:], "big") for table in tables]
    return {b"cmap", b"head", b"hhea", b"hmtx", b"maxp"} <= {table[:4] for table in tables} and max(ends) <= size


def face(font: str) -> Any:
    """Open a font for OpenCV: one of `BUILT_IN`, or a file.

    Raises:
        UseError: The file is missing or is no font.
    """
    if font in BUILT_IN:
        return cv.FontFace(font)
    opened = cv.FontFace("sans")
    # OpenCV crashes on files that are no fonts, and says nothing of those that are missing.
    if not is_font(Path(font)) or not opened.set(font):
        hint = f"Give a .ttf or .otf file, or one of {', '.join(BUILT_IN)}."
        raise UseError(f"The font {font} cannot be read.", hint)
    return opened


@dataclass(frozen=True)
class Type:
    """How text looks.

    Attributes:
        face: OpenCV's font.
        size: Height of a line in pixels.
        weight: Of the strokes, 100…1000.
    """

    face: Any
    size: int
    weight: int

    def width(self, text: str) -> int:
        """How many pixels a line takes."""
        return int(cv.getTextSize((0, 0), text, (0, 0), self.face, self.size, self.weight)[2])

    def lacks(self, text: str) -> list[str]:
        """The signs in a text that the font does not have: a question mark is drawn in their place."""
        plain = Type(self.face, 32, self.weight)

        def drawn(sign: str) -> Plane:
            return letters([sign], plain, (96, 96), (48, 48))

        question = drawn("?")
        signs = sorted({sign for sign in text if not sign.isspace() and sign != "?"})
        return [sign for sign in signs if np.array_equal(drawn(sign), question)]

    def lines(self, text: str, width: int) -> list[str]:
        """Break text where a line is full; a word that is wider stands alone."""
        lines = []
        for paragraph in text.split("\n"):
            line, end = "", 0
            for match in _WORDS.finditer(paragraph):
                longer = line + (paragraph[end : match.start()] if line else "") + match[0]
                if line and self.width(longer) > width:
                    lines.append(line)
                    longer = match[0]
                line, end = longer, match.end()
            lines.append(line)
        return lines


def fitted(text: str, face: Any, weight: int, size: int, width: int, height: int) -> tuple[Type, list[str]]:
    """Break text into lines, smaller where a word is too wide or there are too many lines."""
    while True:
        type_ = Type(face, size, weight)
        lines = type_.lines(text, width)
        fits = max(map(type_.width, lines)) <= width and len(lines) * size * LEADING <= height
        if fits or size <= _SMALLEST:
            return type_, lines
        size = max(_SMALLEST, int(size * 0.93))


def letters(lines: list[str], type_: Type, size: tuple[int, int], middle: tuple[float, float]) -> Plane:
    """Draw lines around a place.

    Args:
        lines: From top to bottom.
        type_: How they look.
        size: Width and height of the plane.
        middle: Of all lines together, in pixels from the left and the top.

    Returns:
        `H×W`, 255 inside the letters.
    """
    plane = np.zeros(size[::-1], np.uint8)
    step = type_.size * LEADING
    # Capitals fill most of the line above the baseline, so that they stand in its middle.
    baseline = middle[1] - step * (len(lines) - 1) / 2 + 0.36 * type_.size
    for number, line in enumerate(lines):
        left = middle[0] - type_.width(line) / 2
        origin = round(left), round(baseline + number * step)
        cv.putText(plane, line, origin, (255,), type_.face, type_.size, type_.weight, 0, (-(1 << 20), 1 << 20))
    return plane


def outlined(plane: Plane, radius: float) -> Plane:
    """Grow letters by so many pixels all around, with round corners."""
    if radius <= 0:
        return plane
    distance = cv.distanceTransform(cv.compare(plane, 127, cv2.CMP_LE), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    grown = np.clip((radius + 0.5 - distance) * 255, 0, 255).astype(np.uint8)
    return np.asarray(np.maximum(grown, plane), np.uint8)


@dataclass(frozen=True)
class Layer:
    """Text ready to be laid over pictures.

    Attributes:
        picture: `h×w×4` uint8, no larger than it has to be.
        left: Where it goes.
        top: Where it goes.
    """

    picture: Image
    left: int
    top: int

    @staticmethod
    def make(inner: Plane, outer: Plane, colour: Rgba, line: Rgba) -> Layer | None:
        """Colour letters and the line around them; None where there is nothing to see."""
        x, y, width, height = cv.boundingRect(np.maximum(inner, outer))
        if width == 0:
            return None
        inner, outer = inner[y : y + height, x : x + width], outer[y : y + height, x : x + width]
        below, above = (_flat(rgba, plane) for rgba, plane in ((line, outer), (colour, inner)))
        return Layer(over(above, below), x, y)

    def over(self, image: Image, share: float) -> Image:
        """Return the picture with the text on it, `share` (0…1) as strong."""
        height, width = self.picture.shape[:2]
        place = np.s_[self.top : self.top + height, self.left : self.left + width]
        text = self.picture
        if share < 1:
            text = join_alpha(text[..., :3], np.rint(text[..., 3] * np.float32(share)).astype(np.uint8))
        written = image.copy()
        written[place] = over(to_depth(text, image.dtype), np.ascontiguousarray(image[place]))
        return written


def _flat(colour: Rgba, plane: Plane) -> Image:
    """One colour with the plane, times the colour's own opacity, as alpha."""
    picture = np.empty((*plane.shape, 4), np.uint8)
    picture[..., :3] = colour[:3]
    picture[..., 3] = np.rint(plane * np.float32(colour[3] / 255))
    return picture

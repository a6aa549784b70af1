"""Scratches that run down the film: upright lines that stay where they are while the picture goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Image
from melies.imaging import white_of

cv: Any = cv2

Float = NDArray[np.float32]


class Line(NamedTuple):
    """An upright line.

    Attributes:
        x: Where it crosses the middle of the height.
        lean: Pixels aside for each pixel down.
        sign: 1 if it is light, -1 if it is dark.
    """

    x: float
    lean: float
    sign: int


MEMORY = 12
"""Frames on each side in which a scratch has to be seen too."""

_LEANS = np.linspace(-0.02, 0.02, 9)
"""Pixels aside for each pixel down that are tried."""

_BANDS = 16
"""Parts of the height; a scratch shows in most of them."""


class Lines:
    """Finds upright lines in one frame: thin, light or dark, nearly from top to bottom (Kokaram 1996).

    Args:
        strength: 0…1: how faint and short a scratch may be.
    """

    def __init__(self, strength: float) -> None:
        self._least = 0.04 - 0.03 * strength
        self._bands = 0.95 - 0.2 * strength

    def find(self, grey: NDArray[np.uint8]) -> list[Line]:
        """Return the lines of a picture.

        Args:
            grey: `H×W` uint8.
        """
        height, width = grey.shape
        if min(height, width) < 2 * _BANDS:
            return []
        residue = ridge(grey.astype(np.float32) / np.float32(255), span(width))
        # Strong edges must not outvote what is weak but everywhere.
        residue = np.clip(residue, -0.12, 0.12)
        bands = np.stack([part.mean(0) for part in np.array_split(residue, _BANDS)])
        offsets = (np.arange(_BANDS) + 0.5) / _BANDS * height - height / 2
        # Many films have dark or light columns at their sides.
        inside = np.abs(np.arange(width) - (width - 1) / 2) < width / 2 - span(width)
        best: list[tuple[float, Line]] = []
        for lean in _LEANS:
            straight = np.stack([_shifted(row, lean * offset) for row, offset in zip(bands, offsets, strict=True)])
            for sign in (1, -1):
                score = np.median(sign * straight, axis=0)
                shown = (sign * straight > score / 2).mean(0)
                peaks = (score == cv.dilate(score[None].astype(np.float32), np.ones((1, 9)))[0]) & (score > self._least)
                places = np.nonzero(peaks & (shown >= self._bands) & inside)[0]
                best += [(float(score[x]), Line(float(x), float(lean), sign)) for x in places]
        return _apart(best)


def _shifted(row: Float, pixels: float) -> Float:
    places = np.arange(len(row)) + pixels
    shifted: Float = np.interp(places, np.arange(len(row)), row).astype(np.float32)
    return shifted


def _apart(lines: list[tuple[float, Line]]) -> list[Line]:
    """The strongest lines, none within a few pixels of a stronger one."""
    kept: list[Line] = []
    for _, line in sorted(lines, reverse=True):
        if all(abs(line.x - other.x) > 6 for other in kept):
            kept.append(line)
    return kept


def persistent(lines: list[Line], others: list[list[Line]], share: float = 0.5) -> list[Line]:
    """Return the lines that are near the same place in at least that share of other frames, of which there are some."""
    if len(others) < 3:
        return []

    def seen(line: Line, frame: list[Line]) -> bool:
        return any(other.sign == line.sign and abs(other.x - line.x) < 5 for other in frame)

    return [line for line in lines if sum(seen(line, frame) for frame in others) >= share * len(others)]


def span(width: int) -> int:
    """Return how many pixels wide a scratch and what is just beside it are."""
    return 2 * max(4, round(width / 120)) + 1


def ridge(plane: Float, wide: int) -> Float:
    """Return what is lighter (above 0) or darker (below) than both sides, if it is narrower than `wide` pixels."""
    beam = np.ones((1, wide // 2 | 1), np.uint8)
    light, dark = (cv.morphologyEx(plane, how, beam) for how in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT))
    found: Float = light - dark
    return found


def erase(image: Image, lines: Sequence[Line]) -> Image:
    """Return the image without the lines: their profile, smooth along them, is taken off, and what is under it stays.

    Args:
        image: Three channels, uint8 or uint16.
        lines: What to take off.
    """
    if not lines:
        return image
    height, width = image.shape[:2]
    half = span(width) // 2
    rows = np.arange(height)
    across = np.arange(-half, half + 1)
    inner = np.abs(across) <= half // 2 + 1
    ramp = np.linspace(0, 1, len(across), dtype=np.float32)[None, :, None]
    result = image.copy()
    for line in lines:
        middle = np.rint(line.x + line.lean * (rows - height / 2)).astype(np.intp)
        columns = np.clip(middle[:, None] + across, 0, width - 1)
        strip = result[rows[:, None], columns].astype(np.float32)
        sides = strip[:, ~inner]
        edge = sides.shape[1] // 2
        left, right = sides[:, :edge].mean(1), sides[:, edge:].mean(1)
        bump = strip - left[:, None] * (1 - ramp) - right[:, None] * ramp
        profile = cv.blur(bump, (1, max(3, height // 12 | 1)), borderType=cv2.BORDER_REFLECT)
        profile[:, ~inner] = 0
        result[rows[:, None], columns] = np.clip(np.rint(strip - profile), 0, white_of(image)).astype(image.dtype)
    return result

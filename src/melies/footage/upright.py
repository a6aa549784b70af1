"""How a camera is held, from the lines of a still: those that are upright in the world meet in one point.

Which point that is says how far the camera looks up and how far it is turned about its axis (Caprile and Torre, "Using
vanishing points for camera calibration", 1990). Lines are found by von Gioi et al., "LSD" (IEEE TPAMI 2010).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Image
from melies.matting.scale import cv

_LONGEST = 480
"""Longer side of the picture in which lines are looked for."""
_SHORT = 0.03
"""Length of the shortest line that counts, in longer sides."""
_MOST = 250
"""The most lines that count, the longest ones."""
_STEEP = 35.0
"""Degrees from the horizontal from which a line may be upright in the world."""
_STRIPS = 8
_TOLERANCE = 2.5
"""Degrees by which a line may miss the point."""
_PITCHES = np.arange(-57.5, 50.1, 2.5)
_ROLLS = np.arange(-30.0, 30.1, 2.0)
"""Degrees that are tried. Looking farther up cannot be told from looking along a street."""
_UNLIKELY = 50.0, 40.0
"""Degrees of pitch and roll that are rare enough to need much better reasons."""


@dataclass(frozen=True, slots=True)
class Hold:
    """How a camera is held.

    Attributes:
        pitch: Degrees by which it looks up, for a lens of about 53° across.
        roll: Degrees by which the world is turned clockwise in the picture.
        support: Share of the steep lines' length that fits, 0…1.
        lines: How many steep lines there are.
        length: How long they are together, in longer sides of the picture.
    """

    pitch: float
    roll: float
    support: float
    lines: int
    length: float

    @property
    def known(self) -> bool:
        """Whether that is enough to say anything, and lies well inside what is tried."""
        enough = self.support >= 0.3 and self.lines >= 20 and self.length >= 2.2
        return enough and -50 < self.pitch < 42 and abs(self.roll) < 24


def hold(image: Image) -> Hold:
    """Find out how the camera is held.

    Args:
        image: `H×W×3` uint8 RGB.
    """
    ends, size = _lines(image)
    along = ends[:, 2:] - ends[:, :2]
    steep = np.abs(along[:, 1]) > np.tan(np.radians(_STEEP)) * np.abs(along[:, 0])
    ends, along = ends[steep], along[steep]
    length = np.linalg.norm(along, axis=1)
    if not len(length):
        return Hold(0.0, 0.0, 0.0, 0, 0.0)
    longest = max(size)
    middles = ((ends[:, :2] + ends[:, 2:]) / 2 - np.array(size) / 2) / longest
    zenith, prior, angles = _tried()
    towards = zenith[:, None, :2] - middles[None] * zenith[:, None, 2:]
    unit = along / length[:, None]
    cross = towards[..., 0] * unit[:, 1] - towards[..., 1] * unit[:, 0]
    sine = np.abs(cross) / np.maximum(np.linalg.norm(towards, axis=2), 1e-6)
    missed = np.degrees(np.arcsin(np.minimum(sine, 1)))
    worth = length / np.sqrt(_crowd(middles[:, 0], length))
    fits = np.maximum(0, 1 - (missed / _TOLERANCE) ** 2) @ worth / worth.sum()
    best = int(np.argmax(fits * prior))
    pitch, roll = map(float, angles[best])
    return Hold(pitch, roll, float(fits[best]), len(length), float(length.sum() / longest))


def _lines(image: Image) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """The longest lines of a picture, `N×4`: both ends' x and y; and the size of the picture that they lie in."""
    grey = cv.cvtColor(image, cv2.COLOR_RGB2GRAY)
    scale = _LONGEST / max(grey.shape)
    grey = cv.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    found = cv.createLineSegmentDetector().detect(grey)[0]
    size = grey.shape[1], grey.shape[0]
    if found is None:
        return np.zeros((0, 4)), size
    ends = found.reshape(-1, 4).astype(np.float64)
    length = np.hypot(ends[:, 2] - ends[:, 0], ends[:, 3] - ends[:, 1])
    order = np.argsort(-length, kind="stable")[: min(_MOST, np.count_nonzero(length > _SHORT * _LONGEST))]
    return ends[order], size


def _crowd(x: NDArray[np.float64], length: NDArray[np.float64]) -> NDArray[np.float64]:
    """How long all lines are together in each line's part of the picture, so that no window front outvotes the rest."""
    strip = np.clip(((x + 0.5) * _STRIPS).astype(int), 0, _STRIPS - 1)
    crowd: NDArray[np.float64] = np.bincount(strip, length, _STRIPS)[strip]
    return crowd


@cache
def _tried() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Where straight up is for every pitch and roll that is tried, `N×3`; how likely each is; and the angles, `N×2`."""
    angles = np.stack(np.meshgrid(_PITCHES, _ROLLS, indexing="ij"), -1).reshape(-1, 2)
    pitch, roll = np.radians(angles.T)
    zenith = np.stack([np.sin(roll) * np.cos(pitch), -np.cos(roll) * np.cos(pitch), np.sin(pitch)], 1)
    return zenith, np.exp(-np.square(angles / _UNLIKELY).sum(1)), angles

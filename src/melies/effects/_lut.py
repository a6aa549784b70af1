"""Look-up tables for colour: reading `.cube` files and interpolating in them.

The format is Adobe's *Cube LUT Specification 1.0*; the `LUT_1D_INPUT_RANGE` and `LUT_3D_INPUT_RANGE` lines of DaVinci
Resolve are understood as well.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from melies.errors import UseError
from melies.files import is_file
from melies.imaging import Float

_SIZES = {"LUT_1D_SIZE": (2, 65536), "LUT_3D_SIZE": (2, 256)}
_RANGES = ("LUT_1D_INPUT_RANGE", "LUT_3D_INPUT_RANGE")


@dataclass(frozen=True, slots=True, eq=False)
class Cube:
    """A table of colours.

    Attributes:
        table: `size×3`, or `size³×3` with red changing fastest.
        size: Entries along an axis.
        solid: Whether it has three axes; else each channel is looked up by itself.
        low: Values of red, green and blue that the first entry stands for.
        high: Values that the last entry stands for.
    """

    table: Float
    size: int
    solid: bool
    low: Float
    high: Float

    def __call__(self, colours: Float) -> Float:
        """Look colours (`N×3`) up, linearly or by tetrahedra; what lies outside the domain is clipped to it."""
        place = (colours - self.low) * ((self.size - 1) / (self.high - self.low))
        place = np.clip(place, 0, self.size - 1, dtype=np.float32)
        return self._by_tetrahedra(place) if self.solid else self._by_channel(place)

    def _by_channel(self, place: Float) -> Float:
        below = np.minimum(place.astype(np.int32), self.size - 2)
        part = place - below
        channel = np.arange(3)
        return cast(Float, self.table[below, channel] * (1 - part) + self.table[below + 1, channel] * part)

    def _by_tetrahedra(self, place: Float) -> Float:
        """Each cell is six tetrahedra around its grey diagonal; the order of a point's parts says which holds it."""
        below = np.minimum(place.astype(np.int32), self.size - 2)
        red, green, blue = np.ascontiguousarray((place - below).T)
        steps = np.array([1, self.size, self.size**2], np.int32)
        corner = below[:, 0] + below[:, 1] * steps[1] + below[:, 2] * steps[2]
        far = corner + steps.sum(dtype=np.int32)
        high, low = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
        middle = np.maximum(np.minimum(red, green), np.minimum(np.maximum(red, green), blue))
        # On equal parts the two must still name different axes.
        most = np.where(red == high, steps[0], np.where(green == high, steps[1], steps[2]))
        least = np.where(blue == low, steps[2], np.where(green == low, steps[1], steps[0]))
        result = self._entries(corner, 1 - high)
        result += self._entries(corner + most, high - middle)
        result += self._entries(far - least, middle - low)
        result += self._entries(far, low)
        return result

    def _entries(self, index: NDArray[np.int32], weight: Float) -> Float:
        found: Float = np.take(self.table, index, axis=0, mode="clip")
        found *= weight[:, None]
        return found


def read_cube(path: Path) -> Cube:
    """Read a `.cube` file.

    Raises:
        UseError: The file is missing or malformed; the message names the line.
    """
    if not is_file(path):
        raise UseError(f"The LUT {path} does not exist.", "Give a .cube file.")
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UseError(f"The LUT {path} is not a text file.", "Give a .cube file.") from None
    except OSError as error:
        raise UseError(f"The LUT {path} cannot be read: {error.strerror}.") from None
    settings: dict[str, list[float]] = {}
    rows: list[list[float]] = []
    for number, line in enumerate(lines, 1):
        words = line.split("#")[0].split()
        if not words or words[0] == "TITLE":
            continue
        keyword = words.pop(0) if words[0][0].isalpha() and words[0][:3].lower() not in ("nan", "inf") else None
        if keyword is not None:
            _check_known(keyword, len(words), path, number)
        values = _numbers(words, path, number)
        if keyword is not None:
            settings[keyword] = values
        elif len(values) != 3:
            raise UseError(f"Line {number} of the LUT {path} has {len(values)} numbers instead of 3.")
        else:
            rows.append(values)
    return _cube(settings, rows, path)


def _numbers(words: list[str], path: Path, number: int) -> list[float]:
    try:
        values = [float(word) for word in words]
    except ValueError:
        raise UseError(f"Line {number} of the LUT {path} does not consist of numbers.") from None
    if not all(map(math.isfinite, values)):
        raise UseError(f"Line {number} of the LUT {path} has a number that is not finite.")
    return values


def _check_known(keyword: str, count: int, path: Path, number: int) -> None:
    wanted = {**dict.fromkeys(_SIZES, 1), **dict.fromkeys(_RANGES, 2), "DOMAIN_MIN": 3, "DOMAIN_MAX": 3}
    if keyword not in wanted:
        raise UseError(f"Line {number} of the LUT {path} begins with {keyword}, which .cube files do not know.")
    if count != wanted[keyword]:
        raise UseError(f"Line {number} of the LUT {path}: {keyword} takes {wanted[keyword]} numbers, not {count}.")


def _cube(settings: dict[str, list[float]], rows: list[list[float]], path: Path) -> Cube:
    sizes = [keyword for keyword in _SIZES if keyword in settings]
    if len(sizes) != 1:
        count = "neither" if not sizes else "both"
        raise UseError(f"The LUT {path} has {count} of LUT_1D_SIZE and LUT_3D_SIZE; exactly one is needed.")
    keyword = sizes[0]
    least, most = _SIZES[keyword]
    size = int(settings[keyword][0])
    if size != settings[keyword][0] or not least <= size <= most:
        raise UseError(f"The LUT {path}: {keyword} must be a whole number from {least} to {most}.")
    solid = keyword == "LUT_3D_SIZE"
    expected = size**3 if solid else size
    if len(rows) != expected:
        raise UseError(f"The LUT {path} has {len(rows)} colours instead of the {expected} that {keyword} asks for.")
    span = settings.get(_RANGES[solid], [0.0, 1.0])
    low = np.array(settings.get("DOMAIN_MIN", [span[0]] * 3), np.float32)
    high = np.array(settings.get("DOMAIN_MAX", [span[1]] * 3), np.float32)
    if not (low < high).all():
        raise UseError(f"The LUT {path}: the beginning of its domain must be smaller than the end.")
    return Cube(np.array(rows, np.float32), size, solid, low, high)


def srgb_to_linear(values: Any) -> Any:
    """From display values (0…1, and beyond) to light, by IEC 61966-2-1."""
    return np.where(values <= 0.04045, values / 12.92, ((np.maximum(values, 0) + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(light: Any) -> Any:
    """From light to display values, by IEC 61966-2-1."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)


def white_balance(temperature: float, tint: float) -> Any:
    """Factors for red, green and blue light that change the colour of the illumination, at equal luminance.

    Args:
        temperature: -100 (blue) … 100 (orange), steps of equal size in mired along the CIE's daylight locus.
        tint: -100 (green) … 100 (magenta); 100 takes half a stop from green.
    """
    luminance = np.array([0.2126, 0.7152, 0.0722])
    factors = _daylight(1e6 / 6504 + 0.9 * temperature) / _daylight(1e6 / 6504)
    factors = factors * np.array([1, 2 ** (-0.5 * tint / 100), 1])
    return factors / (factors @ luminance)


def _daylight(mired: float) -> Any:
    """Linear sRGB of daylight of a colour temperature: CIE 15:2004, section 3.1."""
    kelvin = 1e6 / mired
    low = (0.244063, 99.11, 2.9678e6, -4.6070e9)
    high = (0.237040, 247.48, 1.9018e6, -2.0064e9)
    x = float(np.polynomial.polynomial.polyval(1 / kelvin, low if kelvin <= 7000 else high))
    y = -3.0 * x * x + 2.870 * x - 0.275
    tristimulus = np.array([x / y, 1, (1 - x - y) / y])
    to_rgb = np.array(
        [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560], [0.0556434, -0.2040259, 1.0572252]]
    )
    return to_rgb @ tristimulus

"""Change exposure, contrast and colour, or apply a look-up table."""

from __future__ import annotations

import threading
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

from melies.effect import FrameEffect
from melies.effects._lut import Cube, linear_to_srgb, read_cube, srgb_to_linear, white_balance
from melies.frame import Image, VideoSpec
from melies.imaging import Float, join_alpha, split_alpha

_CODES = 256**3
_CHUNK = 1 << 16


def _three(value: Any) -> Any:
    """One number stands for all three channels."""
    if isinstance(value, list | tuple):
        return tuple(value) * 3 if len(value) == 1 else tuple(value)
    return (value,) * 3


_Lift = Annotated[float, Field(ge=-1, le=1)]
_Gain = Annotated[float, Field(ge=0, le=8)]
_Gamma = Annotated[float, Field(ge=0.1, le=10)]


class Grade(FrameEffect):
    """Change exposure, contrast and colour, or apply a look-up table.

    In this order: temperature, tint and exposure (in linear light, the picture taken as sRGB), lift, gain and gamma,
    contrast, saturation, table.
    """

    exposure: float = Field(0.0, ge=-10, le=10, description="Stops of light to add; 1 is twice as much light.")
    temperature: float = Field(0.0, ge=-100, le=100, description="Colder, bluer (below 0) or warmer, more orange.")
    tint: float = Field(0.0, ge=-100, le=100, description="More green (below 0) or more magenta.")
    lift: Annotated[tuple[_Lift, _Lift, _Lift], BeforeValidator(_three)] = Field(
        (0.0, 0.0, 0.0), description="Raise (or, below 0, lower) the shadows; one number, or red,green,blue."
    )
    gain: Annotated[tuple[_Gain, _Gain, _Gain], BeforeValidator(_three)] = Field(
        (1.0, 1.0, 1.0), description="Multiply the lights; one number, or red,green,blue."
    )
    gamma: Annotated[tuple[_Gamma, _Gamma, _Gamma], BeforeValidator(_three)] = Field(
        (1.0, 1.0, 1.0), description="Brighten (above 1) or darken the middle; one number, or red,green,blue."
    )
    contrast: float = Field(1.0, ge=0, le=4, description="How far apart dark and bright are; 1 changes nothing.")
    pivot: float = Field(0.5, ge=0, le=1, description="The brightness that contrast leaves where it is.")
    saturation: float = Field(1.0, ge=0, le=4, description="How strong colours are; 0 is grey, 1 changes nothing.")
    lut: Path | None = Field(None, description="A .cube file with a look-up table of one or three dimensions.")
    lut_strength: float = Field(1.0, ge=0, le=1, description="How much of the table's effect to take.")

    def output(self, spec: VideoSpec) -> VideoSpec:
        """Nothing changes.

        Raises:
            UseError: The table cannot be read.
        """
        self._cube()
        return spec

    def process(self, image: Image) -> Image:
        """Grade the colours; alpha stays."""
        if self._changes_nothing():
            return image
        colours, alpha = split_alpha(image)
        stamp = 0 if self.lut is None or not self.lut.exists() else self.lut.stat().st_mtime_ns
        return join_alpha(_grader(self, image.dtype.str, stamp)(colours), alpha)

    def _changes_nothing(self) -> bool:
        table = self.lut is not None and self.lut_strength > 0
        return not table and self.saturation == 1 and self._curve_is_straight()

    def _curve_is_straight(self) -> bool:
        light = self.exposure == self.temperature == self.tint == 0
        values = self.lift == (0, 0, 0) and self.gain == (1, 1, 1) and self.gamma == (1, 1, 1)
        return light and values and self.contrast == 1

    def _cube(self) -> Cube | None:
        return None if self.lut is None or self.lut_strength == 0 else read_cube(self.lut)

    def _curve(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """What becomes of values (`N×3`, 0…1) through the steps that treat each channel by itself."""
        if not self.exposure == self.temperature == self.tint == 0:
            light = srgb_to_linear(values) * 2.0**self.exposure * white_balance(self.temperature, self.tint)
            values = linear_to_srgb(light)
        values = (values + np.array(self.lift) * (1 - values)) * np.array(self.gain)
        values = np.maximum(values, 0) ** (1 / np.array(self.gamma))
        return (values - self.pivot) * self.contrast + self.pivot


class _Grader:
    """A grade made ready for one depth.

    Steps that treat channels alone become one table for each. Where colours mix and images are 8-bit, all colours
    there are go into one table as soon as that is no more work than was already done without it.
    """

    def __init__(self, grade: Grade, dtype: str) -> None:
        self._dtype = np.dtype(dtype)
        self._white = int(np.iinfo(self._dtype).max)
        levels = np.linspace(0, 1, self._white + 1)[:, None].repeat(3, axis=1)
        self._curve = grade._curve(levels).astype(np.float32)
        self._saturation = np.float32(grade.saturation)
        self._cube = grade._cube()
        self._strength = np.float32(grade.lut_strength)
        if self._cube is not None and not self._cube.solid and self._saturation == 1:
            self._curve = self._looked_up(self._curve)
            self._cube = None
        self._codes = self._quantised(self._curve)
        self._alone = self._cube is None and self._saturation == 1
        self._table: NDArray[np.uint32] | None = None
        self._seen = 0
        self._lock = threading.Lock()

    def __call__(self, image: Image) -> Image:
        """Grade an image, `H×W×3`."""
        if self._alone:
            return self._by_channel(image)
        if self._table is None and self._dtype == np.uint8:
            with self._lock:
                self._seen += image.shape[0] * image.shape[1]
                if self._table is None and self._seen > _CODES:
                    self._table = self._all_colours()
        if self._table is not None:
            packed = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA)
            packed[..., 3] = 0
            result = self._table[packed.view(np.uint32)[..., 0]]
            return cast(Image, cv2.cvtColor(result[..., None].view(np.uint8), cv2.COLOR_RGBA2RGB))
        pixels = image.reshape(-1, 3)
        result = np.empty_like(pixels)
        for start in range(0, len(pixels), _CHUNK):
            result[start : start + _CHUNK] = self._mixed(pixels[start : start + _CHUNK])
        return cast(Image, result.reshape(image.shape))

    def _by_channel(self, image: Image) -> Image:
        if self._dtype == np.uint8:
            return cast(Image, cv2.LUT(image, self._codes[None]))
        planes = [self._codes[:, channel][plane] for channel, plane in enumerate(cv2.split(image))]
        return cast(Image, cv2.merge(planes))

    def _mixed(self, codes: NDArray[Any]) -> NDArray[Any]:
        """Grade colours, `N×3`; the same colour always becomes the same, whatever stands beside it."""
        colours = np.stack([np.take(self._curve[:, c], codes[:, c], mode="clip") for c in range(3)], axis=1)
        if self._saturation != 1:
            red, green, blue = colours.T
            luma = np.float32(0.2126) * red + np.float32(0.7152) * green + np.float32(0.0722) * blue
            colours = luma[:, None] + self._saturation * (colours - luma[:, None])
        return self._quantised(self._looked_up(colours))

    def _looked_up(self, colours: Float) -> Float:
        if self._cube is None:
            return colours
        found = self._cube(colours)
        return found if self._strength == 1 else colours + self._strength * (found - colours)

    def _quantised(self, colours: Float) -> NDArray[Any]:
        values = np.clip(colours, 0, 1) * np.float32(self._white)
        return np.asarray(np.rint(values, out=values), self._dtype)

    def _all_colours(self) -> NDArray[np.uint32]:
        """The result for every 8-bit colour, packed like the index: red in the lowest byte."""
        table = np.zeros(_CODES, np.uint32)
        plane = np.stack(np.meshgrid(np.arange(256), np.arange(256), indexing="ij"), axis=-1).reshape(-1, 2)
        codes = np.empty((_CHUNK, 3), np.uint8)
        codes[:, 1], codes[:, 0] = plane[:, 0], plane[:, 1]
        for blue in range(256):
            codes[:, 2] = blue
            graded = self._mixed(codes).astype(np.uint32)
            table[blue * _CHUNK : (blue + 1) * _CHUNK] = graded[:, 0] | graded[:, 1] << 8 | graded[:, 2] << 16
        return table


@lru_cache(maxsize=4)
def _grader(grade: Grade, dtype: str, stamp: int) -> _Grader:
    """Make a grade ready once for all frames and threads; `stamp` changes when the table's file does."""
    return _Grader(grade, dtype)

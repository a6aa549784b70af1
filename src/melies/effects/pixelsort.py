"""`pixelsort`: runs of pixels put in order, as glitch art has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Literal, Self, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from melies.effect import Effect
from melies.frame import Frame, Image, VideoSpec
from melies.imaging import Plane, blur, join_alpha, split_alpha, to_depth
from melies.matting.scale import cv
from melies.translating.mix import MASK_MODELS, Mask, Where

_RANGES = {"luma": (0.25, 0.8), "hue": (0.0, 0.5), "saturation": (0.25, 1.0), "edges": (0.0, 0.1)}
"""What is sorted if nothing is said."""
_SOFT = 0.002
"""Blur of the picture in which intervals are looked for, as a share of the height: they should not follow noise."""


class Pixelsort(Effect):
    """Sort the pixels of every line by brightness, hue or saturation, in stretches that the picture itself gives."""

    key: Literal["luma", "hue", "saturation"] = Field("luma", description="what the pixels are sorted by")
    intervals: Literal["luma", "hue", "saturation", "edges"] = Field(
        "luma",
        description="what says which stretches are sorted: where this lies between --low and --high; edges: local "
        "contrast, so that stretches end at edges",
    )
    low: float | None = Field(None, ge=0, le=1, description="lowest value that is sorted; as suits --intervals if None")
    high: float | None = Field(
        None, ge=0, le=1, description="highest value that is sorted; below --low, all but what lies between is sorted"
    )
    longest: float = Field(
        1.0, ge=0, le=10, description="longest stretch, as a share of the picture's height; 0 changes nothing"
    )
    angle: float = Field(
        0.0, ge=-360, le=360, description="direction in which values rise, in degrees: 0 right, 90 down, 180 left"
    )
    where: Where = Field("everywhere", description="sort the whole picture, only people, or only what is behind them")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="where the stretches that are too long are cut")

    @property
    def lead_in(self) -> int | None:
        """None where people are followed."""
        return 0 if self.longest == 0 or self.where == "everywhere" else None

    def models(self) -> tuple[str, ...]:
        """The networks that find people, where they matter."""
        return () if self.where == "everywhere" else MASK_MODELS

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Sort every frame of a shot."""
        return self.steered(frames, spec, lambda: self)

    def steered(self, frames: Iterator[Frame], spec: VideoSpec, now: Callable[[], Self]) -> Iterator[Frame]:
        """What is known of a mask goes on when a number changes."""
        mask = Mask(self.where)
        for frame in frames:
            effect = now()
            if effect.longest == 0:
                yield frame
                continue
            colours, alpha = split_alpha(frame.image)
            chosen = effect._chosen(colours)
            share = mask(colours)
            if share is not None:
                chosen &= share > 0.5
            yield frame.with_image(join_alpha(effect._sorted(colours, chosen), alpha))

    def _chosen(self, image: Image) -> NDArray[np.bool_]:
        """Which pixels may be sorted, `H×W`."""
        height = image.shape[0]
        small = to_depth(image, np.dtype(np.uint8))
        plane = _measure(blur(small, _SOFT * height), self.intervals, height)
        low, high = (
            given if given is not None else usual
            for given, usual in zip((self.low, self.high), _RANGES[self.intervals], strict=True)
        )
        least, most = round(min(low, high) * 255), round(max(low, high) * 255)
        inside = (plane >= least) & (plane <= most)
        return inside if low <= high else ~inside

    def _sorted(self, image: Image, chosen: NDArray[np.bool_]) -> Image:
        height, width = image.shape[:2]
        places, breaks = _lines(height, width, self.angle % 360)
        chosen = chosen.reshape(-1)[places]
        begins = ~chosen | breaks
        begins[:, 1:] |= ~chosen[:, :-1]
        begins |= _cuts(*places.shape, max(1, round(self.longest * height)), self.seed)
        order = _ordered(begins, _value(image, self.key).reshape(-1)[places])
        made = np.empty_like(image)
        pixel = np.dtype((np.void, image.itemsize * 3))
        source = np.take_along_axis(places, order, axis=1)
        made.reshape(-1, 3).view(pixel)[places.reshape(-1)] = image.reshape(-1, 3).view(pixel)[source.reshape(-1)]
        return made


def _measure(image: Image, kind: str, height: int) -> NDArray[np.uint8]:
    """What intervals are found by, `H×W` uint8."""
    if kind != "edges":
        return cast(NDArray[np.uint8], _value(image, kind))
    reach = 2 * max(1, round(0.002 * height)) + 1
    plane: NDArray[np.uint8] = cv.morphologyEx(_value(image, "luma"), cv2.MORPH_GRADIENT, np.ones((reach, reach)))
    return plane


def _value(image: Image, kind: str) -> Plane:
    """Luma, hue or saturation (as HSV has them) in the depth of the picture, full range."""
    if kind == "luma":
        return cast(Plane, cv.cvtColor(image, cv2.COLOR_RGB2GRAY))
    channel = 0 if kind == "hue" else 1
    if image.dtype == np.uint8:
        return cast(Plane, cv.extractChannel(cv.cvtColor(image, cv2.COLOR_RGB2HSV_FULL), channel))
    hsv = cv.cvtColor(image.astype(np.float32) / np.float32(65535), cv2.COLOR_RGB2HSV)
    return cast(Plane, np.rint(hsv[..., channel] * np.float32(65535 / (360 if kind == "hue" else 1))).astype(np.uint16))


def _ordered(begins: NDArray[np.bool_], key: Plane) -> NDArray[np.intp]:
    """For each place of each line, which place its pixel comes from: sorted within what lies between two beginnings.

    One number holds a pixel's interval, key and place, from high digits to low, so that a whole line is sorted at once.
    """
    length = begins.shape[1]
    bits = max(1, (length - 1).bit_length())
    depth = 8 * key.itemsize
    kind: Any = np.uint32 if 2 * bits + depth <= 32 else np.uint64
    place = np.arange(length, dtype=kind)
    numbers = np.maximum.accumulate(np.where(begins, place, kind(0)), axis=1)
    numbers <<= kind(depth)
    numbers |= key
    numbers <<= kind(bits)
    numbers |= place
    numbers.sort(axis=1)
    numbers &= kind((1 << bits) - 1)
    return numbers.astype(np.intp)


@lru_cache(maxsize=2)
def _lines(height: int, width: int, angle: float) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Cut a picture into parallel lines that take each pixel once.

    Returns:
        Flat indices of pixels, one line a row, and where a line leaves the picture and goes on at its other side.
    """
    steep = abs((angle + 90) % 180 - 90) > 45
    count, length = (width, height) if steep else (height, width)
    turn = np.deg2rad(angle)
    slope = 1 / np.tan(turn) if steep else np.tan(turn)
    along = np.arange(length)
    aside = np.arange(count)[:, None] + np.rint(along * slope).astype(np.intp)
    lap, aside = aside // count, aside % count
    places = along * width + aside if steep else aside * width + along
    breaks = np.ones(places.shape, np.bool_)
    breaks[:, 1:] = lap[:, 1:] != lap[:, :-1]
    backwards = np.sin(turn) < 0 if steep else np.cos(turn) < 0
    if backwards:
        places = np.ascontiguousarray(places[:, ::-1])
        breaks[:, 1:] = breaks[:, :0:-1].copy()
    return places, breaks


@lru_cache(maxsize=2)
def _cuts(count: int, length: int, longest: int, seed: int) -> NDArray[np.bool_]:
    """Where stretches are cut that are too long: at fixed places, different in each line."""
    if longest >= length:
        return np.zeros((count, length), np.bool_)
    first = np.random.default_rng(seed).integers(0, longest, (count, 1))
    cuts: NDArray[np.bool_] = (np.arange(length) + first) % longest == 0
    return cuts

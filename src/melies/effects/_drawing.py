"""What is drawn after a picture: evened colours, the lines between them, and which way its forms run.

All of it is found in a copy of at most `ROWS` rows, so that a drawing is the same whatever the film's size, and is
enlarged before it is made sharp, so that it is as sharp as the film.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field as Option
from pydantic import PrivateAttr

from melies.cleaning.pictures import Picture, Plane
from melies.effect import Effect
from melies.frame import Frame, Image, VideoSpec
from melies.matting.scale import cv, reduce, unit
from melies.motion import Field, pixels

ROWS = 360
"""Rows of the copy in which a drawing is found."""
_WORKERS = 2
"""Frames that are best worked on at the same time."""
_LARGE = 1 << 22
"""Frames of more pixels than this are drawn one after another: each takes a hundred bytes a pixel."""
_ROUNDS = 3
_NEAR = 0.005
"""Reach of evening, as a share of the height."""
_WIDER = 1.6
"""The wider of two Gaussians whose difference is an edge, divided by the narrower."""
_ALONG = (-2.4, -1.2, 1.2, 2.4)
"""Where else along an edge it is looked at, in widths of the narrower Gaussian: lines become smooth and whole."""


class Drawing(Effect):
    """What effects share that draw after an evened copy, which is steadied along the motion.

    Subclasses write `_evening` and `_drawn`.
    """

    steady: float = Option(
        0.8, ge=0, le=1, description="how firmly tones and lines are held on what moves; 0: each frame alone"
    )
    strength: float = Option(
        1.0, ge=0, le=1, description="how much of the drawing covers the picture; 0 changes nothing"
    )

    _workers: int = PrivateAttr(_WORKERS)

    @property
    def lead_in(self) -> int | None:
        """None where a frame depends on those before it."""
        return 0 if self.strength == 0 or self.steady == 0 else None

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Draw every frame of a shot."""
        return self.steered(frames, spec, lambda: self)

    def live(self) -> Self:
        """One frame after the other: a frame that waits for the next one would only grow old."""
        alone = self.model_copy()
        alone._workers = 1
        return alone

    def steered(self, frames: Iterator[Frame], spec: VideoSpec, now: Callable[[], Self]) -> Iterator[Frame]:
        """What is steadied goes on when a number changes."""
        from melies.engine.pipeline import ordered_map
        from melies.translating.steady import Steady

        steady = Steady(self.steady)

        def steadied(sheets: Iterator[_Sheet]) -> Iterator[_Sheet]:
            for sheet in sheets:
                if sheet.even is not None:
                    sheet.even = steady(sheet.colours, sheet.even)
                yield sheet

        # Only what is steadied has to wait for the frame before.
        workers = self._workers if spec.width * spec.height <= _LARGE else 1
        sheets = (_Sheet(frame, now()) for frame in frames)
        yield from ordered_map(_Sheet.drawn, steadied(ordered_map(_Sheet.evened, sheets, workers)), workers)

    @property
    def _evening(self) -> float:
        """How much texture is evened out, 0…1."""
        raise NotImplementedError

    def _drawn(self, image: Image, even: Picture, time: Fraction) -> Image:
        """Draw one frame, shown at a time, after its evened copy."""
        raise NotImplementedError


@dataclass
class _Sheet:
    """A frame on its way through the hands of several workers.

    Attributes:
        frame: The frame.
        effect: The effect as it was set when the frame came.
        even: Its evened copy, when it is made.
    """

    frame: Frame
    effect: Drawing
    even: Picture | None = None

    @cached_property
    def colours(self) -> Image:
        """The frame without its alpha channel."""
        return np.ascontiguousarray(self.frame.image[..., :3])

    def evened(self) -> _Sheet:
        """Make the evened copy, where anything is to be drawn."""
        if self.effect.strength:
            self.even = evened(self.colours, self.effect._evening)
        return self

    def drawn(self) -> Frame:
        """Draw what was evened."""
        frame = self.frame
        if self.even is None:
            return frame
        return frame.with_image(self.effect._drawn(frame.image, self.even, frame.pts * frame.time_base))


def evened(image: Image, amount: float) -> Picture:
    """Return a small copy without texture, with its edges (bilateral filter; Tomasi and Manduchi 1998).

    Args:
        image: `H×W×3`, uint8 or uint16.
        amount: 0…1, how strong a contrast is taken for texture.

    Returns:
        Float32, 0…1, of at most `ROWS` rows.
    """
    height, width = image.shape[:2]
    rows = min(height, ROWS)
    small: Picture = unit(reduce(image, max(1, round(width * rows / height)), rows))
    if amount == 0:
        return small
    reach = max(1, round(_NEAR * rows))
    for _ in range(_ROUNDS):
        small = cv.bilateralFilter(small, 2 * reach + 1, 0.02 + 0.18 * amount, reach)
    return small


def enlarged(small: Plane, like: Plane) -> Plane:
    """Enlarge an evened plane, with the edges where they are in the picture (fast guided filter; He and Sun 2015).

    Args:
        small: `h×w`, 0…1.
        like: `H×W`, 0…1, what it was made of.
    """
    if small.shape == like.shape:
        return small
    size, window = like.shape[::-1], (5, 5)
    guide = cv.resize(like, small.shape[::-1], interpolation=cv2.INTER_AREA)
    mean, mean_guide = cv.blur(small, window), cv.blur(guide, window)
    spread = cv.blur(guide * guide, window) - mean_guide * mean_guide
    slope = (cv.blur(small * guide, window) - mean * mean_guide) / (spread + np.float32(1e-3))
    slope, offset = cv.blur(slope, window), cv.blur(mean - slope * mean_guide, window)
    found: Plane = cv.multiply(cv.resize(slope, size), like)
    found += cv.resize(offset, size)
    return found


def edges(luma: Plane, width: float) -> Plane:
    """Say where a line should be drawn: a difference of Gaussians, smoothed along the edge.

    After Kang, Lee and Chui, "Coherent line drawing" (NPAR 2007) and Winnemöller, Kyprianidis and Olsen, "XDoG"
    (2012).

    Args:
        luma: `H×W`, 0…1.
        width: Of the lines, in pixels.

    Returns:
        `H×W`: the contrast on the dark side of edges; negative on the light side, 0 where nothing is.
    """
    sigma = max(0.4, 0.38 * width)
    found: Plane = cv.GaussianBlur(luma, (0, 0), _WIDER * sigma) - cv.GaussianBlur(luma, (0, 0), sigma)
    angle = direction(luma, 2 * sigma)
    along: Field = np.dstack([np.cos(angle), np.sin(angle)]) * np.float32(sigma)
    places = pixels(*luma.shape)
    total = found
    for step in _ALONG:
        total = total + cv.remap(found, places + np.float32(step) * along, None, cv2.INTER_LINEAR, borderMode=1)
    return np.asarray(total / np.float32(len(_ALONG) + 1), np.float32)


def direction(luma: Plane, sigma: float, usual: float = 0.0, doubt: float = 0.0) -> Plane:
    """Say which way forms run: across the strongest change of luma around each place (the structure tensor).

    Args:
        luma: `H×W`, 0…1.
        sigma: How far around, in pixels.
        usual: The angle, in radians, where there is nothing to follow.
        doubt: How much change there must be to be followed, as squared slope.

    Returns:
        `H×W`, radians clockwise from the right; half a turn more or less is the same.
    """
    x, y = (cv.Scharr(luma, cv2.CV_32F, *order, scale=1 / 32) for order in ((1, 0), (0, 1)))
    across, twist = (cv.GaussianBlur(part, (0, 0), sigma) for part in (x * x - y * y, 2 * x * y))
    # Twice the angle of the change; forms run a quarter turn from it, which is half a turn of twice the angle.
    across, twist = -across + np.float32(doubt * np.cos(2 * usual)), -twist + np.float32(doubt * np.sin(2 * usual))
    return np.asarray(np.arctan2(twist, across) / 2, np.float32)


def ramp(plane: NDArray[np.float32], low: float, high: float) -> Plane:
    """Rise smoothly from 0 at `low` to 1 at `high`."""
    share = np.clip((plane - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def extremes(picture: Picture) -> tuple[Plane, Plane]:
    """The weakest and the strongest channel of each pixel, `H×W`."""
    red, green, blue = cv.split(picture)
    return cv.min(cv.min(red, green), blue), cv.max(cv.max(red, green), blue)

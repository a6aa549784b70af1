"""Undoing a blur whose shape is known, or follows from the motion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, cos, radians, sin

import cv2
import numpy as np

from melies.cleaning.pictures import Picture, Plane, cv
from melies.frame import Image
from melies.motion import Field, Flow, grey, warp

LONGEST = 1280
"""Longest side of the pictures in which motion is found."""

Blur = Callable[[Picture], Picture]


def richardson_lucy(picture: Picture, blur: Blur, back: Blur, rounds: int, smooth: float) -> Picture:
    """Return the picture that, blurred, gives the one that was seen.

    Richardson (1972) and Lucy (1974), held back by total variation, as by Dey et al., "Richardson–Lucy Algorithm With
    Total Variation Regularization for 3D Confocal Microscope Deconvolution" (2006), so that noise does not grow.

    Args:
        picture: `H×W×3`.
        blur: What happened to it.
        back: The same with every way turned around.
        rounds: How often the estimate is bettered.
        smooth: Weight of the total variation; 0: none.
    """
    least = 1 / 255
    # A little light everywhere, so that black is not divided by.
    seen: Picture = picture + least
    found: Picture = seen.copy()
    for _ in range(rounds):
        again: Picture = np.maximum(blur(found), least)
        found *= back(seen / again)
        if smooth:
            found /= np.maximum(1 - smooth * _curvature(found), 0.5)
        np.clip(found, 0, 1 + least, out=found)
    clear: Picture = found - least
    return clear


def _curvature(picture: Picture) -> Picture:
    """The divergence of the unit gradient."""
    right: Picture = np.diff(picture, axis=1, append=picture[:, -1:])
    down: Picture = np.diff(picture, axis=0, append=picture[-1:])
    length = np.sqrt(np.square(right).sum(-1, keepdims=True) + np.square(down).sum(-1, keepdims=True) + 1e-6)
    right /= length
    down /= length
    bent: Picture = np.diff(right, axis=1, prepend=0) + np.diff(down, axis=0, prepend=0)
    return bent


def with_kernel(kernel: Plane) -> tuple[Blur, Blur]:
    """Return the blur with a kernel, and the one back."""

    def blurred_by(kernel: Plane) -> Blur:
        def blurred(picture: Picture) -> Picture:
            made: Picture = cv.filter2D(picture, cv2.CV_32F, kernel, borderType=cv2.BORDER_REFLECT)
            return made

        return blurred

    # OpenCV correlates: the kernel turned around convolves.
    return blurred_by(kernel[::-1, ::-1].copy()), blurred_by(kernel)


def along(field: Field) -> tuple[Blur, Blur]:
    """Return the blur of each pixel along its own way while the shutter was open, and the one back."""
    steps = min(33, 2 * ceil(float(np.percentile(np.abs(field), 99)) / 2) + 1)

    def blurred_by(field: Field) -> Blur:
        def blurred(picture: Picture) -> Picture:
            total = np.zeros_like(picture)
            for share in np.linspace(-0.5, 0.5, steps, dtype=np.float32):
                total += warp(picture, field * share)
            return total / np.float32(steps)

        return blurred

    return blurred_by(field), blurred_by(-field)


class Motion:
    """Each pixel's way around the moment of a frame, from the frames before and after."""

    def __init__(self) -> None:
        self._flow = Flow(longest=LONGEST)

    def way(self, images: Sequence[Image], place: int) -> Field:
        """Return how far each pixel goes from one frame to the next: `H×W×2`, zero where there is one frame only."""
        here = grey(images[place])
        ways = [
            self._flow(here, grey(there)) * np.float32(index - place)
            for index, there in enumerate(images)
            if abs(index - place) == 1
        ]
        if not ways:
            return np.zeros((*here.shape, 2), np.float32)
        mean: Field = sum(ways[1:], ways[0]) / np.float32(len(ways))
        return mean


def kernel_of(text: str) -> Plane:
    """Read `disk:RADIUS`, `gauss:SIGMA` or `line:LENGTH@DEGREES` (0 is level, counted anticlockwise).

    Returns:
        `K×K`, its sum 1.

    Raises:
        ValueError: It is none of these, or a number is out of range.
    """
    kind, _, rest = text.partition(":")
    length, _, angle = rest.partition("@")
    try:
        size, degrees = float(length), float(angle or 0)
    except ValueError:
        size, degrees = 0.0, 0.0
    if kind not in ("disk", "gauss", "line") or not 0 < size <= 100 or (angle and kind != "line"):
        raise ValueError(
            f"{text!r} is no blur; write motion, disk:RADIUS, gauss:SIGMA or line:LENGTH@DEGREES (up to 100)"
        )
    if kind == "gauss":
        row = cv.getGaussianKernel(2 * ceil(3 * size) + 1, size, cv2.CV_32F)
        return np.asarray(row @ row.T, np.float32)
    # Drawn nine times too large and made small, so that edges are soft.
    side = 2 * ceil(size) + 3
    canvas = np.zeros((9 * side, 9 * side), np.float32)
    middle = 9 * side // 2
    if kind == "disk":
        y, x = np.ogrid[: 9 * side, : 9 * side]
        canvas[np.hypot(x - middle, y - middle) <= 9 * size] = 1
    else:
        across, up = 4.5 * size * cos(radians(degrees)), 4.5 * size * sin(radians(degrees))
        ends = [(round(middle + sign * across), round(middle - sign * up)) for sign in (-1, 1)]
        cv.line(canvas, ends[0], ends[1], 1.0, 9)
    kernel: Plane = cv.resize(canvas, (side, side), interpolation=cv2.INTER_AREA)
    kernel /= kernel.sum()
    return kernel

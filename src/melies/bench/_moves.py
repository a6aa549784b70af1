"""Films whose camera moves are known: a window that wanders over a real picture, with people who walk before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from melies.frame import Image
from melies.stabilizing.shake import Shake

cv: Any = cv2


@dataclass(frozen=True)
class Take:
    """How a picture is filmed.

    Attributes:
        move: What the camera does, a value of the facet `movement`.
        speed: Picture widths a second; for a roll and a push the same at the picture's edge.
        seconds: How long.
        rate: Frames per second.
        noise: Standard deviation of each frame's noise, in code values.
        walkers: How many discs cut from another picture wander about in front.
        trembling: Pixels (of a picture 640 wide) that the hand sways.
        seed: Another one wanders otherwise.
    """

    move: str
    speed: float = 0.05
    seconds: float = 2.0
    rate: float = 25.0
    noise: float = 2.0
    walkers: int = 0
    trembling: float = 0.0
    seed: int = 0


_WAYS = {
    "static": (0, 0, 0, 0),
    "handheld": (0, 0, 0, 0),
    "pan right": (1, 0, 0, 0),
    "pan left": (-1, 0, 0, 0),
    "tilt down": (0, 1, 0, 0),
    "tilt up": (0, -1, 0, 0),
    "push in": (0, 0, 0, 1),
    "pull out": (0, 0, 0, -1),
    "roll right": (0, 0, 1, 0),
    "roll left": (0, 0, -1, 0),
}
"""Where the window goes: right, down, clockwise, closer."""


def film(scenes: Sequence[Image], other: Image, take: Take, size: tuple[int, int] = (640, 360)) -> Iterator[Image]:
    """Film a picture.

    Args:
        scenes: What is seen, `H×W×3` uint8, one after the other, and then back; beyond their borders they are mirrored.
        other: What walks about in front.
        take: How.
        size: Width and height of the result.

    Yields:
        `H×W×3` uint8.
    """
    width, height = size
    rng = np.random.default_rng(take.seed)
    count = round(take.seconds * take.rate)
    shake = Shake(count, take.trembling * width / 640, 0.0005 * take.trembling, take.seed)
    right, down, turn, closer = (take.speed * way for way in _WAYS[take.move])
    tall, wide = scenes[0].shape[:2]
    fit = 0.75 * min(wide / width, tall / height)
    around = [*scenes, *scenes[-2:0:-1]]
    walkers = [_Walker(other, size, rng) for _ in range(take.walkers)]
    for index in range(count):
        time = (index / count - 0.5) * take.seconds
        # A path is counted in frames of a film of 25 a second.
        sway = shake.at(np.array([index * 25 / take.rate]))[:, 0] if take.trembling else np.zeros(3)
        scale, angle = fit * np.exp(-2 * closer * time), 2 * turn * time + sway[2]
        linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        centre = np.array([wide, tall]) / 2 + fit * (width * time * np.array([right, down]) + sway[:2])
        matrix = np.column_stack([linear, centre - linear @ (np.array(size) / 2)])
        how = {"flags": cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, "borderMode": cv2.BORDER_REFLECT}
        image = cv.warpAffine(around[index % len(around)], matrix, size, **how)
        for walker in walkers:
            walker.stand(image, time)
        if take.noise:
            image = cv.add(image, rng.normal(0, take.noise, image.shape).astype(np.int8), dtype=cv2.CV_8U)
        yield image


class _Walker:
    """A disc cut from a picture that goes through the frame, whatever the camera does."""

    def __init__(self, picture: Image, size: tuple[int, int], rng: np.random.Generator) -> None:
        width, height = size
        self._radius = round(height * rng.uniform(0.08, 0.16))
        self._place = rng.uniform(0.2, 0.8, 2) * size
        self._speed = rng.uniform(-0.25, 0.25, 2) * (width, height / 2)
        left, top = (round(rng.uniform(0, side - 2 * self._radius)) for side in picture.shape[1::-1])
        self._look = picture[top : top + 2 * self._radius, left : left + 2 * self._radius]
        self._mask = np.zeros(self._look.shape[:2], np.uint8)
        cv.circle(self._mask, (self._radius, self._radius), self._radius - 1, 255, -1)

    def stand(self, image: Image, time: float) -> None:
        x, y = (self._place + self._speed * time).round().astype(int) - self._radius
        height, width = image.shape[:2]
        left, top, right, bottom = (
            max(0, x),
            max(0, y),
            min(width, x + 2 * self._radius),
            min(height, y + 2 * self._radius),
        )
        if left < right and top < bottom:
            part = (slice(top - y, bottom - y), slice(left - x, right - x))
            cv.copyTo(self._look[part], self._mask[part], image[top:bottom, left:right])

"""One pass over a film: its shots, and of each what the questions need."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

import melies
from melies.engine.pipeline import Stage
from melies.engine.shots import mark_shots, shots
from melies.footage.listen import Ear
from melies.footage.material import Material, Still
from melies.footage.shot import Shot
from melies.footage.sway import Sway
from melies.frame import Frame, Image, VideoSpec
from melies.matting.scale import cv
from melies.media.convert import reformat, source
from melies.motion import Grey

_LONGEST = 640
"""Longest side of stills."""
_SMALL = 256
"""Longest side of the pictures in which motion is measured."""
_STEP = 0.075
"""Seconds between two measurements of motion, at least: two frames at 24 or 25 a second."""
_PLACES = (1, (0.5,)), (3, (0.2, 0.6)), (np.inf, (0.2, 0.5, 0.8))
"""Where stills are taken, as shares of shots of less than so many seconds: each costs the networks their time."""
_APART = 0.4
"""Seconds between two candidates for stills, at first."""
_MOST = 16
"""The most candidates that are kept; then every other one goes, and the next ones are twice as far apart."""


def watch(path: Path, seen: Callable[[], None] = lambda: None) -> Iterator[Material]:
    """Go through a film once and yield its shots, each as soon as it has ended.

    Memory does not grow with the film or its shots.

    Args:
        path: The film.
        seen: Called after every frame.

    Raises:
        UseError: It cannot be opened, or is none.
        MediaError: Too many of its frames are broken.
    """
    clip = melies.open(path)
    spec = clip.spec
    first = 0
    decoded = Stage(clip.frames(), "decode")
    ear = Ear(clip.sound()) if spec.sound else None
    try:
        for number, frames in enumerate(shots(mark_shots(decoded)), 1):
            reel = _Reel(spec)
            start = end = Fraction(0)
            for frame in frames:
                if not reel.frames:
                    start = frame.pts * frame.time_base
                end = (frame.pts + frame.duration) * frame.time_base
                reel.add(frame)
                seen()
            shot = Shot(path, number, start, end, first, reel.frames, spec.rate, "start" if number == 1 else "cut")
            first += reel.frames
            sound = ear.between(start, end) if ear else None
            yield Material(shot, spec, reel.stills(float(start), float(end)), reel.sway.motion(), sound)
    finally:
        decoded.close()
        if ear:
            ear.close()


class _Reel:
    """What is collected while a shot runs."""

    def __init__(self, spec: VideoSpec) -> None:
        self.frames = 0
        aspect = float(spec.pixel_aspect)
        scale = _SMALL / max(spec.width * aspect, spec.height)
        self._size = max(16, round(spec.width * aspect * scale)), max(16, round(spec.height * scale))
        self.sway = Sway(self._size)
        self._spec = spec
        self._candidates: list[Still] = []
        self._apart = _APART
        self._next = 0.0

    def add(self, frame: Frame) -> None:
        self.frames += 1
        if frame.time - self.sway.time >= _STEP:
            self.sway.add(frame.time, _grey(frame, self._size))
        if not self._candidates or frame.time >= self._next:
            self._keep(frame)

    def _keep(self, frame: Frame) -> None:
        image = picture(frame, self._spec, _LONGEST)
        sharp = float(cv.Laplacian(cv.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.CV_32F).std())
        self._candidates.append(Still(frame.time, image, sharp))
        if len(self._candidates) > _MOST:
            self._candidates = self._candidates[::2]
            self._apart *= 2
        self._next = self._candidates[-1].time + self._apart

    def stills(self, start: float, end: float) -> tuple[Still, ...]:
        """The sharpest candidates near a fifth, the half and four fifths of the shot; fewer of short ones."""
        chosen: list[Still] = []
        for share in next(shares for seconds, shares in _PLACES if end - start < seconds):
            target, reach = start + share * (end - start), max(0.15 * (end - start), 1e-6)
            worth = [one.sharpness * np.exp(-(((one.time - target) / reach) ** 2)) for one in self._candidates]
            best = self._candidates[int(np.argmax(worth))]
            if all(best is not one for one in chosen):
                chosen.append(best)
        return tuple(chosen)


def picture(frame: Frame, spec: VideoSpec, longest: int) -> Image:
    """Return a frame as `H×W×3` uint8 with square pixels, its longer side at most `longest`; no more is converted."""
    aspect = float(spec.pixel_aspect)
    scale = min(1.0, longest / max(spec.width * aspect, spec.height))
    width, height = max(1, round(spec.width * aspect * scale)), max(1, round(spec.height * scale))
    if frame.native is not None:
        small = reformat(
            frame.native, "rgb24", width=width, height=height, interpolation="AREA", **source(frame.native)
        )
        return np.asarray(small.to_ndarray(), np.uint8)
    image: NDArray[np.uint8] = cv.resize(frame.image[..., :3], (width, height), interpolation=cv2.INTER_AREA)
    return image if image.dtype == np.uint8 else (image // 257).astype(np.uint8)


def _grey(frame: Frame, size: tuple[int, int]) -> Grey:
    if frame.native is not None:
        small = reformat(frame.native, "gray", width=size[0], height=size[1], interpolation="AREA")
        return np.asarray(small.to_ndarray(), np.uint8)
    image = cv.resize(frame.image[..., :3], size, interpolation=cv2.INTER_AREA)
    image = image if image.dtype == np.uint8 else (image // 257).astype(np.uint8)
    return np.asarray(cv.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)

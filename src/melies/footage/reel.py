"""What is collected while a shot runs, and parted where it turns out, seconds later, that another had begun."""

from __future__ import annotations

from array import array
from collections import deque
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from melies.engine.shots import SHORTEST
from melies.footage.detect import Boundary
from melies.footage.listen import Ear
from melies.footage.material import Material, Still
from melies.footage.shot import Shot
from melies.footage.sway import Sway
from melies.frame import Frame, Image, VideoSpec
from melies.matting.scale import cv
from melies.media.convert import small, source

_LONGEST = 640
"""Longest side of stills."""
_SMALL = 256
"""Longest side of the pictures in which motion is measured."""
_STEP = 0.075
"""Seconds between two measurements of motion, at least: two frames at 24 or 25 a second."""
_PLACES = (1, (0.5,)), (3, (0.2, 0.6)), (np.inf, (0.2, 0.5, 0.8))
"""Where stills are taken, as shares of shots of less than so many seconds: each costs the networks their time."""
_APART = 0.4
"""Seconds between two candidates for stills."""
_LATE = 7.0
"""Seconds for which all candidates are kept, since a boundary is told that late; of those before ever fewer are."""
_MOST = 16
"""The most candidates from before that; then every other one goes."""


class Reel:
    """Collect what the questions need, shot by shot.

    Memory does not grow with the film or its shots, but for some numbers a frame.

    Args:
        path: The film.
        spec: What it looks like.
        ear: Its sound, if it has any.
    """

    def __init__(self, path: Path, spec: VideoSpec, ear: Ear | None = None) -> None:
        self._path, self._spec, self._ear = path, spec, ear
        aspect = float(spec.pixel_aspect)
        scale = _SMALL / max(spec.width * aspect, spec.height)
        self._size = max(16, round(spec.width * aspect * scale)), max(16, round(spec.height * scale))
        self._sway = Sway(self._size)
        self._candidates = Candidates()
        self._number = 1
        self._begun = Boundary(0, "start")
        self._times = array("q")
        self._last: Frame | None = None

    def add(self, frame: Frame) -> None:
        """Look at the next frame."""
        if self._last is not None and frame.time > self._candidates.due:
            # So no shot that lasts longer than candidates are apart is without one, whatever the rate.
            self._candidates.add(still(self._last, self._spec))
        if frame.time - self._sway.time >= _STEP:
            self._sway.add(frame.time, small(frame, self._size, "gray"))
        self._times.append(frame.pts)
        self._last = frame

    def part(self, boundary: Boundary) -> Material | None:
        """Return the shot that ends at a boundary, and go on with the one that begins there.

        Args:
            boundary: Later than the one before; its frame has been added.

        Returns:
            None if a shot is not over yet, since it would be too short.
        """
        frames = boundary.index - self._begun.index
        # As `detect` does it: a boundary that follows too soon does not count.
        if (self._times[frames] - self._times[0]) * self._spec.time_base < SHORTEST:
            return None
        made = self._material(frames, self._times[frames] * self._spec.time_base, boundary.blend)
        del self._times[:frames]
        self._number += 1
        self._begun = boundary
        self._sway.forget(self._alone())
        self._candidates.forget(float(self._start))
        return made

    def end(self) -> Material | None:
        """Return the film's last shot; None if there was no frame."""
        if self._last is None:
            return None
        end = (self._last.pts + self._last.duration) * self._spec.time_base
        if not self._candidates.between(float(self._start), float(end)):
            self._candidates.add(still(self._last, self._spec))
        return self._material(len(self._times), end, 0)

    @property
    def _start(self) -> Fraction:
        return self._times[0] * self._spec.time_base

    def _alone(self) -> float:
        """From when on nothing of the shot before is seen."""
        return float(self._start + Fraction(self._begun.blend, 2) / self._spec.rate)

    def _material(self, frames: int, end: Fraction, blend: int) -> Material:
        """Make what is known of the current shot, which is followed by another with a blend of so many frames."""
        begun, rate, start = self._begun, self._spec.rate, self._start
        shot = Shot(self._path, self._number, start, end, begun.index, frames, rate, begun.transition, begun.blend)
        # Where two shots are seen at once neither is itself.
        alone = self._alone(), float(end - Fraction(blend, 2) / rate)
        apart = self._candidates.between(*alone)
        stills = self._candidates.chosen(*(alone if apart else (float(start), float(end))))
        sound = self._ear.between(start, end) if self._ear else None
        return Material(shot, self._spec, stills, self._sway.motion(*alone), sound)


class Candidates:
    """Pictures of which some will stand for a shot: many of the last seconds, few of what was before."""

    def __init__(self) -> None:
        self.due = -np.inf
        self._recent: deque[tuple[int, Still]] = deque()
        self._old: list[tuple[int, Still]] = []
        self._count = 0
        self._each = 1

    def __len__(self) -> int:
        return len(self._old) + len(self._recent)

    def add(self, one: Still) -> None:
        """Take a picture, later than those before."""
        self._recent.append((self._count, one))
        self._count += 1
        self.due = one.time + _APART
        while self._recent[0][1].time < one.time - _LATE:
            self._old.append(self._recent.popleft())
        self._thin()

    def forget(self, time: float) -> None:
        """Let go of what is earlier."""
        self._old = [kept for kept in self._old if kept[1].time >= time]
        while self._recent and self._recent[0][1].time < time:
            self._recent.popleft()
        self._each = self._each if self._old else 1

    def between(self, start: float, end: float) -> list[Still]:
        """Return those of a stretch of time, its end not included."""
        return [one for _, one in (*self._old, *self._recent) if start <= one.time < end]

    def chosen(self, start: float, end: float) -> tuple[Still, ...]:
        """The sharpest near a fifth, the half and four fifths of a stretch that has some; fewer if it is short."""
        chosen: list[Still] = []
        candidates = self.between(start, end)
        for share in next(shares for seconds, shares in _PLACES if end - start < seconds):
            target, reach = start + share * (end - start), max(0.15 * (end - start), 1e-6)
            # Where nothing is to be seen, all are as sharp, and the nearest is best.
            worth = [(one.sharpness + 1e-3) * np.exp(-(((one.time - target) / reach) ** 2)) for one in candidates]
            best = candidates[int(np.argmax(worth))]
            if all(best is not one for one in chosen):
                chosen.append(best)
        return tuple(chosen)

    def _thin(self) -> None:
        """Keep of the old ones every first, second, fourth and so on."""
        while True:
            self._old = [kept for kept in self._old if kept[0] % self._each == 0]
            if len(self._old) <= _MOST:
                return
            self._each *= 2


def still(frame: Frame, spec: VideoSpec) -> Still:
    """Make a still of a frame."""
    image = picture(frame, spec, _LONGEST)
    _, spread = cv.meanStdDev(cv.Laplacian(cv.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.CV_16S))
    return Still(frame.time, image, float(spread.item()))


def picture(frame: Frame, spec: VideoSpec, longest: int) -> Image:
    """Return a frame as `H×W×3` uint8 with square pixels, its longer side at most `longest`; no more is converted."""
    aspect = float(spec.pixel_aspect)
    scale = min(1.0, longest / max(spec.width * aspect, spec.height))
    width, height = max(1, round(spec.width * aspect * scale)), max(1, round(spec.height * scale))
    own = {} if frame.native is None else source(frame.native)
    return small(frame, (width, height), "rgb24", **own)

"""Finding the shots of a film: `detect`, and what watches for their boundaries while the film runs."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from melies.engine.pipeline import Stage
from melies.engine.shots import OUTSTANDS, SHORTEST, Adaptive, thumbnail
from melies.errors import UseError
from melies.footage.detect_blends import Blend, Blends
from melies.footage.film import open_film
from melies.footage.shot import Shot, Transition

_PERHAPS = 2.0
"""How many times more than its neighbours a picture differs that is a cut if it also does when small as a stamp."""

Detector = Literal["adaptive", "content", "hash", "histogram", "threshold", "transnet"]


@dataclass(frozen=True, slots=True)
class Boundary:
    """Where a shot begins.

    Attributes:
        index: Its first frame, counted from the first that was seen.
        transition: How it begins.
        blend: Frames that takes, about half of them before `index`.
    """

    index: int
    transition: Transition = "cut"
    blend: int = 0


class Finder(Protocol):
    """What finds boundaries while a film runs."""

    def step(self, picture: NDArray[np.uint8]) -> list[Boundary]:
        """Look at the next picture, `H×W×3` uint8 BGR, 256 wide, and return boundaries that have become certain."""
        ...

    def finish(self) -> list[Boundary]:
        """Return the rest when the film has ended."""
        ...


class Adaptively:
    """Find cuts, dissolves and fades; flashes are left out.

    A boundary is told some four seconds after it has passed, for the longest dissolve must have been seen whole.

    Args:
        rate: Frames per second.
        threshold: How many times more than its neighbours a picture must differ from the one before to be a cut.
    """

    def __init__(self, rate: Fraction, threshold: float | None = None) -> None:
        self._surely = OUTSTANDS if threshold is None else threshold
        self._adaptive = Adaptive(_PERHAPS if threshold is None else threshold)
        self._blends = Blends(rate)
        self._changes: list[int] = []
        self._cuts: list[int] = []
        self._past: list[Blend] = []

    def step(self, picture: NDArray[np.uint8]) -> list[Boundary]:
        """Look at the next picture, `H×W×3` uint8 BGR, 256 wide, and return boundaries that have become certain."""
        found = self._adaptive.step(picture)
        self._blends.step(picture)
        change = self._blends.index - 3
        if found and (self._adaptive.stands >= self._surely or self._blends.stands_out(change)):
            self._changes.append(change)
        self._leave_out_flashes(self._blends.index - self._blends.flash_length - 1)
        return self._settle(self._blends.settled)

    def finish(self) -> list[Boundary]:
        """Return the rest when the film has ended."""
        self._blends.finish()
        self._leave_out_flashes(self._blends.index)
        return self._settle(self._blends.index)

    def _leave_out_flashes(self, until: int) -> None:
        """Judge the changes before `until`: after a cut the picture does not come back."""
        while self._changes and self._changes[0] < until:
            change = self._changes.pop(0)
            back = self._blends.flash(change)
            if back:
                self._changes = [later for later in self._changes if later > change + back]
            else:
                self._cuts.append(change)

    def _settle(self, until: int) -> list[Boundary]:
        """Return the boundaries before a place before which nothing new will be found."""
        waiting = self._blends.found
        if not self._cuts and not waiting:
            return []
        near = self._past + waiting
        ready = [blend for blend in waiting if blend.first < until]
        cuts = [cut for cut in self._cuts if cut < until]
        self._cuts = self._cuts[len(cuts) :]
        self._blends.found = [blend for blend in waiting if blend.first >= until]
        self._past = [*self._past, *ready][-2:]
        return sorted(
            [
                *(Boundary(cut) for cut in cuts if not any(one.begin - 2 <= cut <= one.end + 1 for one in near)),
                *(Boundary(blend.first, blend.transition, blend.frames) for blend in ready),
            ],
            key=lambda one: one.index,
        )


def detect(
    path: str | Path,
    detector: Detector = "adaptive",
    *,
    threshold: float | None = None,
    min_length: Fraction = SHORTEST,
    start: Fraction | None = None,
    end: Fraction | None = None,
    seen: Callable[[], None] = lambda: None,
    max_errors: int = 10,
) -> list[Shot]:
    """Find the shots of a film.

    Times are those of the frames themselves, whether the rate is constant or not.

    Args:
        path: The film.
        detector: `"adaptive"` finds cuts, dissolves and fades. `"content"`, `"hash"`, `"histogram"` (cuts) and
            `"threshold"` (fades) are those of PySceneDetect. `"transnet"` is TransNetV2, which must be pulled.
        threshold: What the detector takes for a boundary; its own default if None.
        min_length: Seconds a shot lasts at least: a boundary that follows sooner does not count.
        start: Look from here on, in seconds of clip time.
        end: Look no further than this.
        seen: Called after every frame.
        max_errors: How many broken frames may be skipped before reading is given up.

    Raises:
        UseError: It cannot be opened, is no film, or nothing lies between start and end.
        MediaError: Too many of its frames are broken.
        ModelError: The model is not on this computer.
    """
    film = open_film(path, max_errors=max_errors)
    begin = start or Fraction(0)
    if end is not None and end <= begin:
        raise UseError(f"The end {float(end):g} s is not after the start {float(begin):g} s.")
    finder = make_finder(detector, film.spec.rate, threshold, min_length)
    boundaries = [Boundary(0, "start")]
    times = array("q")
    first = last = 0
    # Where the rate varies, nobody knows how many frames come before a time without having seen them.
    since = Fraction(0) if film.spec.variable else begin
    with closing(Stage(film.source.frames(since), "decode")) as frames:
        for index, frame in enumerate(frames):
            moment = frame.pts * frame.time_base
            if moment < begin:
                continue
            if end is not None and moment >= end:
                break
            if not times:
                first = round(moment * film.spec.rate) if since else index
            times.append(frame.pts)
            last = frame.pts + frame.duration
            boundaries += finder.step(thumbnail(frame))
            seen()
    if not times:
        raise UseError(f"No frame of {path} lies between the chosen start and end.")
    base = film.spec.time_base
    kept = _spaced([*boundaries, *finder.finish()], times, min_length / base)
    ends = [*(one.index for one in kept[1:]), len(times)]
    return [
        Shot(
            Path(path),
            number,
            times[one.index] * base,
            (times[after] if after < len(times) else last) * base,
            first + one.index,
            after - one.index,
            film.spec.rate,
            one.transition,
            one.blend,
        )
        for number, (one, after) in enumerate(zip(kept, ends, strict=True), 1)
    ]


def make_finder(detector: Detector, rate: Fraction, threshold: float | None, min_length: Fraction) -> Finder:
    """Return what finds the boundaries of a film.

    Args:
        detector: As for `detect`.
        rate: Frames per second.
        threshold: As for `detect`.
        min_length: As for `detect`.
    """
    if detector == "adaptive":
        return Adaptively(rate, threshold)
    if detector == "transnet":
        from melies.footage.transnet import TransNet

        return TransNet(0.5 if threshold is None else threshold)
    from melies.footage.detect_classic import Classic

    return Classic(detector, rate, threshold, min_length)


def _spaced(boundaries: Iterable[Boundary], times: Sequence[int], least: Fraction) -> list[Boundary]:
    """Leave out what follows sooner than `least` ticks."""
    kept: list[Boundary] = []
    for one in boundaries:
        if not kept or times[one.index] - times[kept[-1].index] >= max(least, Fraction(1)):
            kept.append(one)
    return kept

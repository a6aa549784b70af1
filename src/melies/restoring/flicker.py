"""Flicker: how brightness changes from frame to frame where the scene does not, and the tone curves that undo it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Image
from melies.imaging import white_of
from melies.motion import Flow, warp

cv: Any = cv2

Mode = Literal["gain", "curve", "local"]
Numbers = NDArray[np.float64]
Float = NDArray[np.float32]

LEVELS = np.linspace(0, 1, 9)
"""Brightnesses at which a curve is measured; between them it is straight."""

CURVES = 3 * len(LEVELS)
"""How many numbers the curves of three channels are."""

CELL = 16
"""Pixels of a thumbnail that one local measurement covers, each way."""

_STEP = 3
_ROUNDS = 3
_TUKEY = 4.685
_FINEST = 1 / 255
_STIFF = 0.02
_SMALL = 1e-3
_BROAD = 10.0
_FEW = 30


class Meter:
    """Measures how brightness changed since the frame before, where both show the same thing.

    Pixels are paired along optical flow, and a curve is fitted to their differences that pays no heed to pairs which
    do not belong together (iteratively reweighted least squares with Tukey's weights). What comes into the picture or
    leaves it does not count, as it does where histograms are compared.

    Args:
        mode: `gain` measures one factor for each channel, `curve` a difference at each of `LEVELS`, `local` also a
            factor for each cell of a grid.
    """

    def __init__(self, mode: Mode) -> None:
        self._mode = mode
        self._flow = Flow("ultrafast")
        self._past: tuple[Float, NDArray[np.uint8]] | None = None

    def step(self, picture: NDArray[np.uint8]) -> Numbers:
        """Return the change, as a vector: 3 numbers, 27, or 27 and one for each cell.

        Args:
            picture: `H×W×3`, small.
        """
        grey = cv.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        present = picture.astype(np.float32) / np.float32(255)
        past, self._past = self._past, (present, grey)
        cells = grid(*grey.shape)
        if past is None:
            return np.zeros(
                3 if self._mode == "gain" else 3 * len(LEVELS) + (self._mode == "local") * cells[0] * cells[1]
            )
        moved = warp(past[0], self._flow(grey, _levelled(past[1], grey)))
        change, middle = present - moved, (present + moved) / 2
        sparse = slice(None, None, _STEP)
        pairs = [(middle[sparse, sparse, c].ravel(), change[sparse, sparse, c].ravel()) for c in range(3)]
        if self._mode == "gain":
            return np.array([_factor(*pair) for pair in pairs])
        curves = np.concatenate([_curve(*pair) for pair in pairs])
        if self._mode == "curve":
            return curves
        left = change - _read(curves, middle)
        return np.concatenate([curves, _cells(left.mean(-1), middle.mean(-1), cells).ravel()])


def _levelled(past: NDArray[np.uint8], present: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The past picture with the broad brightness of the present one: optical flow would run after the flicker."""
    ours, theirs = (cv.GaussianBlur(grey.astype(np.float32), (0, 0), _BROAD) + 5 for grey in (past, present))
    levelled: NDArray[np.uint8] = cv.multiply(past, theirs / ours, dtype=cv2.CV_8U)
    return levelled


def grid(height: int, width: int) -> tuple[int, int]:
    """Return how many cells there are down and across."""
    return max(1, round(height / CELL)), max(1, round(width / CELL))


def _weights(errors: NDArray[Any]) -> NDArray[Any]:
    """How much each pair counts: nothing where it is far from the others."""
    scale = max(_FINEST, 1.4826 * float(np.median(np.abs(errors))))
    weights: NDArray[Any] = np.square(np.clip(1 - np.square(errors / (_TUKEY * scale)), 0, None))
    return weights


def _factor(middle: Float, change: Float) -> float:
    """The share of its brightness by which a channel changed; black and white pixels tell nothing."""
    good = (middle > 0.05) & (middle < 0.95)
    if not good.any():
        return 0.0
    middle, change = middle[good], change[good]
    share = float(np.median(change / middle))
    for _ in range(_ROUNDS):
        weight = _weights(change - share * middle) * middle
        share = float((weight * change).sum() / ((weight * middle).sum() + 1e-9))
    return share


def _curve(middle: Float, change: Float) -> Numbers:
    """The change at each of `LEVELS`, smooth where few pixels say anything."""
    count = len(LEVELS)
    place = np.clip(middle * (count - 1), 0, count - 1 - 1e-4)
    low = place.astype(np.intp)
    high_share = place - low
    shares = (1 - high_share, high_share)
    bend = np.diff(np.eye(count), 2, axis=0)
    prior = len(middle) * (_STIFF * bend.T @ bend + _SMALL / count * np.eye(count))
    curve: NDArray[Any] = _first_guess(middle, change)
    for _ in range(_ROUNDS):
        weight = _weights(change - np.interp(middle, LEVELS, curve))
        normal, right = prior.copy(), np.zeros(count)
        for a, share_a in enumerate(shares):
            right += np.bincount(low + a, weight * share_a * change, count)
            for b, share_b in enumerate(shares):
                both = np.bincount(low, weight * share_a * share_b, count - 1)[: count - 1]
                normal[np.arange(a, count - 1 + a), np.arange(b, count - 1 + b)] += both
        curve = np.linalg.solve(normal, right)
    return curve


def _first_guess(middle: Float, change: Float) -> Numbers:
    """The median change near each of `LEVELS`: what is clipped to white does not do as everything else does."""
    curve: NDArray[Any] = _factor(middle, change) * LEVELS
    nearest = np.rint(middle * (len(LEVELS) - 1)).astype(np.intp)
    for level in np.flatnonzero(np.bincount(nearest, minlength=len(LEVELS)) >= _FEW):
        curve[level] = np.median(change[nearest == level])
    return curve


def _read(curves: Numbers, middle: Float) -> Float:
    """The change that the three curves say, for each pixel."""
    values = [np.interp(middle[..., c], LEVELS, curve) for c, curve in enumerate(curves.reshape(3, -1))]
    return np.stack(values, -1).astype(np.float32, copy=False)


def _cells(change: Float, middle: Float, cells: tuple[int, int]) -> Float:
    """The share of its brightness by which each cell changed, beside what the whole picture did."""
    size = cells[1], cells[0]
    share = np.zeros(cells, np.float32)
    for _ in range(_ROUNDS):
        fine = cv.resize(share, change.shape[::-1], interpolation=cv2.INTER_LINEAR)
        weight = _weights(change - fine * middle).astype(np.float32) * middle
        top = cv.resize(weight * (change - fine * middle), size, interpolation=cv2.INTER_AREA)
        bottom = cv.resize(weight * middle, size, interpolation=cv2.INTER_AREA)
        share += top / (bottom + np.float32(_SMALL))
    return share


class Path:
    """The changes added up, and how far each frame is from where a smooth path would have it.

    The smooth path is a straight line fitted around each frame, so that fades stay fades. Frames do not count for
    each other when the median brightness around them differs by more than flicker does: a light that is switched on
    stays a step.

    Args:
        reach: Frames on each side that the line is fitted to.
    """

    def __init__(self, reach: int) -> None:
        self._reach = reach
        self._near = -(-reach // 2)
        self._sum: Numbers | float = 0.0
        self._places: deque[Numbers] = deque(maxlen=2 * self.delay + 1)
        self._first = 0
        self._count = 0
        self._next = 0

    @property
    def delay(self) -> int:
        """How many further frames a correction needs."""
        return self._reach + self._near + 2

    def push(self, change: Numbers) -> Iterator[Numbers]:
        """Add a frame's change; yields the correction of the frame `delay` before it."""
        self._sum = self._sum + change
        self._first += len(self._places) == self._places.maxlen
        self._places.append(np.asarray(self._sum))
        self._count += 1
        if self._count > self.delay:
            yield self._correction()

    def finish(self) -> Iterator[Numbers]:
        """Yield the corrections that are left."""
        while self._next < self._count:
            yield self._correction()

    def _correction(self) -> Numbers:
        path = np.stack(self._places)
        here = self._next - self._first
        self._next += 1
        correction: Numbers = smooth(path, here, self._reach, self._near) - path[here]
        return correction


def smooth(path: Numbers, here: int, reach: int, near: int) -> Numbers:
    """Return where each column of a path (`T×N`) would be at `here` if it did not flicker."""
    begin, end = max(0, here - reach), min(len(path), here + reach + 1)
    calm = _calm(path, begin, end, near)
    part = path[begin:end]
    apart = (calm - calm[here - begin]) / (4 * _spread(np.abs(part - calm)) + 0.02)
    offset = np.arange(begin, end)[:, None] - here
    weight = np.exp(-2 * np.square(offset / (reach + 1))) * np.square(np.clip(1 - np.square(apart), 0, None))
    total, first, second = weight.sum(0), (weight * offset).sum(0), (weight * offset**2).sum(0) + 1
    mean, slope = (weight * part).sum(0), (weight * offset * part).sum(0)
    fitted: Numbers = (second * mean - first * slope) / (total * second - first**2)
    return fitted


def _calm(path: Numbers, begin: int, end: int, near: int) -> Numbers:
    """The path from `begin` to `end` without flicker but with its steps.

    It is the median around each frame, once what alternates is taken out. Right at a step that lies between both
    levels; there it is the median before or after the frame, whichever is nearer to it.
    """
    low, high = max(0, begin - near - 2), min(len(path), end + near + 2)
    padded = np.pad(path[low:high], ((2, 2), (0, 0)), "edge")
    shares = np.array([1, 4, 6, 4, 1]) / 16
    even = np.tensordot(shares, np.stack([padded[k : k + high - low] for k in range(5)]), 1)

    def medians(back: int, ahead: int) -> Numbers:
        parts = [even[max(0, index - back - low) : index + ahead + 1 - low] for index in range(begin, end)]
        return np.stack([np.median(part, axis=0) for part in parts])

    calm, part = medians(near, near), path[begin:end]
    away = np.abs(part - calm)
    lost = away > 2.5 * _spread(away) + 0.01
    if not lost.any():
        return calm
    before, after = medians(near, 0), medians(0, near)
    side = np.where(np.abs(part - before) < np.abs(part - after), before, after)
    return np.where(lost, side, calm)


def _spread(away: Numbers) -> Numbers:
    """One standard deviation, from absolute differences of which some are steps."""
    spread: Numbers = 1.4826 * np.median(away, axis=0)
    return spread


def correct(image: Image, change: Numbers, mode: Mode, cells: tuple[int, int]) -> Image:
    """Return the image with its tones moved.

    Args:
        image: Three channels, red first, uint8 or uint16.
        change: What to add, in the form of `Meter.step`: blue first.
        mode: How it was measured.
        cells: The grid of `local`.
    """
    tones = change[:3, None] * LEVELS if mode == "gain" else change[:CURVES].reshape(3, -1)
    image = _toned(image, tones[::-1])
    if mode != "local":
        return image
    share = np.clip(change[CURVES:].reshape(cells), -1, 1).astype(np.float32)
    height, width = image.shape[:2]
    factor = cv.resize((1 + share / 2) / (1 - share / 2), (width, height), interpolation=cv2.INTER_CUBIC)
    depth = cv2.CV_8U if image.dtype == np.uint8 else cv2.CV_16U
    evened: Image = cv.multiply(image, cv.cvtColor(factor, cv2.COLOR_GRAY2RGB), dtype=depth)
    return evened


def _toned(image: Image, tones: Numbers) -> Image:
    """Send each channel through its curve; the same object comes back where that changes nothing.

    A difference was measured between two frames at the brightness halfway, so that half of it lies on each side.
    """
    white = white_of(image)
    codes = np.arange(white + 1) / white
    tables = []
    for tone in tones:
        source = np.maximum.accumulate(LEVELS - tone / 2 + np.arange(len(LEVELS)) * 1e-6)
        target = np.maximum.accumulate(LEVELS + tone / 2)
        tables.append(np.rint(np.clip(_through(codes, source, target), 0, 1) * white).astype(image.dtype))
    if all(np.array_equal(table, np.arange(white + 1)) for table in tables):
        return image
    if image.dtype == np.uint8:
        mapped: Image = cv.LUT(image, np.stack(tables, -1)[None])
        return mapped
    merged: Image = cv.merge([table[plane] for table, plane in zip(tables, cv.split(image), strict=True)])
    return merged


def _through(codes: Numbers, source: Numbers, target: Numbers) -> Numbers:
    """Interpolate, and beyond both ends go on in parallel."""
    below, above = np.minimum(codes - source[0], 0), np.maximum(codes - source[-1], 0)
    through: Numbers = np.interp(codes, source, target) + below + above
    return through

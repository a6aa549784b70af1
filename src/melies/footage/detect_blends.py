"""Where one picture slowly becomes another: dissolves, fades, and flashes that only look like cuts.

Pictures are compared when they are as small as a stamp, each with all of the last three seconds. From those inner
products alone follows how well the pictures between two moments are mixtures of the first and the last:

    P(t) ≈ (1 - a(t)) A + a(t) B, with a(t) rising from 0 to 1

A dissolve is such a stretch whose ends look different. What moves is not: a wipe, or somebody who walks in, changes
each place at another time, and leaves as much unexplained as there is to explain; a pan leaves more. A fade is a
stretch without any picture, before or after which contrast falls or rises step by step. The twin comparison of Zhang,
Kankanhalli and Smoliar (*Automatic partitioning of full-motion video*, 1993) is the idea behind the search.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.footage.shot import Transition
from melies.matting.scale import cv

_SIZE = 32, 18
_PIXELS = _SIZE[0] * _SIZE[1] * 3
_LONGEST = 3.2
"""Seconds of the longest dissolve or fade."""
_FLASH = 0.4
"""Seconds within which the picture is back after a flash."""
_BACK = 0.2
"""A picture is back when it differs by less than this share of the square by which it had changed."""
_DIFFERENT = 32.0**2
"""Mean square by which the ends of a dissolve differ at least, of levels 0…255."""
_ALIKE = 0.5
"""Correlation of a dissolve's ends at most: pictures that are more alike differ in their light only."""
_BLACK = 24
"""Level up to which bars above, below or beside the picture are black."""
_UNEXPLAINED = 0.5
"""The most that may be left unexplained; 0 for a perfect mixture, 1 for a wipe."""
_UNEXPLAINED_SHORT = 0.25
"""The same for blends of less than ten frames, which quick movement resembles more."""
_STEP = 0.25
"""The most of a blend that happens from one frame to the next, as a share of its square."""
_STANDS_OUT = 4.0
"""How many times more, in squares, a picture that stands out differs from the one before than its neighbours do …"""
_ABOVE = 2.0
"""… and than any of them does."""
_BLANK = 4.0
"""Standard deviation of levels up to which a picture is of one colour."""
_SLOPE = 0.35
"""How fast contrast must go on changing in a fade, as a share of how fast it has done so far."""
_GRADUAL = 3
"""Frames of falling or rising contrast that make a fade."""


@dataclass(frozen=True, slots=True)
class Blend:
    """A transition that takes time.

    Attributes:
        first: Index of the first frame that belongs to the new shot more than to the old.
        transition: `"dissolve"` or `"fade"`; `"cut"` where a picture appears at once after a fade out.
        frames: How many frames it takes.
        begin: Index of its first frame.
        end: Index of the frame after its last one.
    """

    first: int
    transition: Transition
    frames: int
    begin: int
    end: int


class Blends:
    """Find dissolves and fades while a film runs.

    Args:
        rate: Frames per second.

    Attributes:
        found: What was found so far, in order.
        index: Number of the next picture, counted from 0.
        flash_length: How many frames to wait before `flash` can be asked.
    """

    def __init__(self, rate: Fraction) -> None:
        self.found: list[Blend] = []
        self.index = 0
        fps = min(float(rate), 120.0)
        self.flash_length = max(2, round(_FLASH * fps))
        self._longest = max(12, round(_LONGEST * fps))
        self._lengths = _lengths(self._longest)
        self._room = self._longest + 4 + 2 * self.flash_length
        self._pictures = np.zeros((self._room, _PIXELS), np.float32)
        self._gram = np.zeros((self._room, self._room), np.float32)
        self._contrast = np.zeros(self._room, np.float32)
        self._steps = np.full(self._room, np.inf, np.float32)
        self._best: _Fit | None = None
        self._blank: tuple[int, int] | None = None
        self._rising: tuple[int, int, int] | None = None

    @property
    def settled(self) -> int:
        """Everything that begins before this index has been found."""
        begin = self.index - self._longest - self._longest // 8 - 8
        if self._best is not None:
            begin = min(begin, int(self._best.begin))
        if self._blank is not None:
            begin = min(begin, self._blank[0])
        return min(begin, self._rising[0]) if self._rising is not None else begin

    def step(self, picture: NDArray[np.uint8]) -> None:
        """Look at the next picture, `H×W×3` uint8."""
        self._remember(picture)
        self._fades()
        self._dissolves()
        self.index += 1

    def finish(self) -> None:
        """Say that the film has ended."""
        if self._rising is not None:
            self._end_of_fade(*self._rising, self.index)
        self._keep_best()
        self.found.sort(key=lambda blend: blend.first)

    def flash(self, index: int) -> int:
        """Return how many frames after `index`, where the picture changed, it is as before again; 0 if it never is.

        -1 says that it is as it was shortly before: a flash has ended there.
        """
        last = min(self.index - 1, index + self.flash_length)
        if index < 1 or last <= index:
            return 0
        before, here = index - 1, index
        changed = self._apart(before, np.array([here]))[0]
        ago = np.arange(max(0, before - self.flash_length), before)
        if len(ago) and self._apart(here, ago).min() < _BACK * changed:
            return -1
        back = np.flatnonzero(self._apart(before, np.arange(here + 1, last + 1)) < _BACK * changed)
        return int(back[0]) + 1 if len(back) else 0

    def stands_out(self, index: int) -> bool:
        """Whether picture `index` differs from the one before much more than the two before and after it do.

        In pictures as small as a stamp little moves, so this tells a cut between moving shots from quick movement.
        """
        here, *others = (self._steps[(index + ago) % self._room] for ago in (0, -2, -1, 1, 2))
        least = max(_DIFFERENT * _PIXELS, _STANDS_OUT * sum(others) / len(others), _ABOVE * max(others))
        return bool(here > least)

    def _apart(self, one: int, others: NDArray[np.int64]) -> NDArray[np.float32]:
        """Squares of the distances of pictures to others."""
        at, places = one % self._room, others % self._room
        apart: NDArray[np.float32] = self._gram[at, at] + self._gram[places, places] - 2 * self._gram[at, places]
        return apart

    def _remember(self, picture: NDArray[np.uint8]) -> None:
        at = self.index % self._room
        stamp = cv.resize(picture, _SIZE, interpolation=cv2.INTER_AREA)
        _, spread = cv.meanStdDev(stamp)
        self._pictures[at] = stamp.reshape(-1)
        self._contrast[at] = spread.max()
        products = self._pictures @ self._pictures[at]
        self._gram[at] = self._gram[:, at] = products
        past = (self.index - 1) % self._room
        if self.index:
            self._steps[at] = products[at] + self._gram[past, past] - 2 * products[past]

    # fades

    def _fades(self) -> None:
        index, at = self.index, self.index % self._room
        if self._rising is not None and not self._rises(at):
            self._end_of_fade(*self._rising, index)
        if self._contrast[at] <= _BLANK:
            if self._blank is None:
                self._blank = index - self._fallen(), index
        elif self._blank is not None:
            self._rising = *self._blank, index
            self._blank = None

    def _rises(self, at: int) -> bool:
        """Whether contrast goes on rising, and there is still time for it."""
        assert self._rising is not None
        shown = self._rising[2]
        count = self.index - shown + 1
        now = self._contrast[at]
        rise, gained = now - self._contrast[(at - 2) % self._room], now - self._contrast[(shown - 1) % self._room]
        return count < self._longest and _steady(float(rise), float(gained), count)

    def _fallen(self) -> int:
        """For how many frames contrast has been falling."""
        most = min(self.index, self._longest)
        levels = self._contrast[np.arange(self.index, self.index - most, -1) % self._room]
        count = 1
        while count + 1 < most and _steady(
            float(levels[count + 1] - levels[count - 1]), float(levels[count] - levels[0]), count
        ):
            count += 1
        return _whole(count)

    def _end_of_fade(self, begin: int, blank: int, shown: int, end: int) -> None:
        """Judge a stretch without picture from `blank` to `shown`, which contrast falls to from `begin`."""
        self._rising = None
        end = shown + _whole(end - shown)
        out, into = begin < blank, end > shown
        if blank == 0 or not (out or into):
            return
        # A part of a fade is a mixture too.
        self.found = [one for one in self.found if one.end < begin - 2 or end + 2 < one.begin]
        if self._best is not None and self._best.end > begin - 2:
            self._best = None
        if not into:
            self.found.append(Blend(shown, "cut", 0, begin, shown + 1))
        elif not out:
            self.found.append(Blend(blank, "fade", end - shown, blank, end))
        else:
            self.found.append(Blend((blank + shown + 1) // 2, "fade", end - begin, begin, end))

    # dissolves

    def _dissolves(self) -> None:
        index = self.index
        at = index % self._room
        lengths = [n for n in self._lengths if n <= index and index % max(1, n // 8) == 0]
        starts = (index - np.array(lengths, int)) % self._room
        different = self._gram[starts, starts] + self._gram[at, at] - 2 * self._gram[at, starts]
        for length, start, distance in zip(lengths, starts, different, strict=True):
            if distance > _DIFFERENT * _PIXELS and min(self._contrast[start], self._contrast[at]) > 2 * _BLANK:
                fit = self._fit(index - length, index, float(distance))
                if fit is not None:
                    self._offer(fit)
        if self._best is not None and index > self._best.last + max(8, self._best.last - self._best.start):
            self._keep_best()

    def _fit(self, start: int, last: int, distance: float) -> _Fit | None:
        """Explain the pictures between two as mixtures of them; None if they are not."""
        window = np.arange(start, last + 1) % self._room
        if self._steps[window[1:]].max() > _STEP * distance or self._contrast[window].min() <= _BLANK:
            return None
        first, final = self._gram[window[0], window], self._gram[window[-1], window]
        share = (final - first - final[0] + first[0]) / distance
        gone = self._gram[window, window] - 2 * first + first[0]
        needed = float((share * (1 - share)).sum()) * distance
        if share.min() < -0.15 or share.max() > 1.15 or np.diff(share).min() < -0.1 or needed <= 0:
            return None
        rest = float(np.maximum(gone - share * share * distance, 0).sum()) / needed
        most = _UNEXPLAINED if last - start > 10 else _UNEXPLAINED_SHORT
        if rest > most or self._correlation(window[0], window[-1]) > _ALIKE:
            return None
        rising = np.maximum.accumulate(share)
        early, middle, late = np.interp((0.2, 0.5, 0.8), rising, np.arange(start, last + 1))
        half = max((late - early) / 1.2, 0.5)
        return _Fit(start, last, middle, middle - half, middle + half, distance * (1 - rest / _UNEXPLAINED), rest)

    def _correlation(self, one: int, other: int) -> float:
        """How alike two pictures are, without black bars, which they have in common."""
        pair = self._pictures[[one, other]].reshape(2, _SIZE[1], _SIZE[0], 3)
        lit = pair.max((0, 3)) > _BLACK
        rows, columns = (_inside(lit.any(axis)) for axis in (1, 0))
        levels = pair[:, rows][:, :, columns]
        levels = levels - levels.mean((1, 2), keepdims=True)
        return float((levels[0] * levels[1]).sum() / max(np.sqrt(np.prod(np.square(levels).sum((1, 2, 3)))), 1.0))

    def _offer(self, fit: _Fit) -> None:
        """Keep the better of two for one place; what is settled goes to `found`."""
        best = self._best
        if best is not None and not (fit.begin < best.end and best.begin < fit.end):
            self._keep_best()
            best = None
        if best is None or fit.worth > best.worth:
            self._best = fit

    def _keep_best(self) -> None:
        fit, self._best = self._best, None
        if fit is None:
            return
        begin, end = int(np.floor(fit.begin)) + 1, int(np.ceil(fit.end))
        if any(begin < other.end + 2 and other.begin < end + 2 for other in self.found[-4:]):
            return
        self.found.append(Blend(int(np.ceil(fit.middle - 1e-3)), "dissolve", max(1, end - begin), begin, end))


@dataclass(frozen=True, slots=True)
class _Fit:
    """A window whose pictures are mixtures of its ends, and the mixing itself, which lies inside."""

    start: int
    last: int
    middle: float
    begin: float
    end: float
    worth: float
    rest: float


def _steady(rise: float, gained: float, count: int) -> bool:
    """Whether contrast rises over two frames about as it has done on average since there was none."""
    return rise > max(_SLOPE * 2 * gained / count, 0.0)


def _inside(lit: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which rows or columns are lit, but for those next to a bar, which are partly bar."""
    around = np.pad(lit, 1, mode="edge")
    inside: NDArray[np.bool_] = lit & around[:-2] & around[2:]
    return inside if inside.any() else lit


def _whole(count: int) -> int:
    """Frames of a fade: its ends reach two frames further as slopes are measured; 0 if it is too short to be one."""
    return count - 2 if count - 2 >= _GRADUAL else 0


def _lengths(longest: int) -> list[int]:
    """Lengths to try, each a quarter longer than the one before."""
    lengths = [3]
    while lengths[-1] < longest:
        lengths.append(min(longest, max(lengths[-1] + 1, lengths[-1] * 5 // 4)))
    return lengths

"""Invent what was never seen, out of patches that the picture holds elsewhere."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.erasing.membrane import Mask, Values, membrane
from melies.frame import Image
from melies.imaging import white_of

cv: Any = cv2

Indices = NDArray[np.int64]

_RADIUS = 3
_CELLS = [(y, x) for y in range(-_RADIUS, _RADIUS + 1) for x in range(-_RADIUS, _RADIUS + 1) if (x + y) % 2 == 0]
"""A patch of 7×7 of which every other pixel is looked at."""
_THIN = 3
"""A hole nowhere deeper than this many pixels needs no patches."""
_DEEPEST = 4
"""How many pixels deep a hole may be at the coarsest size, so that what is around it says what it holds."""
_MOST = 40_000
"""Patches that are searched for at one size; where there are more, those of the coarser size are enlarged."""
_ROUNDS = (6, 2)
"""Searches and votes at the coarsest size, and at each finer one."""
_TURNS = 4
"""Searches for each ring when the hole is first filled."""
_NEAR = 16
"""How far from what the coarser size found a patch is looked for, in pixels."""
_FADING = np.float32(1.3)
"""How much less a pixel counts for each step further into the hole."""


def complete(image: Image, hole: Mask) -> Image:
    """Fill a hole with patches of its surroundings, from coarse to fine.

    PatchMatch (Barnes et al. 2009) finds for each patch that touches the hole the most similar one elsewhere, and all
    patches over a pixel vote for its colour (Wexler et al. 2007); both in turns. The same picture always gives the
    same result.

    Args:
        image: `H×W×3` or `H×W×4`, uint8 or uint16; what stands in the hole does not matter.
        hole: `H×W`.

    Returns:
        A new image.
    """
    scale = np.float32(255 / white_of(image))
    picture = image.astype(np.float32) * scale
    filled = _complete(picture, hole)
    result = image.copy()
    result[hole] = np.clip(np.rint(filled[hole] / scale), 0, white_of(image)).astype(image.dtype)
    return result


def _complete(picture: Values, hole: Mask) -> Values:
    levels = [(picture, hole)]
    while _depth(hole) > _DEEPEST and min(hole.shape) >= 8 * _RADIUS:
        picture, hole = _halved(picture, hole)
        levels.append((picture, hole))
    match: _Match | None = None
    for picture, hole in reversed(levels):
        if _depth(levels[0][1]) <= _THIN or not _sources(hole).any():
            filled = membrane(picture, hole)
            continue
        coarsest = match is None
        filled = membrane(picture, hole) if match is None else _enlarged(match.picture, picture, hole)
        match = _Match(filled, hole, match)
        if coarsest:
            match.begin()
        match.improve(_ROUNDS[0] if coarsest else _ROUNDS[1])
        filled = match.picture
    return filled


def _depth(hole: Mask) -> float:
    """How far the innermost pixel of a hole is from what is known, in pixels."""
    return float(cv.distanceTransform(hole.view(np.uint8), cv2.DIST_L2, 3).max()) if hole.any() else 0.0


def _halved(picture: Values, hole: Mask) -> tuple[Values, Mask]:
    size = (hole.shape[1] + 1) // 2, (hole.shape[0] + 1) // 2
    weight = np.where(hole, np.float32(0), np.float32(1))
    shares = cv.resize(weight, size, interpolation=cv2.INTER_AREA)
    sums = cv.resize(picture * weight[..., None], size, interpolation=cv2.INTER_AREA)
    return sums / np.maximum(shares, np.float32(1e-6))[..., None], shares < np.float32(0.5)


def _enlarged(small: Values, picture: Values, hole: Mask) -> Values:
    large = cv.resize(small, (hole.shape[1], hole.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.where(hole[..., None], large, picture)


def _sources(hole: Mask) -> Mask:
    """Where a whole patch is known and inside the picture."""
    side = 2 * _RADIUS + 1
    touched = cv.dilate(hole.view(np.uint8), np.ones((side, side), np.uint8))
    free: Mask = touched == 0
    for edge in (free[:_RADIUS], free[-_RADIUS:], free[:, :_RADIUS], free[:, -_RADIUS:]):
        edge[...] = False
    return free


class _Match:
    """Which patch elsewhere stands for each patch that touches the hole."""

    def __init__(self, picture: Values, hole: Mask, coarse: _Match | None) -> None:
        pad = ((_RADIUS, _RADIUS), (_RADIUS, _RADIUS))
        self._shape = hole.shape
        self._padded = np.pad(picture, (*pad, (0, 0)), mode="reflect")
        self._hole = np.pad(hole, pad)
        self._free = np.pad(_sources(hole), pad)
        side = 2 * _RADIUS + 1
        touched = cv.dilate(hole.view(np.uint8), np.ones((side, side), np.uint8)) > 0
        self._wide = self._padded.shape[1]
        self._targets: Indices = np.flatnonzero(np.pad(touched, pad))
        self._number = np.full(self._hole.size, -1, np.int64)
        self._number[self._targets] = np.arange(len(self._targets))
        self._cells = np.array([y * self._wide + x for y, x in _CELLS])
        self._reach = max(hole.shape) // 2 if coarse is None else _NEAR
        self._random = np.random.default_rng(len(self._targets))
        self._depth = cv.distanceTransform(self._hole.view(np.uint8), cv2.DIST_L2, 3)
        self._known: Values = (_FADING**-self._depth).astype(np.float32)
        self._found = self._anywhere() if coarse is None else self._inherited(coarse)
        self._cost = self._costs(self._found)

    @property
    def picture(self) -> Values:
        """The picture without its padding, the hole filled as far as it is known by now."""
        height, width = self._shape
        return self._padded[_RADIUS : _RADIUS + height, _RADIUS : _RADIUS + width]

    def begin(self) -> None:
        """Fill the hole ring by ring, each from patches that know the rings before it."""
        sure = self._known
        for ring in range(1, int(np.ceil(self._depth.max())) + 1):
            self._known = np.where(self._depth < ring, sure, np.float32(0))
            self._cost = self._costs(self._found)
            for _ in range(_TURNS):
                self._search()
            self._vote(np.flatnonzero((self._depth >= ring) & (self._depth < ring + 1)), sharp=True)
        self._known = sure
        self._cost = self._costs(self._found)

    def improve(self, rounds: int) -> None:
        """Search and vote in turns, the last time so that the best patches alone decide, which keeps it sharp."""
        pixels = np.flatnonzero(self._hole)
        if len(self._targets) > _MOST:
            self._vote(pixels, sharp=True)
            return
        for turn in range(rounds):
            self._search()
            self._vote(pixels, sharp=turn == rounds - 1)
            self._cost = self._costs(self._found)

    def _anywhere(self) -> Indices:
        free = np.flatnonzero(self._free)
        return free[self._random.integers(0, len(free), len(self._targets))]

    def _inherited(self, coarse: _Match) -> Indices:
        """Twice the offsets found at half the size, and any place where those lead out of what is known."""
        y, x = np.divmod(self._targets, self._wide)
        small_y = np.minimum((y - _RADIUS) // 2, coarse._shape[0] - 1) + _RADIUS
        small_x = np.minimum((x - _RADIUS) // 2, coarse._shape[1] - 1) + _RADIUS
        place = small_y * coarse._wide + small_x
        number = coarse._number[place]
        there = coarse._found[np.maximum(number, 0)]
        offset_y = 2 * (there // coarse._wide - small_y)
        offset_x = 2 * (there % coarse._wide - small_x)
        height, width = self._hole.shape
        found = np.clip(y + offset_y, 0, height - 1) * width + np.clip(x + offset_x, 0, width - 1)
        lost = (number < 0) | ~self._free.reshape(-1)[found]
        return np.where(lost, self._anywhere(), found)

    def _colours(self) -> Values:
        return self._padded.reshape(-1, self._padded.shape[2])

    def _costs(self, found: Indices, which: Indices | None = None) -> Values:
        """How unlike patches are: the mean squared difference, weighted by what is known."""
        targets = self._targets if which is None else self._targets[which]
        colours = self._colours()
        cost = np.zeros(len(targets), np.float32)
        for start in range(0, len(targets), 4096):
            part = slice(start, start + 4096)
            one = colours.take(targets[part, None] + self._cells, axis=0)
            one -= colours.take(found[part, None] + self._cells, axis=0)
            known = self._known.reshape(-1).take(targets[part, None] + self._cells)
            cost[part] = np.einsum("nkc,nkc,nk->n", one, one, known) / (known.sum(1) + np.float32(1e-3))
        return cost

    def _search(self) -> None:
        """Take over what neighbours found, then look around at random, ever nearer."""
        for step in (1, -1, self._wide, -self._wide):
            neighbour = self._number[np.clip(self._targets + step, 0, self._number.size - 1)]
            self._try(np.where(neighbour >= 0, self._found[neighbour] - step, self._found))
        height, width = self._hole.shape
        reach = self._reach
        while reach:
            y, x = np.divmod(self._found, width)
            moved_y = np.clip(y + self._random.integers(-reach, reach + 1, len(y)), 0, height - 1)
            moved_x = np.clip(x + self._random.integers(-reach, reach + 1, len(x)), 0, width - 1)
            self._try(moved_y * width + moved_x)
            reach //= 2

    def _try(self, found: Indices) -> None:
        """Keep what is better."""
        inside = np.clip(found, 0, self._number.size - 1)
        which = np.flatnonzero((inside == found) & (found != self._found) & self._free.reshape(-1)[inside])
        cost = self._costs(found[which], which)
        better = cost < self._cost[which]
        self._found[which[better]] = found[which[better]]
        self._cost[which[better]] = cost[better]

    def _vote(self, pixels: Indices, sharp: bool) -> None:
        """Let all patches over a pixel decide what it looks like: their mean, or the best of them alone."""
        usual = float(np.percentile(self._cost, 75)) + 1
        trust = np.exp(-np.minimum(self._cost / (2 * usual), 60)).astype(np.float32) + np.float32(1e-20)
        trust *= self._known.reshape(-1)[self._targets] + np.float32(1e-6)
        colours = self._colours()
        total = np.zeros((len(pixels), colours.shape[1]), np.float32)
        weight = np.zeros(len(pixels), np.float32)
        for cell in self._cells:
            number = self._number[pixels - cell]
            share = np.where(number >= 0, trust[number], np.float32(0))
            colour = colours[self._found[number] + cell]
            if sharp:
                total = np.where((share > weight)[:, None], colour, total)
                weight = np.maximum(weight, share)
            else:
                total += colour * share[:, None]
                weight += share
        colours[pixels] = total if sharp else total / weight[:, None]

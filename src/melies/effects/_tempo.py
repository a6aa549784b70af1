"""Another tempo at the same pitch, with every sudden beginning and end of a sound exactly at its time.

Sound is cut into windows that overlap by half. Each is fetched from where its middle belongs, moved a little to where
it continues the window before best (WSOLA, Verhelst & Roelands 1993). Since windows reach ahead, in slow motion a beat
would be heard too early, again and again; so none reaches over a beat before its time, or back over it afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

_WINDOW = 0.04
"""Seconds of a window, and by how many it may be moved."""
_REACH = 0.01

_STEP = 0.0005
"""Seconds of a step in which loudness is looked at, and how many steps before and after are compared."""
_COMPARED = 20

_SUDDEN = 8.0
"""How many times as much power is a beat, or the end of one; less than `_SILENCE` is none."""
_SILENCE = 1e-7

_BATCH = 16384
"""Samples that are gathered before they are looked at."""


def change_tempo(blocks: Iterable[Samples], rate: int, factor: Fraction) -> Iterator[Samples]:
    """Play `factor` times as fast at the same pitch; exactly as many samples come out as that makes."""
    # Twice as fast at most at a time: beyond that, samples would be left out instead of blended.
    count = 1
    while factor > 2**count:
        count += 1
    pace = factor if count == 1 else Fraction(float(factor) ** (1 / count)).limit_denominator(1000)
    for _ in range(count - 1):
        blocks = _Tempo(rate, pace).play(blocks)
    yield from _Tempo(rate, factor / pace ** (count - 1)).play(blocks)


class _Tempo:
    def __init__(self, rate: int, pace: Fraction) -> None:
        self._rate = rate
        self._pace = pace
        self._hop = max(8, round(rate * _WINDOW / 2))
        self._reach = max(1, round(rate * _REACH))
        half = np.arange(2 * self._hop, dtype=np.float32)
        self._shape = (0.5 - 0.5 * np.cos(np.pi * half / self._hop)).astype(np.float32)[:, None]
        self._beats = _Beats(rate, 2 * self._hop)
        self._held = np.zeros((0, 1), np.float32)
        self._mixed = np.zeros(0, np.float32)
        self._begin = 0
        self._windows = 0
        self._last: int | None = None
        self._tail = np.zeros((0, 1), np.float32)

    def play(self, blocks: Iterable[Samples]) -> Iterator[Samples]:
        taken, given, waiting = 0, 0, 0
        parts: list[Samples] = []
        for samples in blocks:
            parts.append(samples)
            waiting += len(samples)
            if waiting < _BATCH:
                continue
            taken += waiting
            self._hold(np.concatenate(parts))
            parts, waiting = [], 0
            for made in self._made(taken):
                given += len(made)
                yield made
        if not taken and not waiting:
            return
        ahead = np.zeros((8 * self._hop + 2 * self._reach, self._channels(parts)), np.float32)
        self._hold(np.concatenate([*parts, ahead]))
        taken += waiting
        end = round(taken / self._pace)
        for made in self._made(taken + len(ahead)):
            if given < end:
                yield made[: end - given]
            given += len(made)

    def _channels(self, parts: list[Samples]) -> int:
        return parts[0].shape[1] if parts else self._held.shape[1]

    def _hold(self, samples: Samples) -> None:
        """Add samples, and forget those that no window asks for any more."""
        if not self._windows and not len(self._held):
            lead = 2 * self._hop + self._reach
            self._held = np.zeros((lead, samples.shape[1]), np.float32)
            self._begin = -lead
        self._beats.hear(samples)
        needed = int(self._windows * self._hop * self._pace) - 4 * self._hop - 2 * self._reach
        if self._last is not None:
            needed = min(needed, self._last)
        skipped = max(0, min(needed - self._begin, len(self._held)))
        self._held = np.concatenate([self._held[skipped:], samples])
        self._begin += skipped
        # Unequal shares, so that channels of opposite sign do not cancel out.
        self._mixed = self._held @ (0.7 ** np.arange(samples.shape[1])).astype(np.float32)

    def _made(self, known: int) -> Iterator[Samples]:
        """Yield half a window after another, as long as what lies ahead is known."""
        hop = self._hop
        while True:
            middle = self._windows * hop
            if round(middle * self._pace) + 6 * hop + self._reach > known:
                return
            start = self._start(middle)
            at = start - self._begin
            window = self._held[at : at + 2 * hop] * self._shape
            if len(self._tail):
                yield self._tail + window[:hop]
            self._tail = window[hop:]
            self._last = start
            self._windows += 1

    def _start(self, middle: int) -> int:
        """Where the window is fetched whose middle is heard at `middle`."""
        hop, reach = self._hop, self._reach
        ideal = round(middle * self._pace) - hop
        before, after = -(1 << 62), 1 << 62
        near: int | None = None
        for beat in self._beats.around(ideal - 4 * hop, ideal + 6 * hop):
            heard = round(beat / self._pace)
            if abs(heard - middle) < hop and (near is None or abs(heard - middle) < abs(near)):
                near, exact = heard - middle, beat - heard + middle - hop
            elif heard <= middle:
                before = beat
            else:
                after = min(after, beat)
        if near is not None:
            return max(exact, self._begin)
        ideal = max(min(ideal, after - 2 * hop), before, self._begin)
        low = max(ideal - reach, before, self._begin)
        high = max(low, min(ideal + reach, after - 2 * hop))
        return low if self._last is None else self._likest(self._last + hop, low, high)

    def _likest(self, wanted: int, low: int, high: int) -> int:
        """The place from `low` to `high` where the sound is most like that at `wanted`."""
        hop, stride = self._hop, max(1, self._rate // 48000)
        mixed = self._mixed
        goal = mixed[wanted - self._begin : wanted - self._begin + hop : stride]
        there = mixed[low - self._begin : high - self._begin + hop : stride]
        if len(goal) == 0 or len(there) <= len(goal):
            return low
        alike = np.correlate(there, goal, "valid")
        power = np.concatenate([[0.0], np.cumsum(there.astype(np.float64) ** 2)])
        power = power[len(goal) :] - power[: -len(goal)]
        alike = alike / np.sqrt(power + 1e-9)
        return min(high, low + stride * int(alike.argmax()))


class _Beats:
    """Finds where a sound suddenly gets louder or quieter."""

    def __init__(self, rate: int, apart: int) -> None:
        self._step = max(1, round(rate * _STEP))
        self._apart = apart
        self._rest = np.zeros(0, np.float64)
        self._powers = np.zeros(2 * _COMPARED)
        self._heard = -2 * _COMPARED
        self._found: list[tuple[int, bool]] = []

    def hear(self, samples: Samples) -> None:
        """Look at more samples."""
        power = np.concatenate([self._rest, np.mean(samples.astype(np.float64) ** 2, axis=1)])
        whole = len(power) // self._step * self._step
        self._rest = power[whole:]
        steps = power[:whole].reshape(-1, self._step).mean(axis=1)
        powers = np.concatenate([self._powers, steps])
        n = _COMPARED
        if len(powers) >= 4 * n:
            sums = np.concatenate([[0.0], np.cumsum(powers)]) / n
            means = np.log(np.maximum(0, sums[n:] - sums[:-n]) + _SILENCE)
            rise = means[n:] - means[:-n]  # of the step at index + n
            sudden = np.abs(rise)
            for at in np.flatnonzero(sudden[n : len(sudden) - n] > np.log(_SUDDEN)) + n:
                if sudden[at - n : at + n + 1].argmax() == n:
                    self._add(int(self._heard + at + n) * self._step, bool(rise[at] > 0))
            # So many are left that the next step that is judged is the one after the last.
            keep = 4 * n - 1
            self._heard += len(powers) - keep
            powers = powers[-keep:]
        self._powers = powers

    def _add(self, at: int, louder: bool) -> None:
        if self._found and at - self._found[-1][0] < self._apart:
            # Beginnings matter more than ends.
            if not louder or self._found[-1][1]:
                return
            self._found.pop()
        self._found.append((at, louder))

    def around(self, first: int, last: int) -> list[int]:
        """Return the places between two, in order; those before are never asked for again."""
        while len(self._found) > 1 and self._found[1][0] < first:
            self._found.pop(0)
        return [at for at, _ in self._found if at <= last]

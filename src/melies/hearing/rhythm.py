"""Beats and bars: when people would tap their feet.

Ellis, "Beat Tracking by Dynamic Programming" (2007): of all chains of moments the one is taken in which much begins at
every moment and whose steps are close to the tempo. The tempo is the lag at which what begins resembles itself most,
where lags near 120 a minute are preferred.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Row = NDArray[np.float64]

_SLOWEST, _FASTEST = 40.0, 240.0
"""Beats a minute."""
_USUAL = 120.0
_SPREAD = 1.0
"""Octaves by which tempos usually differ from that."""
_TIGHT = 100.0
"""How much a step beside the tempo costs."""
BAR = 4
"""Beats."""
_BELL = np.array([0.25, 0.75, 1.0, 0.75, 0.25])
"""How much wider each beginning is made before it is compared with others."""
_AROUND = 8
"""Beats over which a tempo is taken."""
_LEAST = 3.0
"""Seconds in which there can be a rhythm."""


@dataclass(frozen=True)
class Pulse:
    """Where the beats are.

    Attributes:
        beats: Their times in seconds.
        first: Which of them is the first that begins a bar.
    """

    beats: Row
    first: int

    @property
    def bars(self) -> Row:
        """When bars begin, in seconds; they are taken to have four beats."""
        return self.beats[self.first :: BAR]

    @property
    def tempo(self) -> float:
        """Beats a minute, of most of the piece; 0 if there are none."""
        steps = np.diff(self.beats)
        if not len(steps):
            return 0.0
        usual = np.median(steps)
        return 60 / float(steps[np.abs(steps - usual) < 0.1 * usual].mean())

    def tempos(self, times: Row) -> Row:
        """Return the beats a minute around each of these times, in seconds."""
        steps = np.diff(self.beats)
        if not len(steps):
            return np.zeros(len(times))
        width = min(_AROUND, len(steps))
        padded = np.pad(steps, (width // 2, width - 1 - width // 2), mode="edge")
        local = 60 / sliding_window_view(padded, width).mean(1)
        at: Row = local[np.clip(np.searchsorted(self.beats, times, side="right") - 1, 0, len(steps) - 1)]
        return at


def find_pulse(onset: Row, low: Row, rate: int) -> Pulse:
    """Find beats and bars.

    Args:
        onset: `N`, how much begins at each moment.
        low: `N`, how much begins in the bass, where drums are clearest.
        rate: Moments a second.
    """
    begins = _even(onset) + _even(low)
    if len(begins) < _LEAST * rate or not begins.any():
        return Pulse(np.zeros(0), 0)
    period = find_period(begins, rate)
    places = _chain(begins, period)
    weight = _around(_even(low), 2)[places] + 0.5 * _around(_even(onset), 2)[places]
    sums = [float(weight[first::BAR].mean()) if len(weight) > first else 0.0 for first in range(BAR)]
    return Pulse(places / rate, int(np.argmax(sums)))


def _even(row: Row) -> Row:
    """Make quiet pieces like loud ones."""
    spread = float(row.std())
    return row / spread if spread > 1e-9 else np.zeros_like(row)


def _around(row: Row, reach: int) -> Row:
    """The most within so many moments."""
    most: Row = sliding_window_view(np.pad(row, reach), 2 * reach + 1).max(1)
    return most


def find_period(begins: Row, rate: int) -> float:
    """Return how many moments lie between two beats."""
    # A beat need not be a whole number of moments: what is a little wider is also alike at half of one.
    even = np.convolve(begins - begins.mean(), _BELL, "same")
    size = 1 << (2 * len(even) - 1).bit_length()
    alike = np.fft.irfft(np.abs(np.fft.rfft(even, size)) ** 2)[: len(even)]
    # What repeats after a beat also does after two and four; what repeats half-way does not.
    shortest, longest = round(60 * rate / _FASTEST), round(60 * rate / _SLOWEST)
    lags = np.arange(shortest, min(longest, len(even) - 2) + 1)
    wide = _around(alike, 1)
    score = alike[lags].copy()
    for times in (2, 4):
        score += wide[np.minimum(times * lags, len(even) - 1)] * (times * lags < len(even)) / times
    octaves = np.log2(60 * rate / lags / _USUAL) / _SPREAD
    best = int(lags[np.argmax(np.maximum(score, 0) * np.exp(-0.5 * octaves**2))])
    before, here, after = alike[best - 1 : best + 2]
    bend = before - 2 * here + after
    return best + (0.5 * float((before - after) / bend) if bend < 0 else 0.0)


def _chain(begins: Row, period: float) -> NDArray[np.intp]:
    """The best chain of moments."""
    width = period / 32
    reach = max(1, round(4 * width))
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    local = np.convolve(begins, bell, "same") if len(begins) > len(bell) else begins
    near, far = max(1, round(period / 2)), max(2, round(2 * period))
    steps = np.arange(far, near - 1, -1)
    cost = -_TIGHT * np.log(steps / period) ** 2
    count = len(local)
    best = np.zeros(count + far)  # before the sound begins a chain is worth nothing
    link = np.full(count, -1, np.intp)
    threshold = 0.01 * local.max()
    begun = False
    # No step is shorter than `near`: so many moments do not depend on each other.
    for start in range(0, count, near):
        stop = min(count, start + near)
        found = sliding_window_view(best[start : stop + far - near], len(steps))[: stop - start] + cost
        choice = found.argmax(1)
        rows = np.arange(stop - start)
        best[start + far : stop + far] = local[start:stop] + found[rows, choice]
        linked = np.arange(start, stop) - steps[choice]
        if not begun:
            quiet = local[start:stop] < threshold
            begun = not quiet.all()
            linked = np.where(np.cumsum(~quiet) == 0, -1, linked)
        link[start:stop] = linked
    return _traced(best[far:], link, local)


def _traced(best: Row, link: NDArray[np.intp], local: Row) -> NDArray[np.intp]:
    """Follow the chain back from its end, and leave out what lies in silence at either end."""
    at = int(best.argmax())
    places = []
    while at >= 0:
        places.append(at)
        at = int(link[at])
    chain = np.array(places[::-1], np.intp)
    strong = np.flatnonzero(local[chain] > 0.1 * np.sqrt(np.mean(local[chain] ** 2)))
    return chain[strong[0] : strong[-1] + 1] if len(strong) else chain[:0]

"""Sections: where a piece of music becomes another one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from melies.hearing.rhythm import BAR, Pulse

Row = NDArray[np.float64]

_BARS = 4
"""What is compared: so many bars before a moment with so many after it."""
_STEP = 0.5
"""Seconds that stand for a beat where there is none."""
_CHANGE = 0.5
"""By how much they differ at a boundary, as a share of how much the piece varies at all."""


def find_sections(colours: Row, pulse: Pulse, rate: int) -> Row:
    """Find where sections begin.

    The mean of the four bars after a beat is held against that of the four before it. The square of their distance is
    what Foote's checkerboard gives on a matrix of likenesses ("Automatic Audio Segmentation Using a Measure of Audio
    Novelty", 2000). A boundary is where it is highest within four bars, and it is moved to the nearest bar.

    Args:
        colours: `N×D`, how each moment sounds.
        pulse: Its beats.
        rate: Moments a second.

    Returns:
        Seconds; the first is 0.
    """
    seconds = len(colours) / rate
    beats = pulse.beats if len(pulse.beats) > 2 * BAR else np.arange(0, seconds, _STEP)
    reach = BAR * _BARS
    if len(beats) < reach + BAR:
        return np.zeros(1)
    edges = np.unique(np.minimum(np.rint(np.append(beats, seconds) * rate).astype(np.intp), len(colours)))
    sums = np.concatenate([np.zeros((1, colours.shape[1])), np.cumsum(colours, 0)])
    means = np.diff(sums[edges], axis=0) / np.diff(edges)[:, None]
    means = (means - means.mean(0)) / np.maximum(means.std(0), 1e-9)
    change = _changes(means, reach)
    bars = pulse.bars if len(pulse.beats) > 2 * BAR else beats
    found = [0.0]
    for place in range(BAR, len(change)):
        around = change[max(0, place - reach) : place + reach + 1]
        if change[place] >= _CHANGE and change[place] == around.max():
            begin = float(bars[np.argmin(np.abs(bars - beats[place]))])
            if begin - found[-1] > BAR * _STEP:
                found.append(begin)
    return np.array(found)


def _changes(means: Row, reach: int) -> Row:
    """How much differs between before and after each beat; near the ends fewer beats are compared."""
    sums = np.concatenate([np.zeros((1, means.shape[1])), np.cumsum(means, 0)])
    count = len(means)
    now = np.arange(count)
    first, last = np.maximum(now - reach, 0), np.minimum(now + reach, count)
    before = (sums[now] - sums[first]) / np.maximum(now - first, 1)[:, None]
    after = (sums[last] - sums[now]) / np.maximum(last - now, 1)[:, None]
    change: Row = np.square(after - before).mean(1)
    change[np.minimum(now - first, last - now) < BAR] = 0.0
    # What is compared over few beats differs by chance.
    return change * np.minimum(now - first, last - now) / reach

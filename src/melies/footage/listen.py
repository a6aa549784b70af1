"""The sound of a film, shot by shot."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

from melies.engine.pipeline import close
from melies.frame import Sound

RATE = 16000
"""Samples a second, as networks for speech want them."""
LONGEST = 600
"""Seconds of a shot that are kept; what follows is not heard."""

Samples = NDArray[np.float32]
"""`N` float32, one channel, nominally -1…1."""


class Ear:
    """Hear a film once, in one channel at 16 kHz, as far as it is asked for.

    Memory does not grow with the film: sound is decoded when its shot is asked for, and then forgotten.

    Args:
        blocks: The film's sound from sample 0 on, without gaps.
    """

    def __init__(self, blocks: Iterator[Sound]) -> None:
        self._blocks = blocks
        self._low = lowered(blocks)
        self._rest: Samples = np.zeros(0, np.float32)
        self._at = 0

    def between(self, start: Fraction, end: Fraction) -> Samples:
        """Return the sound of a stretch, to the sample, silent where the track has ended; later ones only from then on.

        Args:
            start: Clip time in seconds, not before the end of the last stretch.
            end: Clip time in seconds; of more than ten minutes only the first ten are returned.
        """
        first, last = round(start * RATE), round(end * RATE)
        heard = np.zeros(min(last - first, LONGEST * RATE), np.float32)
        while self._at < last:
            if not len(self._rest):
                self._rest = next(self._low, np.zeros(last - self._at, np.float32))
            block, self._rest = np.split(self._rest, [last - self._at])
            begin = self._at - first
            kept = block[max(0, -begin) : max(0, len(heard) - begin)]
            heard[max(0, begin) : max(0, begin) + len(kept)] = kept
            self._at += len(block)
        return heard

    def close(self) -> None:
        """Close the file."""
        self._low.close()
        close(self._blocks)


def lowered(blocks: Iterator[Sound], rate: int = RATE) -> Generator[Samples]:
    """Turn a sound track into one channel at 16 kHz, or another rate, in step with it.

    Of more than two channels only the first three are heard: those in front, with the voices.
    """
    resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
    for block in blocks:
        single = np.ascontiguousarray(block.samples[:, :3].mean(1, dtype=np.float32))
        frame = av.AudioFrame.from_ndarray(single[None], format="flt", layout="mono")
        frame.sample_rate = block.rate
        yield from (one.to_ndarray()[0] for one in resampler.resample(frame))
    yield from (one.to_ndarray()[0] for one in resampler.resample(None))

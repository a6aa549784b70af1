"""Sound for effects that move a clip in time: resampling, and tapes that are played in any direction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import chain
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from melies.effects._scratch import Closing, Scratch
from melies.frame import Sound, VideoSpec

Samples = NDArray[np.float32]

BLOCK = 16384
"""Samples per block that effects make."""


def length(spec: VideoSpec) -> Fraction | None:
    """Seconds that a clip's pictures last, where it is known."""
    return None if spec.frames is None else spec.frames / spec.rate


class Tape(Closing):
    """Sound kept in a temporary file and read back from anywhere, silent outside what was recorded.

    Use it in a `with` block: the file goes when it ends.
    """

    def __init__(self) -> None:
        self._file = Scratch("Sound")
        self.rate = 0
        self.channels = 0
        self.end = 0

    def record(self, blocks: Iterable[Sound]) -> None:
        """Keep every block at its place.

        Raises:
            MediaError: The disk is full.
        """
        for block in blocks:
            self.rate, self.channels = block.rate, block.samples.shape[1]
            data = block.samples.astype(np.float32, copy=False).tobytes()
            self._file.write(block.start * self.channels * 4, data)
            self.end = max(self.end, block.start + len(block.samples))

    def read(self, start: int, stop: int) -> Samples:
        """Return samples `start` to `stop`, silence outside the tape."""
        samples = np.zeros((stop - start, self.channels), np.float32)
        first, last = max(start, 0), min(stop, self.end)
        if first < last:
            frame = self.channels * 4
            data = self._file.read(first * frame, (last - first) * frame)
            samples[first - start : last - start] = np.frombuffer(data, np.float32).reshape(-1, self.channels)
        return samples

    def play(self, start: int, stop: int, at: int) -> Iterator[Sound]:
        """Yield samples `start` to `stop`, backwards if `stop` is smaller, as blocks that begin at `at`."""
        step = BLOCK if stop >= start else -BLOCK
        for begin in range(start, stop, step):
            end = min(begin + step, stop) if step > 0 else max(begin + step, stop)
            samples = self.read(begin, end) if step > 0 else self.read(end, begin)[::-1]
            yield Sound(np.ascontiguousarray(samples), self.rate, at + abs(begin - start))

    def close(self) -> None:
        """Delete the file."""
        self._file.close()


def to_audio(samples: Samples, rate: int) -> av.AudioFrame:
    """Wrap `N×channels` samples for FFmpeg, without a time of their own."""
    channels = samples.shape[1]
    planar = np.ascontiguousarray(samples.T)
    frame = av.AudioFrame.from_ndarray(planar, "fltp", _layout(channels))
    frame.sample_rate = rate
    frame.pts = None
    return frame


def _layout(channels: int) -> str:
    return {1: "mono", 2: "stereo"}.get(channels, f"{channels}C")


def resample(blocks: Iterable[Samples], rate: int, to_rate: int) -> Iterator[Samples]:
    """Convert the sample rate with libswresample; as many seconds come out as went in."""
    if rate == to_rate:
        yield from blocks
        return
    resampler: Any = None
    channels = 1
    for samples in blocks:
        channels = samples.shape[1]
        if resampler is None:
            resampler = av.AudioResampler("fltp", _layout(channels), to_rate)
        for frame in resampler.resample(to_audio(samples, rate)):
            yield np.ascontiguousarray(frame.to_ndarray().T)
    if resampler is not None:
        for frame in resampler.resample(None):
            yield np.ascontiguousarray(frame.to_ndarray().T)


def unpacked(blocks: Iterator[Sound]) -> tuple[Sound, Iterator[Samples], Callable[[], int]] | None:
    """Take the samples out of blocks: the first block, the samples, and what says, once they are read, where they end.

    None if there are no blocks.
    """
    first = next(blocks, None)
    if first is None:
        return None
    end = first.start

    def samples() -> Iterator[Samples]:
        nonlocal end
        for block in chain([first], blocks):
            end = block.start + len(block.samples)
            yield block.samples

    return first, samples(), lambda: end


def placed(parts: Iterable[Samples], rate: int, start: int, stop: Callable[[], int]) -> Iterator[Sound]:
    """Give samples their places one after another from `start`, cut or filled with silence to end at `stop()`.

    `stop` is asked again for every part, for sound whose end only shows when it comes.
    """
    at, channels = start, 0
    for samples in parts:
        channels = samples.shape[1]
        samples = samples[: max(0, stop() - at)]
        if len(samples):
            yield Sound(samples, rate, at)
            at += len(samples)
    while channels and at < stop():
        size = min(BLOCK, stop() - at)
        yield Sound(np.zeros((size, channels), np.float32), rate, at)
        at += size


def to_channels(samples: Samples, channels: int) -> Samples:
    """Change the number of channels: one is copied to all, all are averaged to one, else cut or filled up."""
    given = samples.shape[1]
    if given == channels:
        return samples
    if given == 1:
        return np.repeat(samples, channels, axis=1)
    if channels == 1:
        return np.asarray(samples.mean(axis=1, keepdims=True), np.float32)
    return np.pad(samples, ((0, 0), (0, max(0, channels - given))))[:, :channels]

"""Sound, decoded in blocks and laid exactly beside the picture."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray

from melies.errors import UseError
from melies.files import exists
from melies.frame import Sound
from melies.media.probe import opened

log = logging.getLogger("melies")

BLOCK = 1 << 15
"""Samples of silence in one block, at most."""
SLACK = Fraction(1, 25)
"""Seconds by which timestamps may stray from the count of samples before that is a gap: containers round them."""
PREROLL = 1
"""Seconds decoded and thrown away before a start in the middle, until codecs with memory have settled."""
SEEKS = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
"""Containers whose seeking lands where it says."""


def must_sound(path: Path) -> None:
    """Refuse a file without sound, before work begins that would need it at its end; reads no further than to a sample.

    Raises:
        UseError: There is no such file, it cannot be opened, or it holds no sound.
    """
    if not exists(path):
        raise UseError(f"There is no sound file {path}.")
    with closing(read_sound(path)) as blocks:
        if next(blocks, None) is None:
            raise UseError(f"{path} holds no sound.", "Name a song or a film with sound: --audio song.wav")


def read_sound(
    path: str | Path, origin: Fraction = Fraction(0), length: Fraction | None = None, track: int = 0
) -> Generator[Sound]:
    """Decode a sound track into blocks, in clip time.

    Samples before the clip's zero are dropped, gaps are filled with silence, and the end is trimmed to the sample.

    Args:
        path: The media file.
        origin: Time in the container, in seconds, that is the clip's zero.
        length: Seconds after which to stop; None for all there is.
        track: Which of the file's sound streams.

    Yields:
        Blocks that follow each other without gap from sample 0, at the track's own rate.

    Raises:
        UseError: The file cannot be opened.
    """
    with opened(path) as container:
        if track >= len(container.streams.audio):
            return
        stream = container.streams.audio[track]
        rate = stream.codec_context.sample_rate
        limit = None if length is None else round(length * rate)
        cursor = 0
        for start, samples in _placed(container, stream, origin, str(path)):
            if limit is not None and start >= limit:
                break
            for gap in range(cursor, start, BLOCK):
                silence = np.zeros((min(BLOCK, start - gap), samples.shape[1]), np.float32)
                yield Sound(silence, rate, gap)
            block = samples[max(0, cursor - start) : None if limit is None else limit - start]
            cursor = max(cursor, start)
            if len(block):
                yield Sound(block, rate, cursor)
                cursor += len(block)


def _placed(
    container: InputContainer, stream: Any, origin: Fraction, name: str
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Decoded samples with the index of their first one."""
    rate = stream.codec_context.sample_rate
    begin = origin - PREROLL
    if begin > 0 and container.format.name in SEEKS:
        container.seek(int(begin / stream.time_base), stream=stream)
    slack, expected = int(SLACK * rate), None
    for frame in _decoded(container, stream, name):
        samples = _floats(frame)
        start = expected
        if frame.pts is not None:
            stamped = round((frame.pts * (frame.time_base or stream.time_base) - origin) * rate)
            if expected is None or abs(stamped - expected) > slack:
                start = stamped
        start = start or 0
        expected = start + len(samples)
        if expected > 0:
            yield max(start, 0), samples[max(0, -start) :]


def _decoded(container: InputContainer, stream: Any, name: str) -> Iterator[av.AudioFrame]:
    """Frames of one format, rate and layout, whatever the stream does on its way."""
    context = stream.codec_context
    resampler = av.AudioResampler(format="fltp", layout=context.layout, rate=context.sample_rate)
    warned = False
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.FFmpegError:
            frames = []
            if not warned:
                log.warning("%s: broken sound is replaced by silence.", name)
                warned = True
        for frame in frames:
            if frame.format.name == "fltp" and frame.sample_rate == context.sample_rate:
                yield frame
            else:
                yield from resampler.resample(frame)


def _floats(frame: av.AudioFrame) -> NDArray[np.float32]:
    samples = cast(NDArray[np.float32], np.ascontiguousarray(frame.to_ndarray().T))
    # What is no number at all, as in damaged files of floating point, is silence: no encoder takes it.
    return samples if np.isfinite(samples).all() else np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)

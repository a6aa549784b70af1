"""From frames to packets: one encoder per segment, its packets kept in a small Matroska file of their own.

A segment file only carries payloads in order; the exact timestamps stand beside it in JSON, so that no container's
rounding touches them before the final file is put together.
"""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from melies.errors import MediaError
from melies.frame import Frame, Image
from melies.media.convert import colour_of, reformat, set_colour, to_native
from melies.media.output import CODECS, Plan

_CARRIER = Fraction(1, 1000)

# SVT-AV1 writes its settings to the terminal unless told not to.
os.environ.setdefault("SVT_LOG", "1")


Stamps = tuple[tuple[int, int, int, bool], ...]
"""For every packet: pts, dts, duration and whether it is a key frame."""


@dataclass(frozen=True)
class Stamp:
    """When a packet is decoded and shown, in ticks of the segment's time base."""

    pts: int
    dts: int
    duration: int
    key: bool


@dataclass(frozen=True)
class Segment:
    """A finished piece of the film: what a resumed render need not do again.

    Attributes:
        index: Place in the film, from 0.
        file: Name of the packet file.
        frames: Pictures in it.
        time_base: Of the stamps.
        stamps: One per packet, in decoding order.
        next: Clip time at which the following segment begins, as a fraction of seconds; empty after the last.
        restart: Clip time at which the source must be read again to make that following segment.
        last_cut: When the shot that holds `restart` began.
        tally: How often effects had changed something when it was finished.
    """

    index: int
    file: str
    frames: int
    time_base: str
    stamps: Stamps
    next: str = ""
    restart: str = ""
    last_cut: str = ""
    tally: dict[str, int] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write the record, last of all and in one go: its presence means that the segment is complete."""
        write_json(folder / f"{self.index:06d}.json", asdict(self))

    @staticmethod
    def load(path: Path) -> Segment:
        """Read a record back."""
        data = json.loads(path.read_text())
        data["stamps"] = tuple(tuple(stamp) for stamp in data["stamps"])
        return Segment(**data)


def write_json(path: Path, data: Any) -> None:
    """Write a file so that it is either the old or the new one, never half of it, also after a power cut."""
    part = path.with_suffix(path.suffix + ".tmp")
    with part.open("w") as file:
        json.dump(data, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


class Encoder:
    """Encode the frames of one segment into a packet file.

    The encoder counts frames at a constant rate; their real times are kept in the stamps, so that every encoder can
    write every timing exactly.

    Args:
        plan: How.
        path: The packet file to write.
        time_base: Seconds per tick of the timestamps.
        threads: Cores for the encoder; all if 0.
    """

    def __init__(self, plan: Plan, path: Path, time_base: Fraction, threads: int = 0) -> None:
        self._plan = plan
        self._path = path
        self._time_base = time_base
        self._times: list[tuple[int, int]] = []
        self._stamps: list[tuple[int, int, int, bool]] = []
        self._file = av.open(str(path), "w", format="matroska")
        self._open = True
        spec = plan.spec
        self._tick = 1 / spec.rate
        stream: Any = self._file.add_stream(CODECS[plan.codec].encoder, rate=spec.rate, options=dict(plan.options))
        stream.time_base = _CARRIER
        context = stream.codec_context
        context.width, context.height = plan.size
        context.pix_fmt = plan.pix_fmt
        context.time_base = self._tick
        context.sample_aspect_ratio = spec.pixel_aspect
        context.thread_count = threads
        # Left alone, PyAV asks for slices: x264 then keeps fewer cores busy and packs worse.
        context.thread_type = "AUTO"
        self._stream = stream
        self._context = context

    @property
    def frames(self) -> int:
        """How many frames were added."""
        return len(self._times)

    def add(self, frame: Frame) -> None:
        """Encode a frame."""
        native = prepare(frame, self._plan)
        if not self._times:
            set_colour(self._context, colour_of(native))
        native.pts, native.time_base, native.duration = len(self._times), self._tick, 1
        native.pict_type = 0
        self._times.append(
            (
                to_ticks(frame.pts, frame.time_base, self._time_base),
                max(1, to_ticks(frame.duration, frame.time_base, self._time_base)),
            )
        )
        self._mux(self._context.encode(native))

    def finish(self) -> Stamps:
        """Flush the encoder, close the file safely on disk and return the stamps."""
        self._mux(self._context.encode(None))
        self._close()
        with self._path.open("rb") as file:
            os.fsync(file.fileno())
        return tuple(self._stamps)

    def abandon(self) -> None:
        """Close without finishing; the file is worthless."""
        # The disk may be full: what could not be written is thrown away in any case.
        with suppress(av.FFmpegError, OSError):
            self._close()
        self._path.unlink(missing_ok=True)

    def _close(self) -> None:
        if not self._open:  # somebody may interrupt what follows, and give up then
            return
        self._file.close()
        self._open = False
        # File, stream and encoder refer to each other: without this, hundreds of megabytes of an encoder that has done
        # its work stay until Python happens to look for circles.
        del self._context, self._stream, self._file
        gc.collect()

    def _mux(self, packets: list[Any]) -> None:
        for packet in packets:
            pts, duration = self._times[packet.pts]
            decoded = packet.pts if packet.dts is None else packet.dts
            early = min(0, decoded) * max(1, round(self._tick / self._time_base))
            dts = min(pts, self._times[max(0, decoded)][0] + early)
            count = len(self._stamps)
            self._stamps.append((pts, dts, duration, packet.is_keyframe))
            packet.stream = self._stream
            packet.pts = packet.dts = count
            packet.duration = 1
            packet.time_base = _CARRIER
            self._file.mux_one(packet)


def to_ticks(value: int, source: Fraction, target: Fraction) -> int:
    """Convert ticks from one time base to another, rounding to the nearest."""
    return value if source == target else round(value * source / target)


def prepare(frame: Frame, plan: Plan) -> av.VideoFrame:
    """Return the frame in the encoder's pixel format and size; an untouched frame in that format is passed as it is."""
    native = frame.native
    width, height = plan.size
    spec = plan.spec
    fixed = CODECS[plan.codec].colour is not None
    if native is not None and (native.width, native.height) == plan.size and not fixed:
        if native.format.name == plan.pix_fmt:
            return native
        if not spec.alpha and _is_ycc(native.format) and _is_ycc(av.VideoFormat(plan.pix_fmt)):
            return reformat(native, plan.pix_fmt)
    image = frame.image
    if image.shape[2] == 4 and not _has_alpha(plan.pix_fmt):
        image = over_black(image)
    if image.shape[:2] != (height, width):
        bottom, right = height - image.shape[0], width - image.shape[1]
        image = np.pad(image, ((0, bottom), (0, right), (0, 0)), mode="edge")
    return to_native(image, spec, plan.pix_fmt)


def over_black(image: Image) -> Image:
    """Composite a straight-alpha picture over black."""
    white = 255 if image.dtype == np.uint8 else 65535
    flat = image[..., :3] * (image[..., 3:] * np.float32(1 / white))
    return (flat + np.float32(0.5)).astype(image.dtype)


def _is_ycc(format_: av.VideoFormat) -> bool:
    """Whether FFmpeg converts to or from it without changing what colours mean."""
    return len(format_.components) >= 3 and not (format_.is_rgb or format_.has_palette)


def _has_alpha(pix_fmt: str) -> bool:
    return any(component.is_alpha for component in av.VideoFormat(pix_fmt).components)


def packets(segment: Segment, folder: Path) -> Iterator[tuple[Any, Stamp]]:
    """Read a segment's packets back, in decoding order, each with its own stamp.

    Raises:
        MediaError: The file does not hold what its record says.
    """
    with av.open(str(folder / segment.file), format="matroska") as file:
        count = 0
        for packet in file.demux(file.streams.video[0]):
            if not packet.size:
                continue
            if count == len(segment.stamps):
                break
            yield packet, Stamp(*segment.stamps[count])
            count += 1
        if count != len(segment.stamps):
            raise MediaError(
                f"{folder / segment.file} holds {count} packets instead of {len(segment.stamps)}.",
                "Render again with --overwrite.",
            )

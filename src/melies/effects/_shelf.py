"""Frames put aside on disk, so that memory stays flat when an effect needs a whole film again."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any, Final, Literal, cast

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from melies.effects._scratch import Closing, Scratch
from melies.frame import Frame, Image

_CODEC: Final = "ffvhuff"
"""Lossless, each frame by itself, several times faster than FFV1, and it takes nearly every planar format."""


@dataclass(frozen=True, slots=True)
class _Entry:
    offset: int
    room: int
    size: int
    packer: tuple[str, int, int]
    pts: int
    time_base: Fraction
    duration: int
    cut: bool
    tags: tuple[int, int, int, int] | None
    shape: tuple[int, int, int]


class Shelf(Closing):
    """Frames kept in a temporary file, losslessly compressed, and given back in any order.

    A frame that was never converted to RGB is kept as the decoder made it. Use it in a `with` block: the file
    goes when it ends.
    """

    def __init__(self) -> None:
        self._file = Scratch("Frames")
        self._entries: dict[int, _Entry] = {}
        self._free: list[tuple[int, int]] = []
        self._end = 0
        self._count = 0
        self._writers: dict[tuple[str, int, int], Any] = {}
        self._readers: dict[tuple[str, int, int], Any] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, frame: Frame) -> int:
        """Keep a frame; the first gets index 0, the next 1, and so on.

        Raises:
            MediaError: The disk is full.
        """
        native, tags = _native(frame)
        key = native.format.name, native.width, native.height
        if key not in self._writers:
            self._writers[key] = _context("w", *key)
        (packet,) = self._writers[key].encode(native)
        data = bytes(packet)
        shape = (0, 0, 0) if tags else frame.image.shape
        offset, room = self._place(len(data))
        self._file.write(offset, data)
        self._entries[self._count] = _Entry(
            offset, room, len(data), key, frame.pts, frame.time_base, frame.duration, frame.cut, tags,
            cast(tuple[int, int, int], shape),
        )  # fmt: skip
        self._count += 1
        return self._count - 1

    def _place(self, size: int) -> tuple[int, int]:
        """Find room in the file: where a dropped frame lay, else at its end."""
        for number, (offset, room) in enumerate(self._free):
            if room >= size:
                del self._free[number]
                return offset, room
        room = size + size // 8
        self._end += room
        return self._end - room, room

    def drop(self, index: int) -> None:
        """Forget a frame, so that another may take its room."""
        entry = self._entries.pop(index)
        self._free.append((entry.offset, entry.room))

    def __getitem__(self, index: int) -> Frame:
        """Give a frame back as it was put."""
        entry = self._entries[index]
        if entry.packer not in self._readers:
            reader = _context("r", *entry.packer)
            reader.extradata = self._writers[entry.packer].extradata
            self._readers[entry.packer] = reader
        (native,) = self._readers[entry.packer].decode(av.Packet(self._file.read(entry.offset, entry.size)))
        place = entry.pts, entry.time_base, entry.duration
        if entry.tags is None:
            return Frame(_image(native, entry.shape), *place, cut=entry.cut)
        native.color_range, native.colorspace, native.color_primaries, native.color_trc = entry.tags
        return Frame(None, *place, cut=entry.cut, native=native)

    def cut(self, index: int) -> bool:
        """Whether the frame is the first of a shot; nothing is decoded."""
        return self._entries[index].cut

    def close(self) -> None:
        """Delete the file."""
        self._file.close()


class Delay(Closing):
    """A queue of frames: the first in memory, up to `budget` bytes, all others on disk."""

    def __init__(self, budget: int = 96 << 20) -> None:
        self._budget = budget
        self._held = 0
        self._memory: deque[tuple[Frame, int]] = deque()
        self._shelf = Shelf()
        self._shelved: deque[int] = deque()

    def __len__(self) -> int:
        return len(self._memory) + len(self._shelved)

    def push(self, frame: Frame) -> None:
        """Put a frame at the end."""
        size = frame.nbytes
        if self._shelved or self._held + size > self._budget:
            self._shelved.append(self._shelf.put(frame))
        else:
            self._memory.append((frame, size))
            self._held += size

    def pop(self) -> Frame:
        """Take the frame at the front."""
        if self._memory:
            frame, size = self._memory.popleft()
            self._held -= size
            return frame
        index = self._shelved.popleft()
        frame = self._shelf[index]
        self._shelf.drop(index)
        return frame

    def close(self) -> None:
        """Let go of everything."""
        self._memory.clear()
        self._shelf.close()


def _context(mode: Literal["r", "w"], pix_fmt: str, width: int, height: int) -> Any:
    context: Any = av.CodecContext.create(_CODEC, mode)
    context.width, context.height, context.pix_fmt = width, height, pix_fmt
    if mode == "w":
        context.time_base = Fraction(1, 25)
    context.thread_type = "SLICE"  # Threads per frame would hold packets back.
    return context


def _native(frame: Frame) -> tuple[Any, tuple[int, int, int, int] | None]:
    """The frame in a format that the codec takes, and its colour tags where that is the decoder's own."""
    native: Any = frame.native
    if native is not None and native.format.name in _formats():
        tags = native.color_range, native.colorspace, native.color_primaries, native.color_trc
        return native, tags
    image = frame.image
    height, width, channels = image.shape
    # The planes of these formats are only containers: red, green and blue lie in them unchanged.
    name = f"yuv{'a' if channels == 4 else ''}444p{'' if image.dtype == np.uint8 else '16le'}"
    native = av.VideoFrame(width, height, name)
    for plane, values in zip(_planes(native, image.dtype), cv2.split(image), strict=True):
        plane[...] = values
    return native, None


def _image(native: Any, shape: tuple[int, int, int]) -> Image:
    dtype = np.dtype(np.uint16 if native.format.name.endswith("16le") else np.uint8)
    return cast(Image, cv2.merge(_planes(native, dtype)).reshape(shape))


def _planes(native: Any, dtype: np.dtype[Any]) -> list[NDArray[Any]]:
    size = native.height, native.width
    return [np.ndarray(size, dtype, plane, 0, (plane.line_size, dtype.itemsize)) for plane in native.planes]


@cache
def _formats() -> frozenset[str]:
    return frozenset(format_.name for format_ in av.Codec(_CODEC, "w").video_formats or ())

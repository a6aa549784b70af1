"""`slitscan`: every line of the picture shows another moment."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from math import ceil
from typing import Any, Literal, Self, cast

import numpy as np
from pydantic import Field

from melies.effect import Effect
from melies.effects._fields import File
from melies.effects._scratch import Closing, Scratch
from melies.frame import Frame, Image, VideoSpec
from melies.imaging import Float, Plane, blend, join_alpha, read_mask, split_alpha
from melies.motion import Flow, grey, warp

_MEMORY = 256 << 20
"""Bytes of pictures that are kept in memory; more wait on disk."""

_FLOW = 400
"""The longest side, in pixels, of the pictures in which motion is looked for."""

_FASTEST = 240
"""Pictures a second up to which enough of them are asked for before a start in the middle of a shot."""


class Slitscan(Effect):
    """Show every line, or every grey of a map, at another moment: what moves is bent through time."""

    span: float = Field(
        1.0, ge=0, le=30, description="Seconds between the earliest and the latest moment seen; 0 changes nothing."
    )
    direction: Literal["down", "up", "right", "left", "out", "in", "clock"] = Field(
        "down",
        description="Which way moments get earlier: from one side to the other, from the middle outwards, inwards, or "
        "round like the hands of a clock.",
    )
    map: File | None = Field(
        None, description="An image instead of a direction: white shows the latest moment, black the earliest."
    )
    reach: Literal["past", "future", "both"] = Field(
        "past", description="Whether the moments lie before the one shown, after it, or on both sides."
    )
    between: Literal["flow", "mix", "steps"] = Field(
        "flow",
        description="How moments between two pictures look: made along the motion, mixed from both, or as the nearer "
        "of them, so that steps show.",
    )

    @property
    def lead_in(self) -> int:
        """The pictures that are still seen."""
        return ceil(self.span * self._past * _FASTEST) + 1 if self.span else 0

    @property
    def _past(self) -> float:
        """Which share of the span lies before the moment shown."""
        return {"past": 1.0, "both": 0.5, "future": 0.0}[self.reach]

    def live(self) -> Self:
        """A camera knows no future."""
        return self.model_copy(update={"reach": "past"})

    def output(self, spec: VideoSpec) -> VideoSpec:
        """Nothing changes; the map is looked at.

        Raises:
            UseError: It is missing or no image.
        """
        self._ages(spec)
        return spec

    def _ages(self, spec: VideoSpec) -> Float:
        """How early every pixel is seen: `H×W`, 0 the latest, 1 the earliest."""
        if self.map is not None:
            grey = read_mask(self.map, spec.width, spec.height, np.dtype(np.uint16), "--map")
            return 1 - grey.astype(np.float32) / np.float32(65535)
        return _ramp(self.direction, spec.width, spec.height)

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Keep the pictures of the span; before the first and after the last of a shot, these are held."""
        if not self.span:
            yield from frames
            return
        delays = (self._ages(spec) - np.float32(1 - self._past)) * np.float32(self.span * spec.rate)
        waiting: deque[Frame] = deque()
        with _Store() as store:
            scan = _Scan(delays, self.between, store)
            for frame in frames:
                scan.add(frame)
                # Only its place in time has to wait.
                waiting.append(frame.with_image(frame.image[:1, :1].copy()))
                if len(waiting) > scan.future:
                    yield waiting.popleft().with_image(scan.next())
            for place in waiting:
                yield place.with_image(scan.next())


class _Scan:
    """Puts pictures together from lines of others.

    Each pixel is delayed by a number of pictures, whole or not. So it always lies at the same share of the way from one
    picture to the next, and a picture with every pixel at its own share is all that is kept of such a pair. Pixels
    are kept in the order of their delay: those which come from one pair lie together.

    Args:
        delays: `H×W`, by how many pictures each pixel is late; negative if it is early.
        between: How moments between two pictures look.
        store: Where pictures are kept.

    Attributes:
        future: Pictures that must be known after the one made.
    """

    def __init__(self, delays: Float, between: str, store: _Store) -> None:
        if between == "steps":
            delays = np.rint(delays)
        whole = np.ceil(delays)
        self.future = max(0, ceil(-float(delays.min())))
        self._share = whole - delays
        self._search = Flow("medium", _FLOW) if between == "flow" else None
        late = whole.astype(np.int32).ravel()
        order = np.argsort(late, kind="stable")
        self._order = None if np.all(late[1:] >= late[:-1]) else order
        self._back = np.argsort(order, kind="stable")
        groups, starts = np.unique(late[order], return_index=True)
        ends = [*starts[1:], len(late)]
        self._groups = [(int(k), int(a), int(b)) for k, a, b in zip(groups, starts, ends, strict=True)]
        self._store = store
        self._added = self._made = 0
        self._first = self._last = np.zeros((0, 0), np.uint8)
        self._before: Image | None = None

    def add(self, frame: Frame) -> None:
        """Take in the next picture."""
        image = frame.image
        self._last = self._sorted(image)
        if self._before is None:
            self._first = self._last
        else:
            self._store.put(self._added - 1, self._sorted(self._moment(self._before, image)))
        self._before = image
        self._added += 1

    def next(self) -> Image:
        """Make the next picture."""
        assert self._before is not None
        parts = [self._pair(self._made - late, start, end) for late, start, end in self._groups]
        lines = np.concatenate(parts)
        self._store.drop(self._made - self._groups[-1][0])
        self._made += 1
        return (lines if self._order is None else lines.take(self._back, 0)).reshape(self._before.shape)

    def _sorted(self, image: Image) -> Image:
        lines = image.reshape(-1, image.shape[2])
        return lines if self._order is None else lines.take(self._order, 0)

    def _pair(self, number: int, start: int, end: int) -> Image:
        """Return some pixels of the pair that begins with this picture; at the ends of a shot time stands still."""
        if number < 0:
            return self._first[start:end]
        if number >= self._added - 1:
            return self._last[start:end]
        return self._store.part(number, start, end)

    def _moment(self, earlier: Image, later: Image) -> Image:
        """Show every pixel at its share of the way from one picture to the next."""
        if not self._share.any():
            return earlier
        if self._search is not None:
            field = self._search(grey(later), grey(earlier))
            earlier = warp(earlier, field * self._share[..., None])
            later = warp(later, field * (self._share - 1)[..., None])
        return _mixed(later, earlier, self._share)


class _Store(Closing):
    """Numbered pictures of which parts are read: in memory, and on disk where they are many."""

    def __init__(self) -> None:
        self._file = Scratch("Pictures")
        self._memory: dict[int, Image] = {}
        self._disk: dict[int, tuple[int, np.dtype[Any], int]] = {}
        self._free: list[int] = []
        self._held = self._end = 0

    def put(self, number: int, lines: Image) -> None:
        """Keep the pixels of a picture, `N×C`; all have the same size."""
        if self._held + lines.nbytes <= _MEMORY:
            self._memory[number] = lines
            self._held += lines.nbytes
            return
        if not self._free:
            self._free.append(self._end)
            self._end += lines.nbytes
        offset = self._free.pop()
        self._file.write(offset, lines.tobytes())
        self._disk[number] = offset, lines.dtype, lines.shape[1]

    def part(self, number: int, start: int, end: int) -> Image:
        """Return the pixels `start` to `end` of a picture."""
        if number in self._memory:
            return self._memory[number][start:end]
        offset, dtype, channels = self._disk[number]
        size = channels * dtype.itemsize
        data = self._file.read(offset + start * size, (end - start) * size)
        return np.frombuffer(data, dtype).reshape(-1, channels)

    def drop(self, number: int) -> None:
        """Forget a picture, if it is there."""
        if number in self._memory:
            self._held -= self._memory.pop(number).nbytes
        elif number in self._disk:
            self._free.append(self._disk.pop(number)[0])

    def close(self) -> None:
        """Let go of everything."""
        self._memory.clear()
        self._file.close()


def _mixed(later: Image, earlier: Image, share: Float) -> Image:
    """Mix two pictures, colours weighted by alpha."""
    (front, top), (back, bottom) = split_alpha(later), split_alpha(earlier)
    if top is None or bottom is None:
        return blend(front, back, share)
    cover = top * share
    whole = cover + bottom * (1 - share)
    weight = np.divide(cover, whole, out=share.copy(), where=whole > 0)
    return join_alpha(blend(front, back, weight), cast(Plane, np.rint(whole).astype(top.dtype)))


def _ramp(direction: str, width: int, height: int) -> Float:
    """Ages from 0 to 1 in a direction, `H×W`."""
    x, y = np.meshgrid(np.linspace(0, 1, width, dtype=np.float32), np.linspace(0, 1, height, dtype=np.float32))
    match direction:
        case "down":
            return y
        case "up":
            return y[::-1]
        case "right":
            return x
        case "left":
            return x[:, ::-1]
    right, down = (x - 0.5) * width, (y - 0.5) * height
    if direction == "clock":
        return cast(Float, np.arctan2(-right, down) / (2 * np.pi) + 0.5)
    far: Float = np.hypot(right, down)
    far /= max(float(far.max()), 1)
    return far if direction == "out" else 1 - far

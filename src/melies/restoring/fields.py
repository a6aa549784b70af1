"""Interlaced pictures: finding them, making whole pictures of their fields, and undoing 3:2 pulldown."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import cache
from itertools import groupby
from typing import Any, Literal

import av
import cv2
import numpy as np
from av.filter import Graph
from numpy.typing import NDArray

from melies.errors import UseError
from melies.frame import Frame, Image
from melies.media.convert import reformat

Order = Literal["auto", "tff", "bff"]
"""Which field is shown first; `auto` is what the frame itself says."""

Plane = NDArray[Any]

REACH = 12
"""Frames on each side that are looked at to judge one of them."""

_SMALLEST = 3, 4
"""Columns and lines that bwdif needs."""

_TICK = Fraction(1, 25)
_PLANAR = {"nv12": "yuv420p", "nv16": "yuv422p", "yuyv422": "yuv422p", "uyvy422": "yuv422p", "p010le": "yuv420p10le"}


def check_size(width: int, height: int) -> None:
    """Refuse pictures that are too small to be made of fields.

    Raises:
        UseError: They are.
    """
    if width < _SMALLEST[0] or height < _SMALLEST[1]:
        raise UseError(
            f"deinterlace needs pictures of at least {_SMALLEST[0]} columns and {_SMALLEST[1]} lines, "
            f"and these have {width} and {height}.",
            "Leave it out.",
        )


def fields(frames: Iterator[Frame], order: Order, always: bool, each: bool) -> Iterator[Frame]:
    """Make whole pictures of interlaced frames; all others pass untouched.

    Every field's missing lines are made from its neighbours in the picture and in time with bwdif (Bob Weaver, FFmpeg),
    on the planes that the decoder gave.

    Args:
        frames: One shot.
        order: Which field comes first; with `auto`, what the frames say or, if they say nothing, what is seen.
        always: Whether to take every frame for interlaced.
        each: Whether to make a picture of each field, so that there are twice as many; `time_base` halves.
    """
    judged = judge(frames, order, always)
    for first, run in groupby(judged, lambda one: one[1]):
        pictures = (frame for frame, _ in run)
        if first is not None:
            yield from interpolate(pictures, first, each)
        elif each:
            for frame in pictures:
                yield from halves(frame, frame, frame)
        else:
            yield from pictures


def halves(frame: Frame, first: Frame, second: Frame) -> Iterator[Frame]:
    """Show two pictures in the time of one frame, on a clock that ticks twice as fast."""
    for index, picture in enumerate((first, second)):
        pts = 2 * frame.pts + index * frame.duration
        yield picture.at(pts, frame.duration, frame.time_base / 2, cut=frame.cut and not index)


def judge(frames: Iterator[Frame], order: Order, always: bool) -> Iterator[tuple[Frame, Order | None]]:
    """Say of each frame which of its fields comes first, None if it is one whole picture.

    What the decoder flags is believed. Frames without a flag are looked at (FFmpeg's idet), and those around
    them have a say as well.
    """
    waiting: deque[tuple[Frame, str]] = deque()
    seen: deque[str] = deque(maxlen=2 * REACH + 1)

    def verdict(frame: Frame, kind: str) -> Order | None:
        if kind == "flagged":
            return order
        found = majority(seen)
        if found is None and not always:
            return None
        return order if order != "auto" else found or "tff"

    for frame, kind in looks(frames):
        seen.append(kind)
        waiting.append((frame, kind))
        if len(waiting) > REACH:
            frame, kind = waiting.popleft()
            yield frame, verdict(frame, kind)
    for frame, kind in waiting:
        yield frame, verdict(frame, kind)
        if len(seen) > REACH:
            seen.popleft()


def majority(kinds: Iterable[str]) -> Order | None:
    """Return the order of fields that many frames around show, None if they look like whole pictures.

    Telecined film is combed in two frames of five: a quarter of all are enough, if hardly any say the opposite.
    """
    count = Counter(kinds)
    winner: Order = "tff" if count["tff"] >= count["bff"] else "bff"
    clear = count[winner] > 3 * min(count["tff"], count["bff"])
    return winner if clear and 4 * count[winner] >= count.total() else None


def looks(frames: Iterator[Frame]) -> Iterator[tuple[Frame, str]]:
    """Say how each frame looks: `flagged`, `tff`, `bff`, `progressive` or `undetermined`."""
    waiting: deque[Frame] = deque()
    graph: Graph | None = None

    def settle() -> Iterator[tuple[Frame, str]]:
        if graph is not None:
            for seen in _pull(graph):
                yield waiting.popleft(), str(seen.metadata["lavfi.idet.single.current_frame"])

    def end() -> Iterator[tuple[Frame, str]]:
        if graph is not None:
            graph.vpush(None)
            yield from settle()

    for frame in frames:
        if frame.native is not None and frame.native.interlaced_frame:
            yield from end()
            graph = None
            yield frame, "flagged"
            continue
        luma = av.VideoFrame.from_ndarray(np.ascontiguousarray(grey_of(planar(frame))), "gray")
        graph = graph or _graph(luma, ("idet", "half_life=0"))
        waiting.append(frame)
        _push(graph, luma, len(waiting))
        yield from settle()
    yield from end()


def interpolate(frames: Iterator[Frame], order: Order, each: bool) -> Iterator[Frame]:
    """Make a picture of the first field of each frame, or of `each`."""
    waiting: deque[Frame] = deque()
    made: list[av.VideoFrame] = []
    graph: Graph | None = None
    wanted = 2 if each else 1

    def settle(graph: Graph) -> Iterator[Frame]:
        for native in _pull(graph):
            made.append(native)
            if len(made) == wanted:
                frame = waiting.popleft()
                pictures = [rebuilt(frame, native) for native in made]
                made.clear()
                yield from halves(frame, *pictures) if each else pictures

    parity = [] if order == "auto" else [("setfield", order)]
    for index, frame in enumerate(frames):
        native = planar(frame)
        check_size(native.width, native.height)
        if any(plane.width < _SMALLEST[0] or plane.height < _SMALLEST[1] for plane in native.planes):
            # There are enough lines, but too few of its coarser planes of colour.
            frame = frame.with_image(frame.image)
            native = planar(frame)
        mode = "send_field" if each else "send_frame"
        graph = graph or _graph(native, *parity, ("bwdif", f"mode={mode}:deint=all"))
        waiting.append(frame)
        _push(graph, native, index)
        yield from settle(graph)
    if graph is not None:
        graph.vpush(None)
        yield from settle(graph)


def planar(frame: Frame) -> av.VideoFrame:
    """Return the frame as the decoder made it, in planes; of an image, its channels as planes of a 4:4:4 format."""
    native = frame.native
    if native is not None:
        name = _PLANAR.get(native.format.name, native.format.name)
        if name in _formats():
            return native if name == native.format.name else reformat(native, name)
    image = frame.image
    height, width, channels = image.shape
    # The planes of these formats are only containers: red, green and blue lie in them unchanged.
    packed = av.VideoFrame(width, height, f"yuv{'a' * (channels - 3)}444p{'' if image.dtype == np.uint8 else '16le'}")
    for plane, values in zip(planes_of(packed), cv2.split(image), strict=True):
        plane[...] = values
    return packed


def rebuilt(frame: Frame, native: av.VideoFrame) -> Frame:
    """Return a picture that was made of a frame's planes, in the form that the frame had."""
    if frame.native is not None:
        return Frame(None, frame.pts, frame.time_base, frame.duration, cut=frame.cut, native=native)
    image: Image = cv2.merge(planes_of(native))
    return frame.with_image(image)


def planes_of(native: av.VideoFrame) -> list[Plane]:
    """Return views of a planar frame's planes."""
    dtype = np.dtype(np.uint8 if native.format.components[0].bits <= 8 else np.uint16)
    planes: Any = native.planes
    return [np.ndarray((p.height, p.width), dtype, p, 0, (p.line_size, dtype.itemsize)) for p in planes]


def grey_of(native: av.VideoFrame) -> NDArray[np.uint8]:
    """Return the first plane in 8 bits: luma, or red."""
    plane = planes_of(native)[0]
    bits = native.format.components[0].bits
    return plane if bits <= 8 else (plane >> (bits - 8)).astype(np.uint8)


def _graph(like: av.VideoFrame, *filters: tuple[str, str]) -> Graph:
    graph = Graph()
    graph.threads = 1
    source = graph.add_buffer(width=like.width, height=like.height, format=like.format, time_base=_TICK)
    nodes = [source, *(graph.add(name, options) for name, options in filters), graph.add("buffersink")]
    graph.link_nodes(*nodes).configure()
    return graph


def _push(graph: Graph, native: av.VideoFrame, index: int) -> None:
    native.pts, native.time_base = index, _TICK
    graph.vpush(native)


def _pull(graph: Graph) -> Iterator[av.VideoFrame]:
    while True:
        try:
            yield graph.vpull()
        except (av.BlockingIOError, av.EOFError):
            return


@cache
def _formats() -> frozenset[str]:
    """Planar formats that FFmpeg's filters for fields take as they are."""
    plain = {f"yuv{alpha}{sub}p" for sub in ("420", "422", "444") for alpha in ("", "a")}
    deep = {f"{name}{bits}le" for name in plain for bits in (10, 12, 16) if (bits, "a" in name) != (12, True)}
    return frozenset(plain | deep | {f"yuvj{sub}p" for sub in ("420", "422", "444")} | {"yuv411p", "yuv410p", "gray"})

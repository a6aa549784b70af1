"""GIF, animated WebP and APNG, made from lossless segments: a GIF's palette is chosen from all of its frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av

from melies.imaging import resize
from melies.media.convert import reformat, to_image, to_native
from melies.media.encode import Segment, packets
from melies.media.output import CODECS, FFV1, Plan

_TICK = {"gif": Fraction(1, 100), "webp": Fraction(1, 1000), "apng": Fraction(1, 1000)}

_LEAST = {"gif": 2, "webp": 1, "apng": 1}
"""Ticks that a picture lasts at least: players show a GIF's for ten where it says one."""


def lossless(plan: Plan) -> Plan:
    """Return the plan for the segments that an animation is made from."""
    deep, alpha = plan.spec.depth > 8 and plan.codec == "apng", plan.spec.alpha
    return replace(
        plan,
        codec="ffv1",
        pix_fmt=CODECS["ffv1"].formats[(alpha, deep)],
        options=FFV1,
    )


def write_animation(
    plan: Plan,
    target: Path,
    segments: Sequence[Segment],
    folder: Path,
    loop: int,
    advance: Callable[[int], None] = lambda frames: None,
) -> None:
    """Encode the segments' frames as one animation.

    Args:
        plan: How the animation is written.
        target: The file to write.
        segments: Lossless, in order.
        folder: Where they lie.
        loop: How often it plays; 0 is for ever.
        advance: Called with the number of pictures written since the last call.
    """
    frames = _shaped(plan, _frames(segments, folder))
    tick = _TICK[plan.codec]
    if plan.codec == "gif":
        frames = _paletted(plan, _shaped(plan, _frames(segments, folder)), frames)
    # A GIF counts plays after the first; -1 there means once. The others count plays.
    times = {"gif": -1 if loop == 1 else max(0, loop - 1), "webp": loop, "apng": loop}[plan.codec]
    muxing = {"loop" if plan.codec != "apng" else "plays": str(times)}
    least, last = _LEAST[plan.codec], round(_end(segments) / tick)
    with av.open(str(target), "w", format=plan.container.muxer, options=muxing) as out:
        stream: Any = out.add_stream(CODECS[plan.codec].encoder, rate=plan.spec.rate, options=dict(plan.options))
        stream.width, stream.height = plan.size
        stream.pix_fmt = "pal8" if plan.codec == "gif" else plan.pix_fmt
        stream.codec_context.time_base = stream.time_base = tick
        stream.sample_aspect_ratio = plan.spec.pixel_aspect
        for frame, following in _pairs(_stamped(frames, tick, least, last), last):
            frame.duration = max(least, following - frame.pts)
            for packet in stream.encode(frame):
                packet.duration = packet.duration or frame.duration
                out.mux(packet)
            advance(1)
        out.mux(stream.encode(None))


def _end(segments: Sequence[Segment]) -> Fraction:
    last = segments[-1]
    pts, _, duration, _ = max(last.stamps)
    return (pts + duration) * Fraction(last.time_base)


def _frames(segments: Sequence[Segment], folder: Path) -> Iterator[Any]:
    for segment in segments:
        base = Fraction(segment.time_base)
        for packet, stamp in packets(segment, folder):
            for frame in packet.decode():
                frame.pts, frame.time_base = stamp.pts, base
                yield frame


def _shaped(plan: Plan, frames: Iterator[Any]) -> Iterator[Any]:
    """Bring frames to the plan's size and pixel format, and leave out those that come too fast for its rate."""
    due = Fraction(0)
    for frame in frames:
        pts, base = frame.pts, frame.time_base
        if plan.squeezed:
            if pts * base < due - Fraction(1, 1000):
                continue
            due = max(due, pts * base - 1 / plan.spec.rate) + 1 / plan.spec.rate
            frame = to_native(resize(to_image(frame), *plan.size), plan.spec, plan.pix_fmt)
        else:
            frame = reformat(frame, plan.pix_fmt)
        frame.pts, frame.time_base = pts, base
        yield frame


def _stamped(frames: Iterator[Any], tick: Fraction, least: int, end: int) -> Iterator[Any]:
    """Put frames on the format's coarse clock; one that leaves the frame before or itself too little is left out."""
    free = 0
    for frame in frames:
        pts = round(frame.pts * frame.time_base / tick)
        if free and not free <= pts <= end - least:
            continue
        frame.pts, frame.time_base = pts, tick
        free = pts + least
        yield frame


def _pairs(frames: Iterator[Any], end: int) -> Iterator[tuple[Any, int]]:
    """Each frame with the tick at which the next one appears."""
    held: Any = None
    for frame in frames:
        if held is not None:
            yield held, frame.pts
        held = frame
    if held is not None:
        yield held, end


def _graph(plan: Plan, *inputs: tuple[int, int, str]) -> tuple[Any, list[Any]]:
    graph = av.filter.Graph()
    buffers = [
        graph.add_buffer(width=w, height=h, format=av.VideoFormat(f), time_base=Fraction(1, 1000)) for w, h, f in inputs
    ]
    return graph, buffers


def _paletted(plan: Plan, first: Iterator[Any], second: Iterator[Any]) -> Iterator[Any]:
    """Choose the colours from all frames, then map every frame to them with ordered dithering, which lies still."""
    width, height = plan.size
    graph, (source,) = _graph(plan, (width, height, plan.pix_fmt))
    settings = f"stats_mode=diff:reserve_transparent={int(plan.spec.alpha)}:max_colors={plan.colours}"
    chooser = graph.add("palettegen", settings)
    sink = graph.add("buffersink")
    source.link_to(chooser)
    chooser.link_to(sink)
    graph.configure()
    for index, frame in enumerate(first):
        frame.pts, frame.time_base = index, Fraction(1, 1000)
        source.push(frame)
    source.push(None)
    palette = sink.pull()

    graph, (source, colours) = _graph(plan, (width, height, plan.pix_fmt), (16, 16, palette.format.name))
    mapper = graph.add("paletteuse", "dither=bayer:bayer_scale=3:diff_mode=rectangle")
    sink = graph.add("buffersink")
    source.link_to(mapper, 0, 0)
    colours.link_to(mapper, 0, 1)
    mapper.link_to(sink)
    graph.configure()
    palette.pts, palette.time_base = 0, Fraction(1, 1000)
    colours.push(palette)
    colours.push(None)
    times: deque[tuple[int, Fraction]] = deque()
    for index, frame in enumerate(chain(second, [None])):
        if frame is not None:
            times.append((frame.pts, frame.time_base))
            frame.pts, frame.time_base = index, Fraction(1, 1000)
        source.push(frame)
        for mapped in _drain(sink):
            mapped.pts, mapped.time_base = times.popleft()
            yield mapped


def _drain(sink: Any) -> Iterator[Any]:
    while True:
        try:
            yield sink.pull()
        except (av.BlockingIOError, av.EOFError):
            return

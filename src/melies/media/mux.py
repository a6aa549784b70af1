"""Putting the finished file together: encoded pictures, copied or encoded sound, subtitles, chapters, metadata."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import av

from melies.frame import Sound
from melies.media.encode import Segment, packets
from melies.media.matroska import note_shape
from melies.media.output import Container, Plan
from melies.media.probe import open_container
from melies.media.sound import read_sound
from melies.provenance import Provenance

log = logging.getLogger("melies")

Timed = tuple[Fraction, Any]
"""A packet ready to be written, with the time by which packets of several streams are interleaved."""


@dataclass(frozen=True)
class Extras:
    """What goes into a film beside its pictures.

    Attributes:
        path: The source file that sound, subtitles, chapters and metadata come from; None if there is none.
        origin: Time in the source, in seconds, that is the result's zero.
        length: Seconds of the source that are used; None for all of it.
        sound: Whether to keep the sound.
        tracks: Sound made or changed by effects, one function per track giving its blocks; None to copy packets.
        others: Whether those are other tracks than the source's, and so not called like them.
        keep_timed: Whether subtitles and chapters still fit the pictures' times.
        tell: Whether to warn of tracks that are encoded anew or left out.
        provenance: What is said about what a machine made in it.
    """

    path: Path | None = None
    origin: Fraction = Fraction(0)
    length: Fraction | None = None
    sound: bool = True
    tracks: Sequence[Callable[[], Iterator[Sound]]] | None = None
    others: bool = False
    keep_timed: bool = True
    tell: bool = True
    provenance: Provenance | None = None


def write_film(
    plan: Plan,
    target: Path,
    segments: Sequence[Segment],
    folder: Path,
    extras: Extras,
    advance: Callable[[int], None] = lambda frames: None,
) -> None:
    """Write the final file from its segments.

    Args:
        plan: How the film is written.
        target: The file to write.
        segments: In order.
        folder: Where the segments' packets lie.
        extras: Sound and the rest.
        advance: Called with the number of pictures written since the last call.
    """
    flags = {"movflags": "+faststart"} if plan.container.muxer in ("mp4", "mov") else {}
    source = open_container(extras.path) if extras.path else None
    try:
        with av.open(str(target), "w", format=plan.container.muxer, options=flags) as out:
            feeds: list[Iterator[Timed]] = []
            if segments:
                feeds.append(_pictures(out, plan, segments, folder, source, advance))
            if source is not None:
                _describe(out, source, extras)
            if extras.provenance is not None:
                _say(out, extras.provenance.text)
                if plan.container.muxer in ("matroska", "webm"):
                    out.metadata.update(extras.provenance.tags)
            feeds += _companions(out, plan.container, source, extras)
            out.start_encoding()
            for _, packet in heapq.merge(*feeds, key=lambda timed: timed[0]):
                out.mux_one(packet)
    finally:
        if source is not None:
            source.close()
    if segments and plan.spec.pixel_aspect != 1 and plan.container.muxer in ("matroska", "webm"):
        note_shape(target, plan.size, plan.spec.pixel_aspect)


def _pictures(
    out: Any,
    plan: Plan,
    segments: Sequence[Segment],
    folder: Path,
    source: Any,
    advance: Callable[[int], None],
) -> Iterator[Timed]:
    time_base = Fraction(segments[0].time_base)
    with av.open(str(folder / segments[0].file), format="matroska") as first:
        template = first.streams.video[0]
        stream = out.add_stream_from_template(template, opaque=True)
    stream.time_base = time_base
    stream.codec_context.framerate = plan.spec.rate
    stream.codec_context.sample_aspect_ratio = plan.spec.pixel_aspect
    if plan.codec == "h265" and plan.container.muxer in ("mp4", "mov"):
        stream.codec_tag = "hvc1"
    if source is not None and source.streams.video:
        stream.metadata.update(_kept(source.streams.video[0].metadata))
    if plan.pix_fmt.startswith("yuva") and plan.container.muxer in ("webm", "matroska"):
        stream.metadata["alpha_mode"] = "1"

    def feed() -> Iterator[Timed]:
        last = None
        for segment in segments:
            base = Fraction(segment.time_base)
            for packet, stamp in packets(segment, folder):
                dts = stamp.dts if last is None else max(stamp.dts, last + 1)
                last = dts
                packet.stream = stream
                packet.time_base = base
                packet.pts, packet.dts, packet.duration = max(stamp.pts, dts), dts, stamp.duration
                yield dts * base, packet
                advance(1)

    return feed()


_MUXER_TAGS = {
    "encoder", "vendor_id", "major_brand", "minor_version", "compatible_brands",
    "duration", "number_of_bytes", "number_of_frames", "bps", "alpha_mode",
    "_statistics_tags", "_statistics_writing_app", "_statistics_writing_date_utc",
}  # fmt: skip


_HANDLERS = {"SoundHandler", "VideoHandler", "SubtitleHandler", "DataHandler", "TimeCodeHandler"}
"""Names of tracks that say nothing."""


def _kept(metadata: dict[str, str]) -> dict[str, str]:
    """Leave out what the old file's muxer said about itself; a track's name in MP4 is its title elsewhere."""
    kept = {k: v for k, v in metadata.items() if k.lower().split("-")[0] not in _MUXER_TAGS}
    name = kept.pop("handler_name", None)
    return kept if name is None or name in _HANDLERS else {"title": name, **kept}


def _describe(out: Any, source: Any, extras: Extras) -> None:
    out.metadata.update(_kept(source.metadata))
    if extras.keep_timed:
        out.set_chapters(list(_chapters(source.chapters(), extras)))


def _say(out: Any, sentence: str) -> None:
    """Add a sentence to the comment that a source may have brought along, unless it is there already."""
    key = next((key for key in out.metadata if key.lower() == "comment"), "comment")
    said = out.metadata.get(key, "")
    if sentence not in said:
        out.metadata[key] = f"{said} {sentence}".lstrip()


def _chapters(chapters: Sequence[Any], extras: Extras) -> Iterator[dict[str, Any]]:
    for number, chapter in enumerate(chapters):
        base = chapter["time_base"]
        start = max(Fraction(0), chapter["start"] * base - extras.origin)
        end = chapter["end"] * base - extras.origin
        end = end if extras.length is None else min(end, extras.length)
        if end > start:
            yield {
                "id": number,
                "time_base": Fraction(1, 1000),
                "start": round(start * 1000),
                "end": round(end * 1000),
                "metadata": dict(chapter["metadata"]),
            }


def _companions(out: Any, container: Container, source: Any, extras: Extras) -> list[Iterator[Timed]]:
    """Feeds for sound and subtitles; those that are copied share one pass over the source."""
    feeds: list[Iterator[Timed]] = []
    if source is None:
        return [_encoded(out, container, track, None) for track in extras.tracks or () if extras.sound]
    assert extras.path is not None
    copied: dict[int, Any] = {}
    encoded: dict[int, Any] = {}
    if extras.sound and container.sound:
        own = [] if extras.others else source.streams.audio
        for number, stream in enumerate(own):
            if extras.tracks is not None:
                feeds.append(_encoded(out, container, extras.tracks[number], stream))
            elif container.sound == ("*",) or _codec(stream) in container.sound:
                copied[stream.index] = _template(out, stream)
            else:
                if extras.tell:
                    log.warning(
                        "Sound track %d is %s, which this kind of file does not take: encoded as %s.",
                        number + 1,
                        _codec(stream),
                        container.sound_encoder,
                    )
                decoded = partial(read_sound, extras.path, extras.origin, extras.length, number)
                feeds.append(_encoded(out, container, decoded, stream))
        brought = (extras.tracks or [])[len(own) :]
        feeds += [_encoded(out, container, track, None) for track in brought]
    if extras.keep_timed:
        for stream in source.streams.subtitles:
            if _codec(stream) in container.subtitles:
                copied[stream.index] = _template(out, stream)
            elif container.subtitle_encoder and _codec(stream) in _TEXT:
                encoded[stream.index] = _subtitle_encoder(out, container, stream)
            elif extras.tell:
                log.warning(
                    "Subtitle track %s cannot go into this kind of file and is left out.",
                    stream.codec_context.name,
                )
    if copied or encoded:
        feeds.append(_copies(source, copied, encoded, extras, container))
    return feeds


def _codec(stream: Any) -> str:
    """FFmpeg's name of the format, whatever decoder it uses."""
    return str(stream.codec_context.codec.canonical_name)


def _template(out: Any, stream: Any) -> Any:
    made = out.add_stream_from_template(stream, opaque=True)
    _dress(made, stream)
    return made


def _dress(made: Any, stream: Any) -> None:
    made.metadata.update(_kept(stream.metadata))
    title = made.metadata.get("title")
    if title and made.container.format.name in ("mp4", "mov"):
        made.metadata["handler_name"] = title  # what players show as a track's name there
    made.disposition = stream.disposition


_TEXT = {"subrip", "ass", "webvtt", "mov_text", "text"}


def _copies(
    source: Any, copied: dict[int, Any], encoded: dict[int, Any], extras: Extras, container: Container
) -> Iterator[Timed]:
    """Copy packets, shifted to the result's zero; whole packets are kept or left out.

    MP4 and QuickTime can begin inside a packet (their edit lists say where), others begin with the next one.
    """
    trimmed = bool(extras.origin) or extras.length is not None
    edits = container.muxer in ("mp4", "mov")
    for packet in source.demux([source.streams[index] for index in (*copied, *encoded)]):
        if packet.pts is None or not packet.size:
            continue
        base = packet.time_base
        begin = packet.pts * base - extras.origin
        end = begin + (packet.duration or 0) * base
        index = packet.stream_index
        subtitle = index in encoded or copied[index].type == "subtitle"
        if trimmed:
            if (end if edits or subtitle else begin) < 0 or (end <= 0 and begin < 0):
                continue
            if extras.length is not None and begin >= extras.length:
                continue
        if subtitle:
            stop = end if extras.length is None else min(end, extras.length)
            begin, end = max(begin, Fraction(0)), stop
            packet.duration = round((end - begin) / base)
        packet.pts = round(begin / base)
        packet.dts = packet.pts if packet.dts is None or subtitle else packet.dts - round(extras.origin / base)
        if index in encoded:
            yield from encoded[index](packet, begin, end)
        else:
            packet.stream = copied[index]
            yield begin, packet


def _subtitle_encoder(out: Any, container: Container, stream: Any) -> Callable[..., Iterator[Timed]]:
    """Turn text subtitles from one format into another."""
    from av.subtitles.subtitle import SubtitleSet

    log.warning(
        "Subtitles are %s, which this kind of file does not take: written as %s.",
        _codec(stream),
        container.subtitle_encoder,
    )
    made = out.add_stream(container.subtitle_encoder)
    stream.codec_context.open(strict=False)
    made.codec_context.subtitle_header = stream.codec_context.subtitle_header or _ASS_HEADER
    made.time_base = made.codec_context.time_base = Fraction(1, 1000)
    _dress(made, stream)

    def encode(packet: Any, begin: Fraction, end: Fraction) -> Iterator[Timed]:
        for shown in packet.decode():
            text = shown.ass if isinstance(shown.ass, bytes) else str(shown.ass).encode()
            length = round((end - begin) * 1000)
            made_packet = made.codec_context.encode_subtitle(SubtitleSet.create(text, 0, length, 0))
            made_packet.stream = made
            made_packet.time_base = Fraction(1, 1000)
            made_packet.pts = made_packet.dts = round(begin * 1000)
            made_packet.duration = length
            yield begin, made_packet

    return encode


_ASS_HEADER = b"""[Script Info]
ScriptType: v4.00+
PlayResX: 384
PlayResY: 288

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
"""What text subtitles look like when they say nothing themselves: FFmpeg's own default."""


def _encoded(out: Any, container: Container, blocks: Callable[[], Iterator[Sound]], like: Any) -> Iterator[Timed]:
    """Encode blocks of sound into a new stream."""
    feed = blocks()
    first = next(feed, None)
    if first is None:
        return iter(())
    channels = first.samples.shape[1]
    rate = first.rate if container.sound_encoder != "libopus" else 48000
    layout = _LAYOUTS.get(channels, "stereo")
    stream = out.add_stream(container.sound_encoder, rate=rate, layout=layout)
    if container.sound_encoder in ("aac", "libopus"):
        stream.codec_context.bit_rate = 96_000 * min(channels, 8)
    if like is not None:
        _dress(stream, like)

    def run() -> Iterator[Timed]:
        resampler = av.AudioResampler(
            format=stream.codec_context.format.name, layout=layout, rate=rate, frame_size=_frame_size(stream)
        )
        for block in chain([first], feed):
            if not len(block.samples):
                continue
            frame = av.AudioFrame.from_ndarray(block.samples.T.copy(), "fltp", _layout_name(block.samples.shape[1]))
            frame.sample_rate = block.rate
            frame.pts = block.start
            frame.time_base = Fraction(1, block.rate)
            for piece in resampler.resample(frame):
                yield from _timed(stream.encode(piece))
        for piece in resampler.resample(None):
            yield from _timed(stream.encode(piece))
        yield from _timed(stream.encode(None))

    return run()


_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
"""FFmpeg's names of how channels are arranged, by their number."""


def _layout_name(channels: int) -> str:
    return _LAYOUTS.get(channels, f"{channels}c")


def _frame_size(stream: Any) -> int:
    stream.codec_context.open(strict=False)
    return int(stream.codec_context.frame_size or 1024)


def _timed(made: Sequence[Any]) -> Iterator[Timed]:
    for packet in made:
        yield (packet.dts or 0) * packet.time_base, packet


def write_sound(plan: Plan, target: Path, tracks: Sequence[Callable[[], Iterator[Sound]]]) -> None:
    """Write sound alone, such as a wav file."""
    with av.open(str(target), "w", format=plan.container.muxer) as out:
        feeds = [_encoded(out, plan.container, track, None) for track in tracks[:1]]
        out.start_encoding()
        for _, packet in heapq.merge(*feeds, key=lambda timed: timed[0]):
            out.mux_one(packet)

"""Taking a shot out of its film without encoding it again, where that gives exactly its frames."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

import melies
from melies.errors import MeliesError
from melies.footage.shot import Shot
from melies.media.probe import opened, probe

_MUXERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
_BEHIND = 2
"""Seconds by which pictures may be stored behind the sound that is heard with them."""


@dataclass(frozen=True)
class Packets:
    """A film's pictures as they are stored, in decoding order; nothing is decoded to know them.

    Attributes:
        times: When each is shown, in ticks.
        shown: The same in the order in which they are shown.
        keys: Whether it can be decoded without those before.
        tick: Seconds.
    """

    times: tuple[int, ...]
    shown: tuple[int, ...]
    keys: tuple[bool, ...]
    tick: Fraction

    def stretch(self, shot: Shot) -> range | None:
        """Return those that hold a shot's frames and no others, and need none before; None if there are no such."""
        last = shot.first + shot.frames
        if last > len(self.shown) or not self._is_at(self.shown[shot.first] - self.shown[0], shot):
            return None
        first = self.times.index(self.shown[shot.first])
        found = range(first, first + shot.frames)
        if not self.keys[first] or tuple(sorted(self.times[first : found.stop])) != self.shown[shot.first : last]:
            return None
        return found

    def _is_at(self, ticks: int, shot: Shot) -> bool:
        """Whether a picture is the first of a shot; containers round times."""
        return 2 * abs(ticks * self.tick - shot.start) * shot.rate < 1

    def decoded(self, some: range) -> list[int]:
        """When pictures are decoded, in ticks: in even steps, none after it is shown; not every container says it."""
        times = self.times[some.start : some.stop]
        late = max(shown - time for shown, time in zip(sorted(times), times, strict=True))
        return [shown - late for shown in sorted(times)]


def packets(film: Path) -> Packets | None:
    """Look through a film's packets; None if its pictures cannot be copied: they are turned, or some are hidden."""
    video = probe(film).video
    if video is None or film.suffix.lower() not in _MUXERS or video.rotation:
        return None
    times, keys = [], []
    with opened(film) as container:
        stream = container.streams.video[0]
        for packet in container.demux(stream):
            if not packet.size:
                continue
            if packet.pts is None or packet.is_discard or packet.is_corrupt:
                return None
            times.append(packet.pts)
            keys.append(packet.is_keyframe)
        tick = Fraction(stream.time_base or 0)
    if len(set(times)) < len(times):
        return None
    return Packets(tuple(times), tuple(sorted(times)), tuple(keys), tick)


def copy(shot: Shot, known: Packets, target: Path) -> bool:
    """Write a shot as a film of its own, with its sound to the packet of some 20 ms, and look whether it is whole.

    Args:
        shot: What is wanted.
        known: The packets of its film.
        target: Ends as the film does.

    Returns:
        Whether it is there; if not, nothing was written.
    """
    wanted = known.stretch(shot)
    if wanted is None or target.suffix.lower() != shot.file.suffix.lower():
        return False
    part = target.with_name(f"{target.name}.part")
    try:
        _write(shot, known, wanted, part)
        whole = sum(1 for _ in melies.open(part, max_errors=0).frames()) == shot.frames
        if whole:
            part.replace(target)
    except (av.FFmpegError, MeliesError):
        # The container does not take it, or it cannot be read back.
        return False
    finally:
        part.unlink(missing_ok=True)
    return whole


def _write(shot: Shot, known: Packets, wanted: range, target: Path) -> None:
    begin = known.times[wanted.start]
    zero = begin * known.tick
    end = zero + shot.end - shot.start
    with opened(shot.file) as film, av.open(str(target), "w", format=_MUXERS[shot.file.suffix.lower()]) as out:
        video = film.streams.video[0]
        made = {stream.index: out.add_stream_from_template(stream) for stream in (video, *film.streams.audio)}
        film.seek(begin, stream=video)
        decoded = iter(known.decoded(wanted))
        started = False
        for packet in film.demux(video, *film.streams.audio):
            time = _time(packet)
            if time is None:
                continue
            if packet.stream_index == video.index:
                started = started or packet.pts == begin
                packet.dts = next(decoded, None) if started else None
                if packet.dts is None:
                    continue
            elif time > end + _BEHIND:
                break
            elif not zero <= time < end:
                continue
            shift = round(zero / packet.time_base)
            packet.pts = round(time / packet.time_base) - shift
            packet.dts = packet.pts if packet.dts is None else packet.dts - shift
            packet.stream = made[packet.stream_index]
            out.mux_one(packet)


def _time(packet: Any) -> Fraction | None:
    """When a packet is heard or seen, in seconds; None of what is empty."""
    return packet.pts * packet.time_base if packet.size and packet.pts is not None else None

"""Where a reader's frames come from: a container, a sequence of pictures, an animated WebP."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
from av.stream import Discard

from melies.errors import MediaError, UseError
from melies.media.probe import MediaInfo, alpha_decoder, describe, opened
from melies.media.sound import SEEKS
from melies.media.stills import WebP, pictures_info, still, webp_frames, webp_info

log = logging.getLogger("melies")


@dataclass(frozen=True, slots=True)
class Shown:
    """A decoded picture and its time in the container, in ticks; a duration of 0 is unknown."""

    native: av.VideoFrame
    pts: int
    duration: int


class Source(Protocol):
    """What a reader needs of a place that frames come from."""

    info: MediaInfo
    files: list[Path]
    time_base: Fraction
    start: Fraction
    """Seconds: the container time that is the file's beginning."""
    each_turns: bool
    """Whether each picture says by itself how it is turned."""

    def decode(self, since: int | None) -> Generator[Shown]:
        """Pictures with growing pts, from somewhere at or before `since` (from the first if None)."""
        ...


class Troubles:
    """Counts broken frames once each, however many passes meet them, and stops when there are too many."""

    def __init__(self, name: str, limit: int) -> None:
        self._name = name
        self._limit = limit
        self._seen: set[object] = set()
        self._said: set[str] = set()

    @property
    def count(self) -> int:
        """How many so far."""
        return len(self._seen)

    def broken(self, key: object, time: Fraction | None = None) -> None:
        """Note a broken frame.

        Raises:
            MediaError: It is one too many.
        """
        if key in self._seen:
            return
        self._seen.add(key)
        where = "" if time is None else f" near {float(time):.3f} s"
        log.warning("%s: a broken frame%s is skipped.", self._name, where)
        self._check()

    def missing(self, frames: int) -> None:
        """Note that a file ends that many frames before it should.

        Raises:
            MediaError: They are too many.
        """
        if frames > 0 and ("missing", 0) not in self._seen:
            self._seen.update(("missing", number) for number in range(frames))
            log.warning("%s is cut short: its last %d frames are missing.", self._name, frames)
        self._check()

    def _check(self) -> None:
        if len(self._seen) > self._limit:
            raise MediaError(
                f"{self._name} has {len(self._seen)} broken or missing frames, and {self._limit} are tolerated.",
                "Repair the file, or raise --max-errors.",
            )

    def say_once(self, sentence: str) -> None:
        """Warn, but only the first time."""
        if sentence not in self._said:
            self._said.add(sentence)
            log.warning("%s", sentence)


class Film:
    """The first stream of pictures in a container.

    Raises:
        UseError: The container holds none that can be decoded.
    """

    each_turns = False

    def __init__(self, path: str | Path, troubles: Troubles) -> None:
        self.files = [Path(path)]
        self._troubles = troubles
        with opened(path) as container:
            self.info = describe(path, container)
            video = self.info.video
            if video is None:
                kinds = {stream.type for stream in self.info.streams}
                held = "sound" if "audio" in kinds else "something"
                raise UseError(f"{path} holds {held}, but no film or picture.")
            self._index = video.index
            self.time_base = video.time_base
            self._seeks = container.format.name in SEEKS
            self._lost = _lost_frames(container.streams[self._index], self.info.size)
        self._step = max(1, round(1 / (video.rate * self.time_base)))
        own = video.start if video.start is not None else self.info.start
        # Codecs that need a run-up make the sound begin before zero; that part is never heard.
        self.start = Fraction(0) if self.info.start < 0 <= own else self.info.start

    def decode(self, since: int | None) -> Generator[Shown]:
        """Pictures from a key frame at or before `since`, exactly as a pass from the start would give them."""
        reach = 0
        while since is not None and self._seeks and (since - reach) * self.time_base > self.start:
            floor = since - reach
            passed = self._pass(floor)
            try:
                first = next(passed, None)
                if first is not None:
                    yield first
                    yield from passed
                    return
            finally:
                passed.close()
            reach = 2 * reach + max(1, round(5 / self.time_base))
        yield from self._pass(None)

    def _pass(self, target: int | None) -> Generator[Shown]:
        """One pass over the file. Yields nothing if a seek to `target` does not land on a sound key frame."""
        with opened(self.files[0]) as container:
            stream: Any = container.streams[self._index]
            for other in container.streams:
                if other.index != self._index:
                    other.discard = Discard.all
            floor = None if target is None else _seek(container, stream, target)
            if target is not None and floor is None:
                return
            decoder = alpha_decoder(stream) or stream.codec_context
            decoder.thread_type = "AUTO"
            last: int | None = None
            shift = 0
            for frame in self._frames(container, stream, decoder, floor):
                pts = frame.pts if frame.pts is not None else self._next(last, shift)
                pts += shift
                if floor is not None and last is None:
                    if pts < floor:
                        continue
                    if pts > floor:
                        return
                if last is not None and pts <= last:
                    if (last - pts) * self.time_base < 1:
                        continue  # the same moment twice: the first picture stays
                    shift += last + self._step - pts
                    pts = last + self._step
                last = pts
                yield Shown(frame, pts, frame.duration or 0)
        self._troubles.missing(self._lost)

    def _next(self, last: int | None, shift: int) -> int:
        """The pts of a frame that has none."""
        return round(self.start / self.time_base) if last is None else last + self._step - shift

    def _frames(self, container: Any, stream: Any, decoder: Any, floor: int | None) -> Iterator[av.VideoFrame]:
        """Decoded frames that are whole; broken ones are noted."""
        for packet in self._packets(container, stream):
            if packet is not None and self._beyond(packet):
                continue
            try:
                frames = decoder.decode(packet)
            except av.FFmpegError:
                time = None if packet is None or packet.pts is None else packet.pts * self.time_base
                key = "end" if packet is None else packet.dts if packet.dts is not None else packet.pos
                self._troubles.broken(("packet", key), None if time is None else time - self.start)
                continue
            for frame in frames:
                if not frame.is_corrupt:
                    yield frame
                elif floor is None or frame.pts is None or frame.pts >= floor:
                    time = None if frame.pts is None else frame.pts * self.time_base - self.start
                    self._troubles.broken(("frame", frame.pts), time)

    def _packets(self, container: Any, stream: Any) -> Iterator[Any]:
        """Packets of the stream, and None at the end."""
        while True:
            try:
                for packet in container.demux(stream):
                    if packet.size:
                        yield packet
                yield None
                return
            except av.FFmpegError:
                if self._lost:
                    yield None
                    return
                self._troubles.broken(("read", self._troubles.count))

    def _beyond(self, packet: Any) -> bool:
        """Whether a packet reaches behind the end of a file that was cut short."""
        if not self._lost:
            return False
        return bool(packet.is_corrupt or (packet.pos is not None and packet.pos + packet.size > self.info.size))


def _seek(container: Any, stream: Any, target: int) -> int | None:
    """Go to a key frame at or before `target` and return its pts; None where that cannot be trusted."""
    try:
        container.seek(target, stream=stream)
        packet = next((packet for packet in container.demux(stream) if packet.size), None)
        if packet is None or not packet.is_keyframe or packet.pts is None or packet.pts > target:
            return None
        container.seek(target, stream=stream)
    except av.FFmpegError:
        return None
    return int(packet.pts)


def _lost_frames(stream: Any, size: int) -> int:
    """How many frames the index places behind the end of the file."""
    lost = 0
    entries = stream.index_entries
    for number in range(len(entries) - 1, -1, -1):
        entry = entries[number]
        if entry.size <= 0 or entry.pos + entry.size <= size:
            break
        lost += not entry.is_discard
    return lost


class Pictures:
    """A sequence of picture files, one frame each."""

    each_turns = True
    start = Fraction(0)

    def __init__(self, path: str | Path, files: list[Path], rate: Fraction | None, troubles: Troubles) -> None:
        self.info = pictures_info(path, files, rate)
        self.files = files
        video = self.info.video
        assert video is not None
        self.time_base = video.time_base
        self._troubles = troubles

    def decode(self, since: int | None) -> Generator[Shown]:
        """One picture a tick."""
        for number in range(min(max(0, since or 0), len(self.files)), len(self.files)):
            try:
                native = still(self.files[number])
            except UseError:
                native = None
            if native is None:
                self._troubles.broken(self.files[number], number * self.time_base)
            else:
                yield Shown(native, number, 1)


class WebPAnimation:
    """The frames of an animated WebP, which FFmpeg cannot decode."""

    each_turns = False
    start = Fraction(0)

    def __init__(self, file: Path, outline: WebP) -> None:
        info = webp_info(file)
        assert info is not None
        self.info = info
        self.files = [file]
        self.time_base = Fraction(1, 1000)
        self._outline = outline

    def decode(self, since: int | None) -> Generator[Shown]:
        """Composed canvases with their own delays."""
        times, total = [], 0
        for delay in self._outline.delays:
            times.append(total)
            total += delay
        first = max((number for number, time in enumerate(times) if time <= (since or 0)), default=0)
        moments = zip(times[first:], self._outline.delays[first:], strict=True)
        images = webp_frames(self.files[0], self._outline, first)
        for native, (pts, delay) in zip(images, moments, strict=False):
            yield Shown(native, pts, delay)

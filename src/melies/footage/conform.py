"""A cut made again from its originals: a timeline as a source of frames and sound, which the engine renders."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from melies.clip import Clip
from melies.effects._sound import BLOCK, Samples, resample, to_channels
from melies.engine.pipeline import close
from melies.errors import UseError
from melies.footage.timeline import Cut, Timeline
from melies.frame import Frame, Image, Sound, VideoSpec
from melies.imaging import fill, fitted, over, place, resize, to_depth
from melies.matting.scale import cv
from melies.media.probe import AudioInfo, probe
from melies.media.reader import Reader
from melies.media.sound import read_sound
from melies.times import first_frame

log = logging.getLogger("melies")

_CROSS = Fraction(1, 200)
"""Seconds in which sound goes over from one cut to the next, so that nothing clicks."""
_UNDER = 0.35
"""How loud music is while a cut is heard, -9 dB; alone it is as loud as it was recorded."""
_RAMP = 0.3
"""Seconds in which music makes room or comes back."""


def conform(timeline: Timeline, width: int | None = None, height: int | None = None) -> Clip:
    """Return a timeline as a clip; nothing is decoded before that is saved or iterated.

    Args:
        timeline: What to play.
        width: Pixels; that of the first source, or what suits the height.
        height: Pixels.

    Raises:
        UseError: There is nothing on it, or a source cannot be read.
    """
    return Clip(Conformed(timeline, width, height))


def with_handles(timeline: Timeline, handles: Fraction) -> Timeline:
    """Return every cut longer by `handles` seconds at both ends where its source has them; dissolves become cuts."""
    cuts = []
    for cut in timeline.cuts:
        if cut.source is None:
            continue
        begin, end = cut.available or (cut.start, cut.end)
        start = max(min(begin, cut.start), cut.start - handles)
        cuts.append(replace(cut, start=start, end=min(max(end, cut.end), cut.end + handles), dissolve=Fraction(0)))
    return replace(timeline, cuts=tuple(cuts), music=None, markers=())


class Conformed:
    """The frames and the sound of a timeline (see `melies.clip.Source`).

    Attributes:
        spec: Constant rate, the size and colour of the first source.
        files: All sources and the music.
        tracks: 1 if anything is heard, else 0.
        native_format: Pixel format of the sources where all have the same; such frames are never converted.
        trim: What it is, for recognising the same work again.
    """

    def __init__(self, timeline: Timeline, width: int | None = None, height: int | None = None) -> None:
        if not timeline.sources:
            raise UseError("There is no film on the timeline.")
        self._readers = {path: Reader(path, start=Fraction(0)) for path in timeline.sources}
        self._timeline = replace(timeline, cuts=tuple(map(self._heard, timeline.cuts)))
        self._tick = 1 / timeline.rate
        first = self._readers[timeline.sources[0]]
        self.tracks = int(timeline.music is not None or any(cut.sound for cut in self._timeline.cuts))
        self.spec = _sized(first.spec, width, height).replace(
            rate=timeline.rate,
            time_base=self._tick,
            variable=False,
            alpha=False,
            frames=timeline.frames,
            sound=self.tracks > 0,
        )
        self.files = [*timeline.sources, *([timeline.music] if timeline.music else [])]
        self.trim = timeline, width, height
        formats = {reader.native_format for reader in self._readers.values() if self._fits(reader)}
        alike = len(formats) == 1 and all(map(self._fits, self._readers.values()))
        self.native_format = formats.pop() if alike else ""
        self._warn()

    @property
    def errors(self) -> int:
        """How many broken frames were skipped so far."""
        return sum(reader.errors for reader in self._readers.values())

    def _heard(self, cut: Cut) -> Cut:
        return replace(cut, sound=cut.sound and cut.source is not None and self._readers[cut.source].tracks > 0)

    def _fits(self, reader: Reader) -> bool:
        """Whether a source's frames can be passed on as they are decoded."""
        spec = reader.spec
        ours, theirs = (
            (one.width, one.height, one.pixel_aspect, one.depth, one.colour, one.alpha) for one in (self.spec, spec)
        )
        return ours == theirs and bool(reader.native_format)

    def _warn(self) -> None:
        cuts = self._timeline.cuts
        for number, cut in enumerate(cuts):
            if cut.source is None:
                continue
            following = cuts[number + 1].dissolve if number + 1 < len(cuts) else 0
            spec = self._readers[cut.source].spec
            length = None if spec.frames is None else spec.frames / spec.rate
            if length is not None and cut.end + following > length + 2 / spec.rate:
                short = float(cut.end + following - length)
                log.warning("%s ends %.2f s too early: its last picture stands still.", cut.source, short)

    # pictures

    def frames(self, since: Fraction = Fraction(0), lead_in: int = 0) -> Iterator[Frame]:
        """Yield the timeline's frames from `since` on, in seconds, and up to `lead_in` before it."""
        begin = first_frame(since, self._timeline.rate, lead_in)
        for number, (first, stop) in enumerate(self._timeline.places):
            if stop > max(begin, first):
                yield from self._play(number, max(begin, first))

    def _play(self, number: int, begin: int) -> Iterator[Frame]:
        """The frames of a cut from frame `begin` of the timeline on."""
        cuts, (first, stop) = self._timeline.cuts, self._timeline.places[number]
        cut = cuts[number]
        melts = round(cut.dissolve * self._timeline.rate)
        before = cuts[number - 1] if number else None
        with ExitStack() as opened:
            shown = opened.enter_context(closing(self._strip(cut, cut.start + (begin - first) * self._tick)))
            under = None
            if begin < first + melts:
                # What was there plays on under the dissolve.
                since = (Fraction(0) if before is None else before.end) + (begin - first) * self._tick
                under = opened.enter_context(closing(self._strip(before, since)))
            for index in range(begin, stop):
                frame = next(shown)
                if under is not None and index < first + melts:
                    share = (index - first + 0.5) / melts
                    image = cv.addWeighted(frame.image, share, next(under).image, 1 - share, 0)
                    frame = Frame(image, 0, self._tick, 1)
                yield frame.at(index, 1, self._tick, cut=index == first)

    def _strip(self, cut: Cut | None, since: Fraction) -> Generator[Frame]:
        """What a cut shows at `since` and at every tick after it, without end."""
        if cut is None or cut.source is None:
            black = Frame(np.zeros(self.spec.shape, self.spec.dtype), 0, self._tick, 1)
            while True:
                yield black
        reader = self._readers[cut.source]
        # Containers round times: a moment a little later than the beginning of a frame surely lies in it.
        time = since + 1 / (4 * max(reader.spec.rate, self._timeline.rate))
        frames = reader.frames(since, lead_in=1)
        try:
            ahead = next(frames, None)
            shown: Frame | None = None
            ready: Frame | None = None
            while True:
                # Before the first picture and after the last, those stand still.
                while ahead is not None and (shown is None or ahead.pts * ahead.time_base <= time):
                    shown, ahead = ahead, next(frames, None)
                    ready = None
                if shown is None:
                    raise UseError(f"{cut.source} has no picture at {float(since):.3f} s.")
                if ready is None:
                    ready = shown if self._fits(reader) else shown.with_image(self._fitted(shown.image, reader.spec))
                yield ready
                time += self._tick
        finally:
            close(frames)

    def _fitted(self, image: Image, spec: VideoSpec) -> Image:
        """Bring a picture to our size, with bars, and to our depth."""
        if image.shape[2] == 4:
            image = over(image, fill(image.shape[1], image.shape[0], (0, 0, 0, 255), image, alpha=False))
        image = to_depth(image, self.spec.dtype)
        if image.shape == self.spec.shape and spec.pixel_aspect == self.spec.pixel_aspect:
            return image
        aspect = spec.pixel_aspect / self.spec.pixel_aspect
        wide, high = image.shape[1] * aspect.numerator, image.shape[0] * aspect.denominator
        size = fitted(wide, high, self.spec.width, self.spec.height, "contain")
        left, top = (self.spec.width - size[0]) // 2, (self.spec.height - size[1]) // 2
        return place(resize(image, *size), self.spec.width, self.spec.height, left, top)

    # sound

    def sound(self, track: int = 0) -> Iterator[Sound]:
        """Yield the sound of all cuts in step with the picture, and the music under it."""
        rate, channels = self._sounds_like()
        music = self._music(rate, channels)
        tail = np.zeros((0, channels), np.float32)
        level = 1.0
        cuts, places = self._timeline.cuts, self._timeline.places
        ends = [round(stop / self._timeline.rate * rate) for _, stop in places]
        for number, (cut, begin, end) in enumerate(zip(cuts, [0, *ends], ends, strict=False)):
            following = cuts[number + 1] if number + 1 < len(cuts) else None
            with closing(self._feed(cut, rate, channels, following)) as feed:
                wanted = _UNDER if cut.sound else 1.0
                for at in range(begin, end, BLOCK):
                    count = min(BLOCK, end - at)
                    samples = feed.take(count)
                    _cross(tail, samples, at - begin)
                    if music is not None:
                        room = np.interp(np.arange(at - begin, at - begin + count), [0, _RAMP * rate], [level, wanted])
                        samples += music.take(count) * room.astype(np.float32)[:, None]
                    yield Sound(samples, rate, at)
                tail = feed.take(round(_overlap(following) * rate))
            if end - begin >= _RAMP * rate:
                level = wanted
        if music is not None:
            music.close()

    def _sounds_like(self) -> tuple[int, int]:
        """The sample rate of the first film that is heard, and the most channels of any."""
        paths = [cut.source for cut in self._timeline.cuts if cut.sound and cut.source is not None]
        infos = [self._readers[path].info for path in dict.fromkeys(paths)]
        if self._timeline.music is not None:
            infos.append(probe(self._timeline.music))
        tracks = [next((one for one in info.streams if isinstance(one, AudioInfo)), None) for info in infos]
        known = [one for one in tracks if one is not None]
        if not known:
            raise UseError(f"{self._timeline.music} holds no sound.")
        return known[0].sample_rate, max(one.channels for one in known)

    def _feed(self, cut: Cut, rate: int, channels: int, following: Cut | None) -> _Feed:
        if cut.source is None or not cut.sound:
            return _Feed(iter(()), channels)
        reader = self._readers[cut.source]
        length = cut.length + _overlap(following) + self._tick
        return _Feed(_samples(cut.source, reader.origin + cut.start, length, rate, channels), channels)

    def _music(self, rate: int, channels: int) -> _Feed | None:
        path, start = self._timeline.music, self._timeline.music_start
        if path is None:
            return None
        late = np.zeros((max(0, round(-start * rate)), channels), np.float32)
        length = self._timeline.frames / self._timeline.rate
        samples = _samples(path, _zero(path) + max(start, Fraction(0)), length, rate, channels)
        return _Feed(samples, channels, late)


def _sized(spec: VideoSpec, width: int | None, height: int | None) -> VideoSpec:
    """The spec at another size: the side that is not given suits the other."""
    if width is None and height is None:
        return spec
    aspect = spec.width * spec.pixel_aspect / spec.height
    if width is None:
        assert height is not None
        width = max(2, 2 * round(height * aspect / 2))
    if height is None:
        height = max(2, 2 * round(width / aspect / 2))
    return spec.replace(width=width, height=height, pixel_aspect=Fraction(1))


def _overlap(following: Cut | None) -> Fraction:
    """Seconds for which a cut's sound goes on under the next one."""
    return Fraction(0) if following is None else min(max(following.dissolve, _CROSS), following.length)


def _zero(path: Path) -> Fraction:
    """Where a sound file's first sample lies in its container."""
    return probe(path).start


def _samples(path: Path, origin: Fraction, length: Fraction, rate: int, channels: int) -> Iterator[Samples]:
    blocks = read_sound(path, origin, length)
    first = next(blocks, None)
    if first is None:
        return
    yield from resample(_laid(first, blocks, channels), first.rate, rate)


def _laid(first: Sound, blocks: Iterator[Sound], channels: int) -> Iterator[Samples]:
    yield to_channels(first.samples, channels)
    for block in blocks:
        yield to_channels(block.samples, channels)


def _cross(tail: Samples, samples: Samples, at: int) -> None:
    """Let what came before fade out while `samples`, which begin `at` into the cut, fade in."""
    count = min(len(samples), len(tail) - at)
    if count > 0:
        gain = ((np.arange(at, at + count) + 0.5) / len(tail)).astype(np.float32)[:, None]
        samples[:count] = samples[:count] * gain + tail[at : at + count] * (1 - gain)


class _Feed:
    """Samples taken in any number; silence when there are no more."""

    def __init__(self, parts: Iterator[Samples], channels: int, held: Samples | None = None) -> None:
        self._parts = parts
        self._held = np.zeros((0, channels), np.float32) if held is None else held

    def take(self, count: int) -> Samples:
        """Return the next `count` samples, in an array of their own."""
        taken = np.zeros((count, self._held.shape[1]), np.float32)
        filled = 0
        while filled < count:
            if not len(self._held):
                part = next(self._parts, None)
                if part is None:
                    break
                self._held = part
            size = min(count - filled, len(self._held))
            taken[filled : filled + size] = self._held[:size]
            self._held = self._held[size:]
            filled += size
        return taken

    def close(self) -> None:
        """Close the file that is read."""
        close(self._parts)

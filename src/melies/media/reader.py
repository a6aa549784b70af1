"""`Reader`: frames and sound of a film, an animation, a still or a folder of pictures, with their own times."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from fractions import Fraction
from itertools import chain
from math import ceil, lcm
from pathlib import Path

import av
import cv2
import numpy as np

from melies.errors import UseError
from melies.frame import Frame, Image, Sound, VideoSpec
from melies.media.convert import bits_and_alpha, reformat, to_image
from melies.media.probe import (
    MediaInfo,
    display_matrix,
    local_file,
    open_container,
    orientation,
    stream_colour,
)
from melies.media.sound import read_sound
from melies.media.sources import Film, Pictures, Shown, Source, Troubles, WebPAnimation
from melies.media.stills import find_pictures, read_webp, stays_opaque

__all__ = ["Reader", "open_container", "read_sound"]


_ROUNDED = Fraction(1, 1000)
"""What Matroska rounds times to."""
_HALF = Fraction(6, 10)
"""How far rounding moves a time, in ticks, with some room for those who do not round to the nearest."""


class Reader:
    """Reads a film, an animation, a still or a sequence of pictures; every call of `frames` decodes anew.

    Clip time zero is the container's start, or the first frame at or after `start`.

    Args:
        path: A media file, a folder of pictures, a `%04d` pattern or a glob.
        start: Begin with the first frame at or after this time, in seconds from the file's start.
        end: End before the first frame at or after this time.
        rate: Frames per second of a sequence of pictures; 25 by default.
        max_errors: How many broken frames may be skipped.

    Attributes:
        path: As given.
        info: What the file holds.
        spec: What `frames` yields: upright, trimmed.
        origin: Time in the container, in seconds, that is clip time zero.
        late: Seconds from the file's start to clip time zero.
        end: Time in the container where the clip ends; None for the file's own end.
        length: Seconds from `origin` to `end`; None for all there is.
        native_format: Pixel format of the frames as decoded; empty when they come as images.

    Raises:
        UseError: The file is missing, not a film, must not be opened, or the trim leaves nothing.
        MediaError: More than `max_errors` frames are broken before the first good one.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        start: Fraction | None = None,
        end: Fraction | None = None,
        rate: Fraction | None = None,
        max_errors: int = 10,
    ) -> None:
        self.path = Path(path)
        self.trim = (start, end, rate)
        self.max_errors = max_errors
        self._troubles = Troubles(str(path), max_errors)
        self._source = _source(path, rate, self._troubles)
        self.info: MediaInfo = self._source.info
        self._base = self._source.time_base
        # Containers round their start to microseconds; ticks of the film are exact.
        zero = round(self._source.start / self._base) * self._base
        self._end = None if end is None else ceil((zero + end) / self._base)
        self.end = None if end is None else zero + end
        first = self._first(start, end, zero)
        self._zero = first.pts if start is not None else round(zero / self._base)
        self.origin = self._zero * self._base
        self.late = self.origin - zero
        self._clock = self._fine_clock()
        # The time from which frames are counted is rounded itself, where it is not the file's start.
        self._rounding = _HALF if self._pictures == self._source.start else 2 * _HALF
        self.length = None if self.end is None else self.end - self.origin
        self._describe(first.native)

    @property
    def errors(self) -> int:
        """How many broken frames have been met so far, over all passes."""
        return self._troubles.count

    @property
    def files(self) -> list[Path]:
        """The files that are read: one, or every picture of a sequence."""
        return list(self._source.files)

    @property
    def tracks(self) -> int:
        """How many sound tracks the file has."""
        return sum(stream.type == "audio" for stream in self.info.streams)

    @property
    def timed_text(self) -> bool:
        """Whether the file has subtitles or chapters."""
        return bool(self.info.chapters) or any(stream.type == "subtitle" for stream in self.info.streams)

    def _first(self, start: Fraction | None, end: Fraction | None, zero: Fraction) -> Shown:
        if start is not None and start < 0:
            raise UseError(f"The start {float(start):g} s lies before the film.", "Use 0 or more.")
        if end is not None and end <= (start or 0):
            raise UseError(f"The end {float(end):g} s is not after the start {float(start or 0):g} s.")
        begin = ceil((zero + (start or 0)) / self._base)
        self._begin = begin if start is not None else None
        raw = self._source.decode(begin if start is not None else None)
        try:
            for shown in raw:
                if start is not None and shown.pts < begin:
                    continue
                if self._end is not None and shown.pts >= self._end:
                    break
                return shown
        finally:
            raw.close()
        if not start and end is None:
            raise UseError(f"{self.path} has no frame that can be decoded.")
        length = self.info.duration
        known = f", which is {float(length):.3f} s long," if length is not None else ""
        raise UseError(f"No frame of {self.path}{known} lies between the chosen start and end.")

    def _describe(self, native: av.VideoFrame) -> None:
        """Work out the spec from the first frame: it is what decoders really deliver."""
        video = self.info.video
        assert video is not None
        file = self._source.files[0]
        self._format = "rgb24" if stays_opaque(file, native) else native.format.name
        self._size = native.width, native.height
        self._turn = orientation(display_matrix(native))
        self.native_format = "" if self._turn != (0, False) else self._format
        depth, alpha = bits_and_alpha(self._format)
        width, height = self._size
        aspect = video.pixel_aspect
        if self._turn[0] % 180:
            width, height = height, width
        self.spec = VideoSpec(
            width=width,
            height=height,
            rate=video.rate,
            time_base=self._clock,
            variable=video.variable,
            depth=depth,
            alpha=alpha,
            colour=stream_colour(native, self._format),
            pixel_aspect=aspect,
            frames=self._expected(),
            sound=self.tracks > 0,
        )

    def _fine_clock(self) -> Fraction:
        """A clock that holds the container's ticks and, of a constant rate, the exact times as well."""
        video = self.info.video
        assert video is not None
        if video.variable or self._base != _ROUNDED or "matroska" not in self.info.container:
            return self._base
        return Fraction(1, lcm(_ROUNDED.denominator, video.rate.numerator))

    def _time(self, ticks: int) -> Fraction:
        """Seconds in the container: Matroska's rounding to milliseconds is undone where the rate is constant."""
        time = ticks * self._base
        if self._clock == self._base:
            return time
        assert self.info.video is not None
        rate, start = self.info.video.rate, self._pictures
        exact = start + round((time - start) * rate) / rate
        return exact if abs(exact - time) <= _ROUNDED * self._rounding else time

    @property
    def _pictures(self) -> Fraction:
        """Seconds in the container at which its pictures begin: sound may begin before them."""
        video = self.info.video
        assert video is not None
        return self._source.start if video.start is None else video.start

    def _expected(self) -> int | None:
        video, whole = self.info.video, self.info.duration
        assert video is not None
        length = video.duration
        if length is None and whole is not None:
            length = whole - (self._pictures - self.info.start)
        total = video.frames or (None if length is None else round(length * video.rate))
        if total is None or (self._begin is None and self._end is None):
            return total
        length = length or total / video.rate
        last = self._pictures + length
        stop = last if self.end is None else min(last, self.end)
        return max(1, min(total, round((stop - max(self.origin, self._pictures)) * total / length)))

    def frames(self, since: Fraction = Fraction(0), lead_in: int = 0) -> Iterator[Frame]:
        """Decode frames in order of time.

        What is yielded does not depend on where decoding begins: pixels, pts and durations are those of a full
        pass. Closing the iterator closes the file.

        Args:
            since: Clip time, in seconds, of the first frame; later frames follow.
            lead_in: How many frames before `since` to yield as well, where there are so many.

        Yields:
            Frames with pts from clip time zero on, in ticks of `spec.time_base`.

        Raises:
            MediaError: More than `max_errors` frames are broken.
        """
        shown = self._window(since, lead_in)
        try:
            current = next(shown, None)
            while current is not None:
                following = next(shown, None)
                yield self._frame(current, following)
                if following is None or self._past(following.pts):
                    return
                current = following
        finally:
            shown.close()

    def sound(self, track: int = 0) -> Iterator[Sound]:
        """Decode a sound track in blocks, in clip time: gaps filled with silence, trimmed to the sample."""
        if track >= self.tracks:
            return iter(())
        return read_sound(self.path, self.origin, self.length, track)

    def _past(self, pts: int) -> bool:
        return self._end is not None and pts >= self._end

    def _window(self, since: Fraction, lead_in: int) -> Generator[Shown]:
        """Raw frames from `lead_in` before `since`, to one beyond the end of the clip."""
        rounding = self._rounding if self._clock != self._base else 0
        target = ceil(self._zero + since / self._base - rounding)
        if self._begin is not None:
            target = max(target, self._begin)
        first = target == self._begin if self._begin is not None else since <= 0
        if first:
            yield from self._from(self._begin)
            return
        step = max(1, round(1 / (self.spec.rate * self._base)))
        reach = step * lead_in * 3 // 2
        while True:
            back: int | None = target - reach
            earliest = self._begin if self._begin is not None else ceil(self._source.start / self._base)
            if back is not None and back <= earliest:
                back = self._begin
            before: deque[Shown] = deque(maxlen=lead_in)
            raw = self._from(back)
            try:
                after = None
                for after in raw:
                    if after.pts >= target:
                        break
                    before.append(after)
                    after = None
                enough = len(before) >= lead_in or back == self._begin
                if enough:
                    yield from before
                    if after is not None:
                        yield from chain([after], raw)
                    return
            finally:
                raw.close()
            reach = 2 * reach + step

    def _from(self, pts: int | None) -> Generator[Shown]:
        """Raw frames with a pts of at least `pts`; all of them if None."""
        raw = self._source.decode(pts)
        try:
            for shown in raw:
                if pts is None or shown.pts >= pts:
                    yield shown
        finally:
            raw.close()

    def _frame(self, shown: Shown, following: Shown | None) -> Frame:
        begin = self._time(shown.pts)
        if following is not None:
            length = self._time(following.pts) - begin
        else:
            length = shown.duration * self._base if shown.duration else 1 / self.spec.rate
            if self._clock != self._base and abs(length - 1 / self.spec.rate) <= 2 * _ROUNDED:
                length = 1 / self.spec.rate
        if self._end is not None and self.spec.variable:
            length = min(length, self._end * self._base - begin)
        pts = round((begin - self._time(self._zero)) / self._clock)
        duration = max(1, round(length / self._clock))
        native = self._uniform(shown.native)
        turn = orientation(display_matrix(native)) if self._source.each_turns else self._turn
        size = shown.native.width, shown.native.height
        size = size[::-1] if turn[0] % 180 else size
        scaled = None if size == (self.spec.width, self.spec.height) else size
        if turn == (0, False):
            return Frame(None, pts, self._clock, duration, native=native, scaled=scaled)
        return Frame(self._fitted(upright(to_image(native), turn)), pts, self._clock, duration, scaled=scaled)

    def _uniform(self, native: av.VideoFrame) -> av.VideoFrame:
        """A frame of the size and format of the first one."""
        size = native.width, native.height
        if size == self._size and native.format.name == self._format:
            return native
        if size != self._size and not (self._source.each_turns and size == self._size[::-1]):
            self._troubles.say_once(
                f"{self.path} changes size from {self._size[0]}x{self._size[1]} to {size[0]}x{size[1]}: "
                "its frames are scaled to the first size."
            )
            size = self._size
        return reformat(native, self._format, width=size[0], height=size[1], interpolation="BICUBIC")

    def _fitted(self, image: Image) -> Image:
        height, width = image.shape[:2]
        if (width, height) == (self.spec.width, self.spec.height):
            return image
        resized: Image = cv2.resize(image, (self.spec.width, self.spec.height), interpolation=cv2.INTER_AREA)
        return resized


def upright(image: Image, turn: tuple[int, bool]) -> Image:
    """Flip left to right if asked, then turn clockwise by 0, 90, 180 or 270 degrees."""
    degrees, mirrored = turn
    if mirrored:
        image = cv2.flip(image, 1)
    return np.ascontiguousarray(np.rot90(image, -degrees // 90))


def _source(path: str | Path, rate: Fraction | None, troubles: Troubles) -> Source:
    files = find_pictures(path)
    if files is not None:
        return Pictures(path, files, rate, troubles)
    if rate is not None:
        raise UseError(
            f"{path} has its own frame rate; a rate can only be given for a folder of pictures.",
            "Write at another rate with --fps, or use the effect speed.",
        )
    file = local_file(path)
    outline = read_webp(file)
    if outline is not None and outline.animated:
        return WebPAnimation(file, outline)
    return Film(path, troubles)

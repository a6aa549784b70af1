"""Put other clips before and after this one."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

import numpy as np
from pydantic import Field

from melies.effect import Effect, Scope
from melies.effects._fields import File
from melies.effects._shelf import Delay
from melies.effects._sound import Samples, length, placed, resample, to_channels
from melies.frame import Frame, Image, Sound, VideoSpec
from melies.imaging import Fit, Plane, blend, fill, fit, join_alpha, over, split_alpha, to_depth, white_of

if TYPE_CHECKING:
    from melies.media.reader import Reader

T = TypeVar("T")

_FINEST = 10**8
"""Ticks per second at most; where clips have no common tick that is longer, times are rounded to this one."""


class Concat(Effect):
    """Put other clips before and after this one, fitted to its size; every frame keeps its own length."""

    scope: ClassVar[Scope] = "video"
    retimes: ClassVar[bool] = True

    before: list[File] = Field(default=[], description="Films or pictures to play before this clip, in this order.")
    after: list[File] = Field(default=[], description="Films or pictures to play after this clip, in this order.")
    fit: Fit = Field(
        "contain",
        description="How files of another shape are fitted: contain leaves bars, cover crops, stretch distorts.",
    )
    dissolve: float = Field(
        0.0, ge=0, le=60, description="Seconds for which each clip melts into the next; 0 cuts from one to the other."
    )

    @property
    def touches_sound(self) -> bool:
        """The files' sound is joined to this clip's."""
        return bool(self.before or self.after)

    def output(self, spec: VideoSpec) -> VideoSpec:
        """The clip's own size and depth, with ticks that suit every file.

        Raises:
            UseError: A file is missing or holds no picture.
        """
        if not (self.before or self.after):
            return spec
        every = self._around(spec, lambda path: _open(path).spec)
        same = all(one.rate == spec.rate and not one.variable for one in every)
        overlap = self._overlap(spec)
        frames, seconds = _total(every, overlap)
        # How many frames of a variable rate a dissolve hides cannot be told beforehand.
        countable = seconds > 0 and not (overlap and any(one.variable for one in every))
        return spec.replace(
            time_base=_common_tick([one.time_base for one in every]),
            variable=not same,
            rate=spec.rate if same or not seconds else (frames / seconds).limit_denominator(100_000),
            frames=int(frames) if countable else None,
            sound=any(one.sound for one in every),
        )

    def _overlap(self, spec: VideoSpec) -> Fraction:
        """Seconds of a dissolve: whole frames of this clip, so that clips of its rate keep it."""
        return round(Fraction(self.dissolve) * spec.rate) / spec.rate

    def _around(self, own: T, other: Callable[[Path], T]) -> list[T]:
        """What `other` makes of every file, with this clip's own in its place."""
        return [*map(other, self.before), own, *map(other, self.after)]

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Play one after the other; a dissolve holds back its own length."""
        if not (self.before or self.after):
            yield from frames
            return
        tick = self.output(spec).time_base
        ticks = round(self._overlap(spec) / tick)
        first, *others = self._around(frames, lambda path: self._read(path, spec))
        joined = _retimed(first, tick)
        for clip in others:
            joined = _join(joined, _retimed(clip, tick), ticks)
        with closing(joined):
            yield from joined

    def _read(self, path: Path, spec: VideoSpec) -> Iterator[Frame]:
        """Frames of a file, brought to the clip's size, depth and channels, with its cuts marked."""
        from melies.engine.shots import mark_shots

        for frame in mark_shots(_open(path).frames()):
            yield frame.with_image(_like(frame.image, spec, self.fit))

    def sound(self, blocks: Iterator[Sound], spec: VideoSpec) -> Iterator[Sound]:
        """Join the sound in step with the picture: silence where a clip has none, one rate and channel count."""
        own = _Opened(blocks, length(spec))
        opened = self._around(own, _opened)
        model = own.first or next((one.first for one in opened if one.first), None)
        if model is None:
            return
        rate, channels = model.rate, model.samples.shape[1]
        joined: Iterator[Samples] = iter(())
        before = Fraction(0)
        for one in opened:
            overlap = min(self._overlap(spec), before)
            joined = _cross(joined, one.samples(rate, channels), round(overlap * rate))
            before += (one.seconds or 0) - overlap
        at = 0
        for part in joined:
            yield Sound(part, rate, at)
            at += len(part)


def _open(path: Path) -> Reader:
    from melies.media.reader import Reader

    return Reader(path)


def _opened(path: Path) -> _Opened:
    reader = _open(path)
    return _Opened(reader.sound(), length(reader.spec))


def _total(specs: list[VideoSpec], dissolve: Fraction) -> tuple[Fraction, Fraction]:
    """Frames and seconds of clips that overlap by `dissolve`; zeros where a length is unknown."""
    frames, seconds = Fraction(0), Fraction(0)
    for spec in specs:
        own = length(spec)
        if own is None:
            return Fraction(0), Fraction(0)
        overlap = min(dissolve, seconds, own)
        frames += math.ceil((own - overlap) * spec.rate)  # one that is half hidden still counts
        seconds += own - overlap
    return frames, seconds


def _common_tick(ticks: list[Fraction]) -> Fraction:
    """The longest tick of which all others are multiples."""
    common = Fraction(math.gcd(*(tick.numerator for tick in ticks)), math.lcm(*(tick.denominator for tick in ticks)))
    return max(common, Fraction(1, _FINEST))


def _retimed(frames: Iterator[Frame], tick: Fraction) -> Generator[Frame]:
    """Count time in other ticks."""
    for frame in frames:
        begin = round(frame.pts * frame.time_base / tick)
        end = round((frame.pts + frame.duration) * frame.time_base / tick)
        yield frame.at(begin, end - begin, tick)


def _like(image: Image, spec: VideoSpec, mode: Fit) -> Image:
    """Bring a picture of another file to the size, depth and channels of a clip."""
    if image.shape[2] == 4 and not spec.alpha:
        image = over(image, fill(image.shape[1], image.shape[0], (0, 0, 0, 255), image, alpha=False))
    if image.shape[2] == 3 and spec.alpha:
        image = join_alpha(image, np.full(image.shape[:2], white_of(image), image.dtype))
    return to_depth(fit(image, spec.width, spec.height, mode), spec.dtype)


def _join(first: Iterator[Frame], second: Iterator[Frame], ticks: int) -> Generator[Frame]:
    """Play `second` after `first`, melting one into the other over `ticks`."""
    end = 0
    ends: deque[int] = deque()
    with Delay() as held, closing(_Lookahead(second)) as following:
        for frame in first:
            held.push(frame)
            end = frame.pts + frame.duration
            ends.append(end)
            while ends and ends[0] + ticks <= end:
                ends.popleft()
                yield held.pop()
        start = max(0, end - ticks)
        while len(held):
            frame = held.pop()
            middle = frame.pts + Fraction(frame.duration, 2) - start
            other = following.at(frame.pts - start)
            yield frame if other is None or middle <= 0 else _dissolved(frame, other, float(middle / (end - start)))
        cut = True
        for frame in following.rest():
            begin, stop = max(frame.pts + start, end), frame.pts + frame.duration + start
            if stop > begin:
                yield frame.at(begin, stop - begin, cut=cut or frame.cut)
                cut = False


def _dissolved(frame: Frame, other: Frame, share: float) -> Frame:
    """Mix `share` of another frame's picture into a frame."""
    (front, above), (back, below) = split_alpha(other.image), split_alpha(frame.image)
    weight = np.full(front.shape[:2], share, np.float32)
    if above is None or below is None:
        return frame.with_image(blend(front, back, weight))
    # Colours count by how opaque they are, or what is transparent would shine through.
    near, far = above * np.float32(share), below * np.float32(1 - share)
    whole = near + far
    colours = blend(front, back, np.divide(near, whole, out=weight, where=whole > 0))
    return frame.with_image(join_alpha(colours, cast(Plane, np.rint(whole).astype(above.dtype))))


class _Lookahead:
    """Frames of which one is shown and the next is known."""

    def __init__(self, frames: Iterator[Frame]) -> None:
        self._frames = frames
        self._shown: Frame | None = None
        self._next: Frame | None = None
        self._begun = False

    def at(self, pts: int) -> Frame | None:
        """The frame shown at `pts`, which never goes back; None if there are no frames."""
        self._begin()
        while self._next is not None and self._next.pts <= pts:
            self._shown, self._next = self._next, next(self._frames, None)
        return self._shown

    def rest(self) -> Iterator[Frame]:
        """The frame shown and all after it."""
        self._begin()
        if self._shown is not None:
            yield self._shown
        if self._next is not None:
            yield self._next
        yield from self._frames

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._shown, self._next = next(self._frames, None), next(self._frames, None)

    def close(self) -> None:
        """Close the decoder behind the frames."""
        stop: Callable[[], None] | None = getattr(self._frames, "close", None)
        if stop is not None:
            stop()


class _Opened:
    """Sound whose first block has been looked at; it lasts `seconds`, where that is known."""

    def __init__(self, blocks: Iterator[Sound], seconds: Fraction | None) -> None:
        self.first = next(blocks, None)
        self.seconds = seconds
        self._blocks = blocks

    def samples(self, rate: int, channels: int) -> Iterator[Samples]:
        """All of it at another rate and channel count, cut or filled with silence to its length."""
        count = None if self.seconds is None else round(self.seconds * rate)
        parts: Iterator[Samples] = iter([np.zeros((0, channels), np.float32)])
        if self.first is not None:
            given = self.first
            lead = np.zeros((given.start, given.samples.shape[1]), np.float32)
            whole = chain([lead], (block.samples for block in chain([given], self._blocks)))
            parts = resample((to_channels(part, channels) for part in whole if len(part)), given.rate, rate)
        if count is None:
            yield from parts
        else:
            yield from (block.samples for block in placed(parts, rate, 0, lambda: count))


def _cross(first: Iterator[Samples], second: Iterator[Samples], overlap: int) -> Iterator[Samples]:
    """Play `second` after `first`, fading one into the other over `overlap` samples."""
    held: deque[Samples] = deque()
    count = 0
    for part in first:
        held.append(part)
        count += len(part)
        while held and count - len(held[0]) >= overlap:
            count -= len(held[0])
            yield held.popleft()
    if not held:
        yield from second
        return
    tail = np.concatenate(held)
    if len(tail) > overlap:
        yield tail[: len(tail) - overlap]
        tail = tail[len(tail) - overlap :]
    done = 0
    for part in second:
        size = min(len(part), len(tail) - done)
        if size:
            gain = ((np.arange(done, done + size) + 0.5) / len(tail)).astype(np.float32)[:, None]
            part = np.concatenate([part[:size] * gain + tail[done : done + size] * (1 - gain), part[size:]])
            done += size
        yield part
    if done < len(tail):
        yield tail[done:]

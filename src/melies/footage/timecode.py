"""Timecode: the numbers by which editors name frames, and what a file says about its own.

A timecode counts frames, not time. Where the rate is not whole (23.976, 29.97, 59.94) its seconds are 1.001 s long;
*drop-frame* timecode keeps up with the clock by leaving out numbers, never frames: 2 (of 29.97) or 4 (of 59.94) at the
beginning of every minute but each tenth (SMPTE ST 12-1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from melies.errors import UseError
from melies.media.probe import DataInfo, MediaInfo, VideoInfo, probe

_WRITTEN = re.compile(r"(\d{1,2}):([0-5]?\d):([0-5]?\d)([:;.,])(\d{1,3})")
_MINUTES_A_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Timecode:
    """The number of a frame, counted from 00:00:00:00; it wraps after 24 hours.

    Attributes:
        frame: Frames since 00:00:00:00.
        rate: Frames per second.
        drop: Whether numbers are left out to keep up with the clock.

    Raises:
        ValueError: `drop` at a rate for which it is not defined.
    """

    frame: int
    rate: Fraction
    drop: bool = False

    def __post_init__(self) -> None:
        if self.drop and not droppable(self.rate):
            raise ValueError(f"drop-frame timecode is for 29.97 and 59.94 frames per second, not {float(self.rate):g}")
        object.__setattr__(self, "frame", self.frame % (self._ten_minutes * 24 * 6))

    @classmethod
    def parse(cls, text: str, rate: Fraction, drop: bool | None = None) -> Timecode:
        """Read `HH:MM:SS:FF`; a `;`, `.` or `,` before the frames says that it is drop-frame.

        Args:
            text: The timecode.
            rate: Frames per second of the film.
            drop: Whether it is drop-frame; None to go by the text.

        Raises:
            ValueError: It is no timecode, or not one of this rate.
        """
        match = _WRITTEN.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} should be a timecode such as 01:00:00:00 or 01:00:00;00")
        hours, minutes, seconds, frames = (int(match[group]) for group in (1, 2, 3, 5))
        zero = cls(0, rate, match[4] != ":" if drop is None else drop)
        left_out = zero.drop and seconds == 0 and minutes % 10 and frames < zero._dropped
        if hours > 23 or frames >= zero.base or left_out:
            raise ValueError(f"there is no timecode {text} at {float(rate):g} frames per second")
        minutes += hours * 60
        number = (minutes * 60 + seconds) * zero.base + frames
        return replace(zero, frame=number - zero._dropped * (minutes - minutes // 10))

    @property
    def base(self) -> int:
        """How many frame numbers a second has: 30 for 29.97."""
        return max(1, round(self.rate))

    @property
    def seconds(self) -> Fraction:
        """Real time since 00:00:00:00."""
        return self.frame / self.rate

    @property
    def day(self) -> Fraction:
        """Real time until the numbers begin again: 86486.4 s at 23.976."""
        return self._ten_minutes * 24 * 6 / self.rate

    @property
    def _dropped(self) -> int:
        """Numbers that are left out of nine minutes of ten."""
        return self.base // 15 if self.drop else 0

    @property
    def _ten_minutes(self) -> int:
        return self.base * 600 - 9 * self._dropped

    def at(self, time: Fraction) -> Timecode:
        """Return the timecode of the frame shown `time` seconds of clip time after this one."""
        return self + round(time * self.rate)

    def count(self, time: Fraction) -> int:
        """Return the number of the frame shown `time` seconds after this one, which goes on rising past midnight."""
        return self.frame + round(time * self.rate)

    def __add__(self, frames: int) -> Timecode:
        return replace(self, frame=self.frame + frames)

    def __sub__(self, frames: int) -> Timecode:
        return self + -frames

    def __str__(self) -> str:
        tens, rest = divmod(self.frame, self._ten_minutes)
        # The first of ten minutes has all its numbers.
        short = max(0, rest - self._dropped) // (self.base * 60 - self._dropped) if self.drop else 0
        number = self.frame + self._dropped * (9 * tens + short)
        seconds, frames = divmod(number, self.base)
        minutes, seconds = divmod(seconds, 60)
        hours, minutes = divmod(minutes % _MINUTES_A_DAY, 60)
        digits = max(2, len(str(self.base - 1)))
        return f"{hours:02}:{minutes:02}:{seconds:02}{';' if self.drop else ':'}{frames:0{digits}}"


def nominal(rate: Fraction) -> Fraction:
    """Return the rate that is meant by one that a container has averaged or rounded, such as 24000/1001 for 23.98."""
    whole = max(1, round(rate))
    known = (Fraction(whole), Fraction(whole * 1000, 1001))
    closest = min(known, key=lambda one: abs(one - rate))
    return closest if abs(closest - rate) < Fraction(1, 200) else rate.limit_denominator(1001)


def standard(rate: Fraction) -> Fraction:
    """Return the rate of film or television that shows all pictures of a variable one, given its average."""
    ntsc = (Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001))
    known = sorted((*ntsc, *map(Fraction, (24, 25, 30, 50, 60))))
    return next((one for one in known if one > rate * Fraction(99, 100)), nominal(rate))


def timebase(video: VideoInfo) -> Fraction:
    """Return the rate at which a film's frames are counted: its own, or the next standard one where that varies."""
    return standard(video.rate) if video.variable else nominal(video.rate)


def droppable(rate: Fraction) -> bool:
    """Say whether drop-frame timecode is defined for a rate: 29.97 and its multiples, as containers round them."""
    base = round(rate)
    return base > 0 and base % 30 == 0 and abs(rate - Fraction(base * 1000, 1001)) < Fraction(1, 200)


def source_timecode(info: MediaInfo) -> Timecode | None:
    """Return the timecode that a file's first frame has by its own account, None where it says nothing.

    Cameras and editing programs keep it in a track of its own (QuickTime's `tmcd`), in the picture's stream, or in the
    container's tags (MXF, Matroska). It is taken to count at the rate of the pictures
    (see `timebase`).

    Args:
        info: What `melies.media.probe.probe` tells of the file.
    """
    video = info.video
    if video is None:
        return None
    tracks = [stream.metadata for stream in info.streams if isinstance(stream, DataInfo)]
    for tags in (video.metadata, *tracks, info.metadata):
        for name, text in tags.items():
            if name.lower() == "timecode":
                try:
                    return Timecode.parse(text, timebase(video))
                except ValueError:
                    continue  # Another track may say it in a way that fits the rate.
    return None


def first_timecode(path: str | Path, drop: bool | None = None) -> Timecode:
    """Return the timecode of a film's first frame: its own, or 00:00:00:00.

    Args:
        path: The film.
        drop: Whether to count in drop-frame where the film has no timecode of its own.

    Raises:
        UseError: It is no film that can be read, or drop-frame is asked of a rate that has none.
    """
    info = probe(path)
    found = source_timecode(info)
    if found is not None:
        return found
    if info.video is None:
        raise UseError(f"{path} holds no film or picture.")
    rate = timebase(info.video)
    if drop and not droppable(rate):
        raise UseError(
            f"{path} has {float(rate):g} frames per second; only 29.97 and 59.94 can drop numbers.",
            "Leave drop-frame out.",
        )
    return Timecode(0, rate, bool(drop))

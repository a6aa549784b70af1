"""A cut as editors exchange it: which stretch of which film follows which, and the files in which that is written."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from melies.errors import UseError
from melies.files import is_file, replacing, writable
from melies.footage.shot import Shot
from melies.footage.timecode import Timecode, source_timecode, timebase
from melies.footage.timecode import nominal as nominal
from melies.footage.timecode import standard as standard

if TYPE_CHECKING:
    from melies.footage.exchange import Where

LIMIT = 64 << 20
"""Bytes a timeline may have: a feature film's have two or three million."""
HOUR = "01:00:00:00"
"""Where timelines begin to count, as editors have it."""


@dataclass(frozen=True)
class Cut:
    """A stretch of a film on a timeline.

    All times are clip times of its source in seconds: 0 is the source's first frame.

    Attributes:
        source: The film; None for black and silence.
        start: When its first frame is shown in the source.
        end: When its last frame has been shown in the source.
        rate: Frames per second of the source, nominal where that varies.
        available: From when to when the source has pictures: what is beyond the cut are its handles; None if unknown.
        name: What an editor calls it; the source's name if empty.
        note: Remarks.
        dissolve: Seconds at its beginning in which the cut before, playing on beyond its own end, melts into this one;
            in the first cut, black does.
        sound: Whether its sound is heard.
        timecode: What the source calls its first frame; None if that was not looked up (see `completed`).

    Raises:
        ValueError: It lasts no time, or the dissolve lasts longer than it.
    """

    source: Path | None
    start: Fraction
    end: Fraction
    rate: Fraction
    available: tuple[Fraction, Fraction] | None = None
    name: str = ""
    note: str = ""
    dissolve: Fraction = Fraction(0)
    sound: bool = True
    timecode: Timecode | None = None

    def __post_init__(self) -> None:
        if self.start < 0 or self.end <= self.start:
            raise ValueError(f"a cut cannot go from {float(self.start):g} s to {float(self.end):g} s")
        if not 0 <= self.dissolve <= self.length:
            raise ValueError(f"a dissolve of {float(self.dissolve):g} s does not fit a cut of {float(self.length):g} s")

    @property
    def length(self) -> Fraction:
        """How long it lasts, in seconds."""
        return self.end - self.start

    @property
    def called(self) -> str:
        """Its name, or else its source's."""
        return self.name or (self.source.name if self.source else "black")


@dataclass(frozen=True, slots=True)
class Marker:
    """A note on a timeline.

    Attributes:
        time: Seconds from the timeline's beginning.
        name: What it says.
    """

    time: Fraction
    name: str


@dataclass(frozen=True)
class Timeline:
    """Cuts one after another.

    Attributes:
        name: What it is called.
        rate: Frames per second.
        cuts: In order; they follow each other without gap, a gap is a cut whose source is None.
        music: A sound file that plays under all of it.
        music_start: The second of the music that is heard at the timeline's beginning; below 0 it begins later.
        markers: Notes.
        drop: Whether its timecode drops numbers.
    """

    name: str
    rate: Fraction
    cuts: tuple[Cut, ...]
    music: Path | None = None
    music_start: Fraction = Fraction(0)
    markers: tuple[Marker, ...] = field(default=())
    drop: bool = False

    @cached_property
    def places(self) -> tuple[tuple[int, int], ...]:
        """Of every cut, its first frame on the timeline and the first frame after it."""
        bounds, time = [0], Fraction(0)
        for cut in self.cuts:
            time += cut.length
            bounds.append(round(time * self.rate))
        return tuple(pairwise(bounds))

    @property
    def frames(self) -> int:
        """How many frames it has."""
        return self.places[-1][1] if self.cuts else 0

    @property
    def begin(self) -> Timecode:
        """The timecode of its first frame: one hour."""
        return Timecode.parse(HOUR, self.rate, self.drop)

    @property
    def sources(self) -> list[Path]:
        """The films it is cut from, each once, in order of appearance."""
        return list(dict.fromkeys(cut.source for cut in self.cuts if cut.source is not None))


@dataclass(frozen=True)
class About:
    """What a timeline has to know of a source.

    Attributes:
        timecode: Of its first frame.
        length: Seconds of pictures; None if it does not say.
        sound: Whether it has any.
        rate: Frames per second, nominal; the next standard rate where it varies.
        size: Width and height in pixels.
    """

    timecode: Timecode
    length: Fraction | None
    sound: bool
    rate: Fraction
    size: tuple[int, int]

    def since(self, moment: Fraction, day: Fraction) -> Fraction:
        """Return the clip time of what timecode calls `moment`, in seconds since 00:00:00:00; below 0 before the film.

        Args:
            moment: What begins before the film but lies in it a day later is of the day after midnight.
            day: Seconds after which that timecode begins again.
        """
        time = moment - self.timecode.seconds
        return time + day if time < 0 and time + day <= (self.length or 0) else time


def about(path: Path) -> About:
    """Look a source up.

    Raises:
        UseError: It is no film that can be read.
    """
    from melies.media.probe import probe

    info = probe(path)
    video = info.video
    if video is None:
        raise UseError(f"{path} holds no film or picture.")
    rate = timebase(video)
    timecode = source_timecode(info) or Timecode(0, rate)
    late = Fraction(0) if video.start is None else video.start - info.start
    length = video.duration or (None if info.duration is None else info.duration - late)
    if not video.variable and (length is not None or video.frames):
        length = (video.frames or round((length or 0) * rate)) / rate
    sound = any(stream.type == "audio" for stream in info.streams)
    return About(timecode, length, sound, rate, (video.width, video.height))


def completed(timeline: Timeline) -> Timeline:
    """Return the timeline with what its sources say of themselves wherever a cut does not say it.

    Raises:
        UseError: A source is missing or no film.
    """
    found = {path: about(path) for path in timeline.sources}
    return replace(timeline, cuts=tuple(_filled(cut, found) for cut in timeline.cuts))


def _filled(cut: Cut, found: dict[Path, About]) -> Cut:
    if cut.source is None:
        return replace(cut, sound=False)
    known = found[cut.source]
    # Not even a film that says it is shorter ends before the cut: it may count itself wrongly.
    available = cut.available or (Fraction(0), max(known.length or cut.end, cut.end))
    timecode = cut.timecode or known.timecode
    return replace(cut, rate=known.rate, available=available, timecode=timecode, sound=cut.sound and known.sound)


def within(timeline: Timeline, ends: Iterable[Fraction | None]) -> Timeline:
    """Return the timeline with cuts that are shorter where their frames would show what lies beyond.

    Of a source of another rate a cut may last a part of a frame, which on the timeline is a whole one or none.

    Args:
        timeline: Cuts.
        ends: Of every cut, clip time up to which its source may be shown; None if that does not matter.
    """
    cuts: list[Cut] = []
    time, tick = Fraction(0), 1 / timeline.rate
    for cut, limit in zip(timeline.cuts, ends, strict=True):
        first, stop = (round(moment * timeline.rate) for moment in (time, time + cut.length))
        room = stop - first if limit is None else int((limit - cut.start) * timeline.rate)
        if 0 < room < stop - first:
            length = (first + room) * tick - time
            cut = replace(cut, end=cut.start + length, dissolve=min(cut.dissolve, length))
        cuts.append(cut)
        time += cut.length
    return replace(timeline, cuts=tuple(cuts))


def from_shots(shots: Iterable[Shot], name: str = "") -> Timeline:
    """Put shots on a timeline one after another, at the rate and in the timecode of the first one's film.

    Raises:
        UseError: There are none, or a film is missing.
    """
    listed = list(shots)
    if not listed:
        raise UseError("There are no shots to put on a timeline.")
    cuts = [
        Cut(shot.file, shot.start, shot.end, shot.rate, name=f"{shot.file.stem} {shot.number:03d}") for shot in listed
    ]
    made = completed(Timeline(name or listed[0].file.stem, nominal(listed[0].rate), tuple(cuts)))
    first = made.cuts[0]
    return replace(
        made,
        cuts=tuple(map(_on_grid, made.cuts)),
        rate=first.rate,
        drop=first.timecode is not None and first.timecode.drop,
    )


def _on_grid(cut: Cut) -> Cut:
    """The cut on those frames of its film's timecode that tables name: where the rate varies, times lie between."""
    start, end = (round(time * cut.rate) / cut.rate for time in (cut.start, cut.end))
    available = cut.available and (cut.available[0], max(cut.available[1], end))
    return replace(cut, start=start, end=end, available=available) if start < end else cut


class _Format(Protocol):
    """A module that knows a kind of file."""

    def check(self, rate: Fraction) -> None:
        """Refuse what could not be written at a rate."""

    def write(self, timeline: Timeline) -> str:
        """Return the file."""
        ...

    def read(self, text: str, where: Where) -> Timeline:
        """Understand a file."""
        ...


def _formats() -> dict[str, _Format]:
    from melies.footage import edl, fcpxml, otio, xmeml

    return {".otio": otio, ".edl": edl, ".fcpxml": fcpxml, ".xml": xmeml}


ENDINGS = (".otio", ".edl", ".fcpxml", ".xml")
"""How files end that hold timelines."""


def _format(path: Path) -> _Format:
    formats = _formats()
    if path.suffix.lower() not in formats:
        raise UseError(
            f"{path.name} should end in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}.",
            "The ending says which kind of timeline it is.",
        )
    return formats[path.suffix.lower()]


def checked(path: str | Path, rate: Fraction, overwrite: bool = False) -> Path:
    """Return a path to which a timeline can be written; ask before long work, for `export` asks after it.

    Args:
        path: As for `export`.
        rate: Frames per second of the timeline.
        overwrite: As for `export`.

    Raises:
        UseError: The ending is unknown or cannot count that rate, the file exists, its folder cannot be written to, or
            OpenTimelineIO, which `.otio` needs, is not installed.
    """
    target = Path(path)
    form = _format(target)
    writable(target, overwrite)
    form.check(rate)
    return target


def export(timeline: Timeline, path: str | Path, overwrite: bool = False) -> Path:
    """Write a timeline; the ending says as what.

    Args:
        timeline: What to write. What its cuts do not say about their sources is looked up.
        path: Ends in `.otio` (OpenTimelineIO), `.edl` (CMX 3600), `.fcpxml` (Final Cut Pro, DaVinci Resolve) or `.xml`
            (Final Cut Pro 7, Premiere).
        overwrite: Whether to replace the file if it exists.

    Returns:
        The path.

    Raises:
        UseError: The ending is none of these, the file exists, a source is missing, the timeline is empty, or
            OpenTimelineIO, which `.otio` needs, is not installed.
    """
    target = checked(path, timeline.rate, overwrite)
    made = text(timeline, target)
    with replacing(target) as part:
        part.write_text(made, encoding="utf-8")
    return target


def text(timeline: Timeline, path: Path) -> str:
    """Return what `export` writes.

    Args:
        timeline: As for `export`.
        path: How the file would be called.

    Raises:
        UseError: As for `export`, but that the file may exist.
    """
    form = _format(path)
    if not timeline.frames:
        raise UseError(f"{path.name} would be empty: there are no cuts on the timeline.")
    whole = completed(timeline)
    return form.write(within(whole, (cut.available and cut.available[1] for cut in whole.cuts)))


def read(path: str | Path, media: Sequence[Path] = (), rate: Fraction | None = None) -> Timeline:
    """Read a timeline.

    Args:
        path: Ends in `.otio`, `.edl`, `.fcpxml` or `.xml`.
        media: Folders to look in for sources that are not where the timeline says.
        rate: Frames per second of an EDL, which need not say it; by default its own remark, or its first source's.

    Raises:
        UseError: It cannot be read, a source or a folder is missing or an address elsewhere, nothing is on it, or
            OpenTimelineIO, which `.otio` needs, is not installed.
    """
    from melies.footage.exchange import Where

    file = Path(path)
    form = _format(file)
    missing = next((folder for folder in media if not Path(folder).is_dir()), None)
    if missing is not None:
        raise UseError(f"There is no folder {missing} to look for films in.")
    if not is_file(file):
        raise UseError(f"There is no file {file}.")
    timeline = form.read(text_of(file), Where(file, tuple(media), rate))
    if not timeline.frames:
        raise UseError(f"{file}: there are no pictures on the timeline.")
    return timeline


def text_of(file: Path) -> str:
    """Return what a timeline's file holds.

    Args:
        file: In UTF-8, UTF-16 with its mark, or Latin-1, as EDLs of old programs are.

    Raises:
        UseError: It is too large for a timeline.
    """
    if file.stat().st_size > LIMIT:
        raise UseError(f"{file} has more than {LIMIT >> 20} MB, which no timeline has.")
    written = file.read_bytes()
    if written.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return written.decode("utf-16", errors="replace")
    try:
        return written.decode("utf-8-sig")
    except UnicodeDecodeError:
        return written.decode("latin-1")

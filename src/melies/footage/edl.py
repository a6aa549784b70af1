"""Edit decision lists, CMX 3600: the oldest way to write a cut down, and one that every program reads.

The file is plain text. An event names a reel, what it is (V picture, B picture and sound, A2 the music), how it begins
(C a cut, D a dissolve of so many frames) and four timecodes: in and out of the source, in and out of the result. Lines
with a star are remarks, by which programs find the source again.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from melies.errors import UseError
from melies.footage.exchange import Piece, Where, pieces
from melies.footage.timecode import Timecode, droppable
from melies.footage.timeline import About, Cut, Marker, Timeline
from melies.times import parse_rate

log = logging.getLogger("melies")

_BLACK = "BL"
_MUSIC = "A2"
_EVENT = re.compile(
    r"(?P<number>\d+)\s+(?P<reel>.+?)\s+(?P<channels>[ABVN][A-Z0-9/]*)\s+(?P<how>C|D|W\d{1,3}|K[BO]?)\s+"
    r"(?P<over>\d+\s+)?(?P<times>(?:\d{1,2}:\d\d:\d\d[:;.,]\d{2,3}\s*){4})"
)
_REMARK = re.compile(
    r"\*?\s*(?P<what>FROM CLIP NAME|TO CLIP NAME|FROM FILE|SOURCE FILE|FROM CLIP|SHOT|NOTE|RATE|LOC)\s*:\s*"
    r"(?P<text>.*)"
)
_LOCATOR = re.compile(r"(\d\d:\d\d:\d\d[:;]\d\d)\s+(?:[A-Z]+\s+)?(.*)")


def check(rate: Fraction) -> None:
    """Refuse a rate that the two digits of an EDL cannot count.

    Raises:
        UseError: It is above 100.
    """
    if rate > 100:
        raise UseError(f"An EDL cannot count {float(rate):g} frames a second.", "Write .otio or .fcpxml.")


def write(timeline: Timeline) -> str:
    """Return a timeline as an EDL; see `melies.footage.timeline.export`.

    Raises:
        UseError: It has more frames a second than the two digits of an EDL count.
    """
    check(timeline.rate)
    reels = _reels(timeline.sources)
    lines = [f"TITLE: {_line(timeline.name)}", f"FCM: {'' if timeline.drop else 'NON-'}DROP FRAME", ""]
    before = None
    placed = pieces(timeline)
    for number, piece in enumerate(placed, 1):
        lines += _event(number, timeline, piece, before, reels)
        if number == 1:
            lines.append(f"* RATE: {timeline.rate}")
        for marker in timeline.markers:
            at = round(marker.time * timeline.rate)
            if piece.first <= at < piece.stop:
                lines.append(f"* LOC: {timeline.begin + at} RED     {_line(marker.name)}")
        before = piece.cut
    if timeline.music is not None:
        lines += _music(len(placed) + 1, timeline)
    return "\n".join(lines) + "\n"


def _event(number: int, timeline: Timeline, piece: Piece, before: Cut | None, reels: dict[Path, str]) -> list[str]:
    cut = piece.cut
    channels = "B" if cut.sound else "V"
    record = timeline.begin + piece.first, timeline.begin + piece.stop
    begin = _source_time(timeline, cut, cut.start)
    source = begin, begin + (piece.stop - piece.first)
    reel = _BLACK if cut.source is None else reels[cut.source]
    lines = []
    if piece.dissolve:
        # The cut before, at its end: what plays on under the dissolve.
        old = _BLACK if before is None or before.source is None else reels[before.source]
        out = begin if before is None else _source_time(timeline, before, before.end)
        lines.append(_row(number, old, channels, "C", "", (out, out), (record[0], record[0])))
        lines.append(_row(number, reel, channels, "D", f"{piece.dissolve:03d}", source, record))
        lines.append(f"* FROM CLIP NAME: {_named(before)}")
        lines.append(f"* TO CLIP NAME: {_named(cut)}")
    else:
        lines.append(_row(number, reel, channels, "C", "", source, record))
        lines.append(f"* FROM CLIP NAME: {_named(cut)}")
    if cut.source is not None:
        lines.append(f"* FROM FILE: {_line(str(cut.source.absolute()))}")
    if cut.name:
        lines.append(f"* SHOT: {_line(cut.name)}")
    if cut.note:
        lines.append(f"* NOTE: {_line(cut.note)}")
    return lines


def _named(cut: Cut | None) -> str:
    """The name of a cut's film: other programs look for it by that."""
    return "black" if cut is None or cut.source is None else _line(cut.source.name)


def _row(
    number: int,
    reel: str,
    channels: str,
    how: str,
    over: str,
    source: tuple[Timecode, Timecode],
    record: tuple[Timecode, Timecode],
) -> str:
    times = " ".join(map(str, (*source, *record)))
    return f"{number:03d}  {reel:<8} {channels:<5} {how:<4} {over:>3} {times}"


def _music(number: int, timeline: Timeline) -> list[str]:
    assert timeline.music is not None
    late = max(0, round(-timeline.music_start * timeline.rate))
    begin = Timecode(max(0, round(timeline.music_start * timeline.rate)), timeline.rate)
    record = timeline.begin + late, timeline.begin + timeline.frames
    if late >= timeline.frames:
        return []
    return [
        _row(number, "MUSIC", _MUSIC, "C", "", (begin, begin + (timeline.frames - late)), record),
        f"* FROM CLIP NAME: {_line(timeline.music.name)}",
        f"* FROM FILE: {_line(str(timeline.music.absolute()))}",
    ]


def _source_time(timeline: Timeline, cut: Cut, time: Fraction) -> Timecode:
    """A moment of a source as its own timecode says it, or, at another rate, in frames of the timeline."""
    zero = cut.timecode or Timecode(0, cut.rate)
    if cut.rate == timeline.rate:
        return zero.at(time)
    frame = round((zero.seconds + time) * timeline.rate)
    return Timecode(frame, timeline.rate, zero.drop and droppable(timeline.rate))


def _reels(sources: Sequence[Path]) -> dict[Path, str]:
    """A name of at most eight letters and digits for every source, no two alike."""
    reels: dict[Path, str] = {}
    for source in sources:
        plain = re.sub(r"[^A-Z0-9]", "", source.stem.upper()) or "REEL"
        names = (plain[: 8 - len(tail)] + tail for tail in ("", *map(str, range(2, len(sources) + 3))))
        taken = {*reels.values(), _BLACK, "BLACK", "BARS", "AX", "MUSIC"}
        reels[source] = next(name for name in names if name not in taken)
    return reels


def _line(text: str) -> str:
    return " ".join(text.split())


@dataclass
class _Row:
    """A line of an event as it stands there."""

    number: int
    reel: str
    channels: str
    how: str
    over: int
    times: list[str]
    line: int


@dataclass
class _Found:
    """An event: its lines and what is remarked on it."""

    rows: list[_Row]
    remarks: dict[str, list[str]] = field(default_factory=dict)

    def names(self, *keys: str) -> list[str]:
        return [text for key in keys for text in self.remarks.get(key, [])]


def read(text: str, where: Where) -> Timeline:
    """Read an EDL; see `melies.footage.timeline.read`.

    Raises:
        UseError: A timecode is wrong, events overlap, or a source is missing.
    """
    title, events = _parsed(text)
    pictures = [event for event in events if not _heard_only(event)]
    if not pictures:
        raise UseError(f"{where.file}: there are no events with pictures in it.")
    rate = _rate(pictures, where)
    reading = _Reading(where, rate)
    for event in pictures:
        for row in event.rows:
            reading.add(event, row)
    sounds = next((event for event in events if _heard_only(event)), None)
    music, music_start = reading.music(sounds) if sounds else (None, Fraction(0))
    return Timeline(title or where.file.stem, rate, tuple(reading.cuts), music, music_start, reading.markers(pictures),
                    any(";" in row.times[2] for event in pictures for row in event.rows))  # fmt: skip


def _heard_only(event: _Found) -> bool:
    return all("V" not in row.channels and row.channels != "B" for row in event.rows)


def _parsed(text: str) -> tuple[str, list[_Found]]:
    title = ""
    events: list[_Found] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.strip()
        if words.startswith("TITLE:"):
            title = words[6:].strip()
        elif match := _EVENT.match(words):
            row = _Row(int(match["number"]), match["reel"], match["channels"], match["how"], int(match["over"] or 0),
                       match["times"].split(), number)  # fmt: skip
            same = events and events[-1].rows[-1].number == row.number and row.how != "C"
            if same:
                events[-1].rows.append(row)
            else:
                events.append(_Found([row]))
        elif events and (match := _REMARK.match(words)):
            events[-1].remarks.setdefault(match["what"], []).append(match["text"].strip())
        elif words.startswith("M2"):
            log.warning("Line %d: changes of speed in an EDL are not carried out.", number)
    return title, events


def _rate(events: list[_Found], where: Where) -> Fraction:
    """The rate that was given, or that a remark tells, or that of the first source."""
    if where.rate is not None:
        return where.rate
    for told in (text for event in events for text in event.names("RATE")):
        try:
            return parse_rate(told)
        except ValueError:
            raise UseError(f"{where.file}: {told!r} is no rate.", "Give --rate.") from None
    for event in events:
        for row in event.rows:
            if row.reel not in (_BLACK, "BLACK"):
                return where.about(where.find(*_sources(event, row))).rate
    return Fraction(25)


def _sources(event: _Found, row: _Row) -> list[str]:
    """What may lead to the source of a line: files that are remarked, then names, then the reel."""
    files = event.names("FROM FILE", "SOURCE FILE", "FROM CLIP")
    if len(event.rows) == 1:
        return [*files, *event.names("FROM CLIP NAME"), row.reel]
    if row is event.rows[0]:
        return [*files[:-1], *event.names("FROM CLIP NAME"), row.reel]
    return [*files[-1:], *event.names("TO CLIP NAME"), row.reel]


class _Reading:
    """Events become cuts."""

    def __init__(self, where: Where, rate: Fraction) -> None:
        self.cuts: list[Cut] = []
        self._where = where
        self._rate = rate
        self._begin: int | None = None
        self._end = 0

    def add(self, event: _Found, row: _Row) -> None:
        source_in, source_out, record_in, record_out = (self._time(word, row) for word in row.times)
        if self._begin is None:
            # Lists begin at any hour, but gaps are counted from it.
            self._begin = self._end = record_in.frame
        frames = (record_out - record_in.frame).frame
        if record_in.frame < self._end:
            raise UseError(f"{self._where.file}, line {row.line}: event {row.number} overlaps the one before.")
        if not frames:
            return
        if (source_out - source_in.frame).frame != frames:
            log.warning("Event %d plays %s at another speed: it is shown at its own.", row.number, row.reel)
        if record_in.frame > self._end:
            self._add(Cut(None, Fraction(0), (record_in.frame - self._end) / self._rate, self._rate, sound=False))
        self._add(self._cut(event, row, source_in, frames))
        self._end = record_in.frame + frames

    def _add(self, cut: Cut) -> None:
        self.cuts.append(cut)

    def _cut(self, event: _Found, row: _Row, source_in: Timecode, frames: int) -> Cut:
        dissolve = Fraction(0)
        if row.how == "D":
            dissolve = min(row.over, frames) / self._rate
        elif row.how != "C":
            log.warning("Event %d begins with a wipe or key, which is shown as a cut.", row.number)
        length = frames / self._rate
        if row.reel in (_BLACK, "BLACK"):
            return Cut(None, Fraction(0), length, self._rate, dissolve=dissolve, sound=False)
        source = self._where.find(*_sources(event, row))
        known = self._where.about(source)
        start = self._clip_time(source_in, known, row)
        after = len(event.rows) > 1 and row is event.rows[-1]
        called = [*event.names("SHOT"), *event.names("TO CLIP NAME" if after else "FROM CLIP NAME"), ""][0]
        heard = row.channels != "V" and known.sound
        note = " ".join(event.names("NOTE"))
        return self._where.cut(source, start, start + length, called, note, dissolve=dissolve, sound=heard)

    def _clip_time(self, source_in: Timecode, known: About, row: _Row) -> Fraction:
        zero = known.timecode
        if zero.rate == self._rate and source_in.drop != zero.drop and zero.frame:
            source_in = self._time(row.times[0], row, zero.drop)
        time = known.since(source_in.seconds, source_in.day)
        if zero.rate != self._rate and -1 / (2 * self._rate) <= time < 0:
            return Fraction(0)  # a film's first frame rarely lies on the grid of another rate
        if time < 0:
            raise UseError(
                f"{self._where.file}, line {row.line}: {row.times[0]} lies before the source begins, at {zero}."
            )
        return time

    def _time(self, word: str, row: _Row, drop: bool | None = None) -> Timecode:
        try:
            return Timecode.parse(word.replace(".", ":").replace(",", ";"), self._rate, drop)
        except ValueError as error:
            raise UseError(f"{self._where.file}, line {row.line}: {error}.", "Give its rate with --rate.") from None

    def music(self, event: _Found) -> tuple[Path, Fraction]:
        """The file of an event that is only heard, and its second at the timeline's beginning."""
        row = event.rows[0]
        source_in, _, record_in, _ = (self._time(word, row) for word in row.times)
        late = (record_in.frame - (self._begin or 0)) / self._rate
        return self._where.find(*_sources(event, row)), source_in.seconds - late

    def markers(self, events: list[_Found]) -> tuple[Marker, ...]:
        return tuple(self._markers(events))

    def _markers(self, events: list[_Found]) -> Iterator[Marker]:
        for event in events:
            for text in event.names("LOC"):
                if match := _LOCATOR.match(text):
                    at = self._time(match[1], event.rows[0]).frame - (self._begin or 0)
                    yield Marker(max(0, at) / self._rate, match[2])

"""The XML of Final Cut Pro 7, which Premiere and DaVinci Resolve read and write.

Written here rather than by OpenTimelineIO's adapter, which writes a clip that is used twice as one in one place.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

from melies.errors import UseError
from melies.footage.exchange import Heard, Piece, Where, from_xml, pieces, with_sound
from melies.footage.timecode import Timecode, droppable
from melies.footage.timeline import Cut, Marker, Timeline, about, nominal

log = logging.getLogger("melies")

Element = ElementTree.Element


def check(rate: Fraction) -> None:
    """Refuse a rate that this kind of XML cannot say.

    Raises:
        UseError: It is neither whole nor one of NTSC.
    """
    if not _countable(rate):
        raise UseError(f"This kind of XML cannot count {float(rate):g} frames a second.", "Write .otio or .fcpxml.")


def write(timeline: Timeline) -> str:
    """Return a timeline as XML of version 4; see `melies.footage.timeline.export`.

    Raises:
        UseError: Its rate is neither whole nor one of NTSC.
    """
    check(timeline.rate)
    timeline = replace(timeline, cuts=tuple(_counted(timeline, cut) for cut in timeline.cuts))
    root = Element("xmeml", version="4")
    sequence = ElementTree.SubElement(root, "sequence", id="sequence-1")
    _text(sequence, "name", timeline.name)
    _text(sequence, "duration", timeline.frames)
    _rate(sequence, timeline.rate)
    _timecode(sequence, timeline.begin)
    for marker in timeline.markers:
        note = ElementTree.SubElement(sequence, "marker")
        at = round(marker.time * timeline.rate)
        for name, value in (("name", marker.name), ("in", at), ("out", at + 1)):
            _text(note, name, value)
    media = ElementTree.SubElement(sequence, "media")
    files = _Files()
    _pictures(ElementTree.SubElement(media, "video"), timeline, files)
    _sounds(ElementTree.SubElement(media, "audio"), timeline, files)
    ElementTree.indent(root, "    ")
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE xmeml>\n{text}\n'


def _pictures(video: Element, timeline: Timeline, files: _Files) -> None:
    first = next(iter(timeline.sources), None)
    shape = ElementTree.SubElement(ElementTree.SubElement(video, "format"), "samplecharacteristics")
    _rate(shape, timeline.rate)
    width, height = about(first).size if first else (1920, 1080)
    for name, value in (("width", width), ("height", height), ("pixelaspectratio", "square")):
        _text(shape, name, value)
    track = ElementTree.SubElement(video, "track")
    placed = pieces(timeline)
    for number, piece in enumerate(placed):
        if piece.dissolve:
            _dissolve(track, timeline.rate, piece)
        if piece.cut.source is None:
            continue
        following = placed[number + 1] if number + 1 < len(placed) else None
        into = following.dissolve if following else 0
        # Under a dissolve a clip says neither where it begins nor where it ends; in and out reach over it.
        start = -1 if piece.early else piece.first
        stop = -1 if following and following.cut.source and into else piece.stop + into
        begin = piece.cut.start
        item = _item(track, f"clipitem-{number + 1}", piece.cut.called, piece.cut.rate, (start, stop),
                     begin, begin + (piece.stop - piece.first + into) / timeline.rate)  # fmt: skip
        files.refer(item, piece.cut, piece.cut.source)
        if piece.cut.note:
            _text(ElementTree.SubElement(item, "comments"), "mastercomment1", piece.cut.note)
        if piece.cut.sound:
            _link(item, number + 1)


def _dissolve(track: Element, rate: Fraction, piece: Piece) -> None:
    item = ElementTree.SubElement(track, "transitionitem")
    for name, value in (("start", piece.first), ("end", piece.first + piece.dissolve)):
        _text(item, name, value)
    fades = {0: "start-black", piece.dissolve: "end-black"} if piece.cut.source is None or not piece.early else {}
    _text(item, "alignment", fades.get(piece.early, "center"))
    _rate(item, rate)
    effect = ElementTree.SubElement(item, "effect")
    words = {"name": "Cross Dissolve", "effectid": "Cross Dissolve", "effecttype": "transition", "mediatype": "video"}
    for name, word in words.items():
        _text(effect, name, word)


def _sounds(audio: Element, timeline: Timeline, files: _Files) -> None:
    track = ElementTree.SubElement(audio, "track")
    for number, piece in enumerate(pieces(timeline), 1):
        if piece.cut.source is not None and piece.cut.sound:
            first = piece.first + piece.early
            begin = piece.cut.start + piece.early / timeline.rate
            item = _item(track, f"clipitem-{number}-sound", piece.cut.called, piece.cut.rate,
                         (first, first + piece.frames), begin, begin + piece.frames / timeline.rate)  # fmt: skip
            files.refer(item, piece.cut, piece.cut.source)
            _from_track(item)
            _link(item, number)
    late = max(0, round(-timeline.music_start * timeline.rate))
    if timeline.music is not None and late < timeline.frames:
        begin = max(Fraction(0), timeline.music_start)
        stop = begin + (timeline.frames - late) / timeline.rate
        track = ElementTree.SubElement(audio, "track")
        place = late, timeline.frames
        item = _item(track, "clipitem-music", timeline.music.name, timeline.rate, place, begin, stop)
        files.refer(item, Cut(timeline.music, Fraction(0), stop, timeline.rate), timeline.music)
        _from_track(item)


def _item(
    track: Element, name: str, called: str, rate: Fraction, place: tuple[int, int], begin: Fraction, end: Fraction
) -> Element:
    item = ElementTree.SubElement(track, "clipitem", id=name)
    _text(item, "name", called)
    _text(item, "enabled", "TRUE")
    first = round(begin * rate)
    stop = first + round((end - begin) * rate)
    _text(item, "duration", stop - first)
    _rate(item, rate)
    for word, value in (("start", place[0]), ("end", place[1]), ("in", first), ("out", stop)):
        _text(item, word, value)
    return item


def _from_track(item: Element) -> None:
    source = ElementTree.SubElement(item, "sourcetrack")
    _text(source, "mediatype", "audio")
    _text(source, "trackindex", 1)


def _link(item: Element, number: int) -> None:
    """Say that picture and sound of a clip belong together."""
    for name, kind in ((f"clipitem-{number}", "video"), (f"clipitem-{number}-sound", "audio")):
        link = ElementTree.SubElement(item, "link")
        _text(link, "linkclipref", name)
        _text(link, "mediatype", kind)


class _Files:
    """Sources, described where they first appear."""

    def __init__(self) -> None:
        self._ids: dict[Path, str] = {}

    def refer(self, item: Element, cut: Cut, source: Path) -> None:
        if source in self._ids:
            ElementTree.SubElement(item, "file", id=self._ids[source])
            return
        self._ids[source] = f"file-{len(self._ids) + 1}"
        file = ElementTree.SubElement(item, "file", id=self._ids[source])
        _text(file, "name", source.name)
        _text(file, "pathurl", source.absolute().as_uri())
        _rate(file, cut.rate)
        begin, end = cut.available or (Fraction(0), cut.end)
        _text(file, "duration", round((end - begin) * cut.rate))
        zero = cut.timecode or Timecode(0, cut.rate)
        _timecode(file, zero.at(begin))
        media = ElementTree.SubElement(file, "media")
        if cut.timecode is not None:
            ElementTree.SubElement(media, "video")
        if cut.sound:
            ElementTree.SubElement(media, "audio")


def _text(parent: Element, name: str, value: object) -> None:
    ElementTree.SubElement(parent, name).text = str(value)


def _counted(timeline: Timeline, cut: Cut) -> Cut:
    """A cut whose source has a rate that cannot be said is counted in frames of the timeline."""
    if _countable(cut.rate):
        return cut
    zero = None if cut.timecode is None else Timecode(round(cut.timecode.seconds * timeline.rate), timeline.rate)
    return replace(cut, rate=timeline.rate, timecode=zero)


def _countable(rate: Fraction) -> bool:
    """Whether the format can say a rate: a whole one, or that of NTSC below it."""
    return rate in (round(rate), Fraction(round(rate) * 1000, 1001))


def _rate(parent: Element, rate: Fraction) -> None:
    made = ElementTree.SubElement(parent, "rate")
    _text(made, "timebase", round(rate))
    _text(made, "ntsc", "TRUE" if rate.denominator == 1001 else "FALSE")


def _timecode(parent: Element, zero: Timecode) -> None:
    made = ElementTree.SubElement(parent, "timecode")
    _rate(made, zero.rate)
    for name, value in (("string", zero), ("frame", zero.frame), ("displayformat", "DF" if zero.drop else "NDF")):
        _text(made, name, value)


def read(text: str, where: Where) -> Timeline:
    """Read the XML of Final Cut Pro 7; see `melies.footage.timeline.read`.

    Raises:
        UseError: It cannot be read, holds sequences within the sequence, or a source is missing.
    """
    return from_xml(text, where, lambda root: _Reading(root, where).timeline())


class _Reading:
    """The items of a track become cuts."""

    def __init__(self, root: Element, where: Where) -> None:
        self._where = where
        found = root.find(".//sequence")
        if root.tag != "xmeml" or found is None:
            raise UseError(f"{where.file} holds no sequence of Final Cut Pro 7.")
        self._sequence = found
        self._files = {file.get("id"): file for file in root.iter("file") if len(file)}
        self._rate = self._rate_of(found, Fraction(25))
        self._cuts: list[Cut] = []
        self._end = 0

    def _rate_of(self, element: Element, default: Fraction) -> Fraction:
        base = element.findtext("rate/timebase")
        if base is None:
            return default
        ntsc = (element.findtext("rate/ntsc") or "").strip().upper() == "TRUE"
        return nominal(Fraction(base.strip()) * (Fraction(1000, 1001) if ntsc else 1))

    def timeline(self) -> Timeline:
        tracks = [one for one in self._sequence.findall("media/video/track") if one.find("clipitem") is not None]
        if not tracks:
            raise UseError(f"{self._where.file} holds no track with pictures.")
        if len(tracks) > 1:
            log.warning("%s has %d tracks of pictures; only the lowest is read.", self._where.file, len(tracks))
        self._fill(tracks[0])
        self._black(_whole(self._sequence, "duration"), Fraction(0))
        cuts, music, start = with_sound(self._cuts, list(self._heard()), self._where.file)
        drop = (self._sequence.findtext("timecode/displayformat") or "").strip() == "DF" and droppable(self._rate)
        name = self._sequence.findtext("name") or self._where.file.stem
        return Timeline(name, self._rate, cuts, music, start, tuple(self._markers()), drop)

    def _fill(self, track: Element) -> None:
        items = [item for item in track if item.tag in ("clipitem", "generatoritem", "transitionitem")]
        for before, item, after in zip([None, *items], items, [*items[1:], None], strict=False):
            if item.tag != "transitionitem":
                self._add(item, before, after)
            elif after is None or _whole(after, "start") not in (-1, _whole(item, "start")):  # out to black
                first, stop = _whole(item, "start"), _whole(item, "end")
                self._black(stop, Fraction(stop - first))

    def _add(self, item: Element, before: Element | None, after: Element | None) -> None:
        if item.find("sequence") is not None:
            raise UseError(
                f"{self._where.file}: {item.findtext('name')} is a sequence within the sequence.",
                "Flatten it in the editing program first.",
            )
        first, stop = _whole(item, "start"), _whole(item, "end")
        frames = 0
        if before is not None and before.tag == "transitionitem" and first in (-1, _whole(before, "start")):
            first = _whole(before, "start")
            frames = _whole(before, "end") - first
        if after is not None and after.tag == "transitionitem":
            stop = _whole(after, "start")
        if first < self._end or stop <= first:
            raise UseError(f"{self._where.file}: {item.findtext('name')} overlaps what is before it.")
        self._black(first, Fraction(0))
        length = (stop - first) / self._rate
        melts = min(frames / self._rate, length)
        file = self._file(item)
        if item.tag == "generatoritem" or file is None or (item.findtext("enabled") or "").upper() == "FALSE":
            self._cuts.append(Cut(None, Fraction(0), length, self._rate, dissolve=melts, sound=False))
        else:
            self._cuts.append(self._cut(item, file, length, melts))
        self._end = stop

    def _black(self, until: int, dissolve: Fraction) -> None:
        if until > self._end:
            length = (until - self._end) / self._rate
            if self._cuts and self._cuts[-1].source is None and not dissolve:  # more of the same
                length += self._cuts[-1].length
                dissolve = self._cuts[-1].dissolve * self._rate
                self._cuts.pop()
            melts = min(dissolve / self._rate, length)
            self._cuts.append(Cut(None, Fraction(0), length, self._rate, dissolve=melts, sound=False))
            self._end = until

    def _file(self, item: Element) -> Element | None:
        file = item.find("file")
        found = None if file is None else self._files.get(file.get("id"), file)
        return found if found is not None and found.findtext("pathurl") else None

    def _source(self, file: Element) -> Path:
        return self._where.find(*filter(None, (file.findtext("pathurl"), file.findtext("name"))))

    def _cut(self, item: Element, file: Element, length: Fraction, dissolve: Fraction) -> Cut:
        if item.find("filter/effect[effectid='timeremap']") is not None:
            log.warning("%s plays at another speed, which is not carried out.", item.findtext("name"))
        source = self._source(file)
        known = self._where.about(source)
        start = _whole(item, "in") / self._rate_of(item, self._rate)
        name = item.findtext("name") or ""
        note = item.findtext("comments/mastercomment1") or ""
        return self._where.cut(source, start, start + length, name, note, dissolve=dissolve, sound=known.sound)

    def _heard(self) -> Iterator[Heard]:
        for item in self._sequence.findall("media/audio/track/clipitem"):
            file = self._file(item)
            if file is not None and (item.findtext("enabled") or "").upper() != "FALSE":
                first, stop = _whole(item, "start"), _whole(item, "end")
                length = (_whole(item, "out") - _whole(item, "in")) / self._rate_of(item, self._rate)
                begin = max(first, 0) / self._rate
                end = stop / self._rate if stop >= 0 else begin + length
                yield self._source(file), begin, end, _whole(item, "in") / self._rate_of(item, self._rate)

    def _markers(self) -> Iterator[Marker]:
        for marker in self._sequence.findall("marker"):
            yield Marker(_whole(marker, "in") / self._rate, marker.findtext("name") or "")


def _whole(element: Element, name: str) -> int:
    return int(element.findtext(name, "").strip() or 0)

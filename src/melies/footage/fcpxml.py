"""Final Cut Pro's XML, which DaVinci Resolve reads and writes too.

Written here rather than by OpenTimelineIO's adapter, which rounds rates to whole frames per second and times by way of
floating-point numbers: at 23.976 it cannot write at all, at 25 it misses one frame in fifteen. Times are exact
fractions of seconds.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

from melies.errors import UseError
from melies.footage.exchange import Where, from_xml, pieces
from melies.footage.fcpxml_items import MARKERS, Item, Sequence, address_of, resources_of, time_of
from melies.footage.timecode import Timecode
from melies.footage.timeline import About, Cut, Marker, Timeline, about

log = logging.getLogger("melies")

Element = ElementTree.Element

_VERSION = "1.8"
"""The last in which a source is an attribute of its asset: all programs read it, and so does OpenTimelineIO."""
_HEARD = {"hasAudio": "1", "audioSources": "1", "audioChannels": "2"}


def check(rate: Fraction) -> None:
    """Refuse nothing: times are fractions, which say every rate."""


def write(timeline: Timeline) -> str:
    """Return a timeline as FCPXML; see `melies.footage.timeline.export`."""
    root = Element("fcpxml", version=_VERSION)
    assets = _Assets(ElementTree.SubElement(root, "resources"))
    # The first format is that of the result.
    first = next((cut for cut in timeline.cuts if cut.source is not None), None)
    look = None if first is None or first.source is None else about(first.source)
    shape = assets.format(timeline.rate, look.size if look else (1920, 1080))
    event = ElementTree.SubElement(ElementTree.SubElement(root, "library"), "event", name=timeline.name)
    sequence = ElementTree.SubElement(
        ElementTree.SubElement(event, "project", name=timeline.name),
        "sequence",
        format=shape,
        duration=_time(timeline.frames / timeline.rate),
        tcStart=_time(timeline.begin.seconds),
        tcFormat=_counted(timeline.drop),
    )
    spine = ElementTree.SubElement(sequence, "spine")
    _fill(spine, timeline, assets)
    ElementTree.indent(root, "    ")
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n{text}\n'


def _fill(spine: Element, timeline: Timeline, assets: _Assets) -> None:
    rate, begin = timeline.rate, timeline.begin.seconds
    items: list[Element] = []
    for piece in pieces(timeline):
        if piece.dissolve:
            around = {"offset": _time(begin + piece.first / rate), "duration": _time(piece.dissolve / rate)}
            ElementTree.SubElement(spine, "transition", {"name": "Cross Dissolve"} | around)
        if not piece.frames:  # black that is only faded to
            continue
        at = begin + (piece.first + piece.early) / rate
        items.append(_item(spine, piece.cut, at, piece.cut.start + piece.early / rate, piece.frames / rate, assets))
    _hang(items, timeline, assets)


def _item(spine: Element, cut: Cut, at: Fraction, start: Fraction, length: Fraction, assets: _Assets) -> Element:
    placed = {"offset": _time(at), "name": cut.called, "duration": _time(length)}
    if cut.source is None:
        return ElementTree.SubElement(spine, "gap", placed | {"start": "0s"})
    zero = cut.timecode or Timecode(0, cut.rate)
    item = ElementTree.SubElement(
        spine,
        "asset-clip",
        {"ref": assets.film(cut.source, zero)} | placed | {"start": _time(zero.count(start) / zero.rate), "tcFormat":
        _counted(zero.drop)} | ({} if cut.sound else {"srcEnable": "video"}),
    )  # fmt: skip
    if cut.note:
        ElementTree.SubElement(item, "note").text = cut.note
    return item


def _hang(items: list[Element], timeline: Timeline, assets: _Assets) -> None:
    """Connect music and markers to the items of the spine; their times are those of the item they hang on."""

    def inside(item: Element, moment: Fraction) -> str:
        return _time(moment - time_of(item, "offset") + time_of(item, "start"))

    whole, zero = timeline.frames / timeline.rate, timeline.begin.seconds
    late = max(Fraction(0), -timeline.music_start)
    if timeline.music is not None and late < whole:
        begin = max(Fraction(0), timeline.music_start)
        host = _at(items, zero + late)
        placed = {
            "lane": "-1",
            "offset": inside(host, zero + late),
            "start": _time(begin),
            "duration": _time(whole - late),
        }
        named = {"ref": assets.music(timeline.music, begin + whole - late), "name": timeline.music.name}
        ElementTree.SubElement(host, "asset-clip", named | placed | {"audioRole": "music"})
    for marker in timeline.markers:
        if 0 <= marker.time < whole:
            host = _at(items, zero + marker.time)
            moment = inside(host, zero + round(marker.time * timeline.rate) / timeline.rate)
            ElementTree.SubElement(host, "marker", start=moment, duration=_time(1 / timeline.rate), value=marker.name)


def _at(items: list[Element], moment: Fraction) -> Element:
    return max((item for item in items if time_of(item, "offset") <= moment), key=lambda item: time_of(item, "offset"))


class _Assets:
    """The list of formats and sources, each once."""

    def __init__(self, resources: Element) -> None:
        self._resources = resources
        self._ids: dict[object, str] = {}

    def _add(self, key: object, tag: str, attributes: dict[str, str]) -> str:
        self._ids[key] = f"r{len(self._ids) + 1}"
        ElementTree.SubElement(self._resources, tag, {"id": self._ids[key]} | attributes)
        return self._ids[key]

    def format(self, rate: Fraction, size: tuple[int, int]) -> str:
        key = rate, size
        if key in self._ids:
            return self._ids[key]
        tick = f"{rate.denominator}/{rate.numerator}s"
        shape = {"frameDuration": tick, "width": str(size[0]), "height": str(size[1])}
        return self._add(key, "format", shape)

    def film(self, path: Path, zero: Timecode) -> str:
        if path in self._ids:
            return self._ids[path]
        known = about(path)
        shape = self.format(known.rate, known.size)
        length = round((known.length or Fraction(0)) * known.rate) / known.rate
        seen = {"hasVideo": "1", "format": shape}
        return self._asset(path, zero.seconds, length, seen | (_HEARD if known.sound else {}))

    def music(self, path: Path, length: Fraction) -> str:
        return self._asset(path, Fraction(0), length, _HEARD)

    def _asset(self, path: Path, start: Fraction, length: Fraction, kind: dict[str, str]) -> str:
        times = {"start": _time(start), "duration": _time(length)}
        return self._add(path, "asset", {"name": path.stem, "src": path.absolute().as_uri()} | times | kind)


def _time(seconds: Fraction) -> str:
    return f"{seconds.numerator}s" if seconds.denominator == 1 else f"{seconds.numerator}/{seconds.denominator}s"


def _counted(drop: bool) -> str:
    return "DF" if drop else "NDF"


def read(text: str, where: Where) -> Timeline:
    """Read FCPXML; see `melies.footage.timeline.read`.

    Raises:
        UseError: It cannot be read, holds sequences within the sequence, or a source is missing.
    """
    return from_xml(text, where, lambda root: _Reading(root, where).timeline())


class _Reading:
    """The items of a spine become cuts."""

    def __init__(self, root: Element, where: Where) -> None:
        self._where = where
        sequences = root.findall(".//project/sequence")
        if not sequences:
            raise UseError(f"{where.file} holds no project.")
        if len(sequences) > 1:
            log.warning("%s holds %d projects; the first one is read.", where.file, len(sequences))
        self._name = root.findall(".//project")[0].get("name") or where.file.stem
        self._sequence = Sequence(sequences[0], resources_of(root))
        self._rate = self._sequence.rate
        self._cuts: list[Cut] = []
        self._markers: list[Marker] = []
        self._music: tuple[Path, Fraction] | None = None
        self._end = Fraction(0)
        self._dissolve: Item | None = None

    def timeline(self) -> Timeline:
        for item in self._sequence.spine():
            self._add(item)
        self._fade_out()
        music, start = self._music or (None, Fraction(0))
        return Timeline(
            self._name, self._rate, tuple(self._cuts), music, start, tuple(self._markers), self._sequence.drop
        )

    def _add(self, item: Item) -> None:
        if item.nested or item.alike:
            raise UseError(
                f"{self._where.file}: {item.name or 'an item'} is a sequence within the sequence.",
                "Break it apart in the editing program first.",
            )
        if item.kind == "transition":
            self._dissolve = item
            return
        if item.at < self._end - 1 / (2 * self._rate):
            raise UseError(f"{self._where.file}: {item.name or 'an item'} overlaps what is before it.")
        if item.at > self._end:
            self._append(self._black(item.at - self._end))
        if item.asset is None and item.kind != "gap":
            log.warning("%s, a title or generator, is shown as black.", item.name)
        self._append(self._cut(item) if item.seen and item.enabled else self._black(item.length))
        if item.heard and item.enabled and not item.seen:
            self._sound(item)
        for marker in (one for one in item.element if one.tag in MARKERS):
            self._markers.append(Marker(item.at + item.local(marker), marker.get("value", "")))
        self._connected(item)

    def _black(self, length: Fraction) -> Cut:
        return Cut(None, Fraction(0), length, self._rate, sound=False)

    def _met(self, room: Fraction | None = None) -> tuple[Fraction, Fraction]:
        """How long the transition before the next cut is, and how much of it lies before the cut.

        A transition lies around the cut, here it begins with the new picture: the cut before is made shorter. The new
        picture has only `room` before its beginning.
        """
        met, self._dissolve = self._dissolve, None
        if met is None or not self._cuts:
            return (met.length if met else Fraction(0)), Fraction(0)
        before = self._cuts[-1]
        early = max(Fraction(0), min(self._end - met.at, before.length - max(before.dissolve, 1 / self._rate)))
        early = early if room is None else min(early, room)
        self._cuts[-1] = replace(before, end=before.end - early)
        return met.length, early

    def _append(self, cut: Cut) -> None:
        dissolve, early = self._met(None if cut.source is None else cut.start)
        self._end += cut.length
        start = max(Fraction(0), cut.start - early)
        end = start + cut.length + early
        self._cuts.append(replace(cut, start=start, end=end, dissolve=min(dissolve, end - start)))

    def _fade_out(self) -> None:
        """Carry out a transition after the last cut: it goes to black, and ends with the film."""
        _, early = self._met()
        if early:
            self._cuts.append(replace(self._black(early), dissolve=early))

    def _cut(self, item: Item) -> Cut:
        assert item.asset is not None
        source = self._source(item.asset)
        known = self._where.about(source)
        start = self._clip_time(item, item.asset, known)
        if item.element.find("timeMap") is not None:
            log.warning("%s plays at another speed, which is not carried out.", item.name)
        note, sound = item.element.findtext("note", ""), known.sound and item.heard
        return self._where.cut(source, start, start + item.length, item.name, note, sound=sound)

    def _clip_time(self, item: Item, asset: Element, known: About) -> Fraction:
        zero, start = time_of(asset, "start"), item.source_start
        # Some programs begin the numbers of a source again at midnight.
        time = known.since(start, known.timecode.day) if zero == known.timecode.seconds else start - zero
        if time < 0:
            raise UseError(f"{self._where.file}: {item.name} begins before its source.")
        # Frames of the source lie on its own grid; editing programs round to it.
        return round(time * known.rate) / known.rate

    def _source(self, asset: Element) -> Path:
        return self._where.find(*filter(None, (address_of(asset), asset.get("name"))))

    def _connected(self, host: Item) -> None:
        for item in (one for group in self._sequence.hanging(host) for one in group):
            if item.kind not in ("gap", "transition") and (not item.heard or item.seen):
                log.warning("%s lies on a lane of its own and is left out.", item.name or "something")
            elif item.heard and item.enabled:
                self._sound(item)

    def _sound(self, item: Item) -> None:
        assert item.asset is not None
        if self._music is not None:
            log.warning("Only the first piece of music is heard, not %s.", item.name)
            return
        self._music = self._source(item.asset), item.source_start - time_of(item.asset, "start") - item.at

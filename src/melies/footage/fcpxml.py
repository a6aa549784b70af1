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
from melies.footage.timecode import Timecode
from melies.footage.timeline import About, Cut, Marker, Timeline, about, nominal

log = logging.getLogger("melies")

Element = ElementTree.Element

_VERSION = "1.8"
"""The last in which a source is an attribute of its asset: all programs read it, and so does OpenTimelineIO."""
_CLIPS = ("asset-clip", "clip", "video", "audio")
_HEARD = {"hasAudio": "1", "audioSources": "1", "audioChannels": "2"}
_NESTED = ("ref-clip", "sync-clip", "mc-clip", "audition")


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
    """The elements of a spine become cuts."""

    def __init__(self, root: Element, where: Where) -> None:
        self._where = where
        sequences = root.findall(".//project/sequence")
        if not sequences:
            raise UseError(f"{where.file} holds no project.")
        if len(sequences) > 1:
            log.warning("%s holds %d projects; the first one is read.", where.file, len(sequences))
        self._sequence = sequences[0]
        self._name = root.findall(".//project")[0].get("name") or where.file.stem
        self._resources = {one.get("id"): one for one in root.findall("./resources/*")}
        self._rate = self._rate_of(self._sequence.get("format"))
        self._cuts: list[Cut] = []
        self._markers: list[Marker] = []
        self._music: tuple[Path, Fraction] | None = None
        self._begin = time_of(self._sequence, "tcStart")
        self._end = self._begin
        self._dissolve: tuple[Fraction, Fraction] | None = None

    def _rate_of(self, name: str | None) -> Fraction:
        rate = frame_rate(self._resources.get(name))
        if not rate:
            raise UseError(f"{self._where.file} does not say how many frames a second it has.")
        return rate

    def timeline(self) -> Timeline:
        for item in self._sequence.findall("./spine/*"):
            self._add(item)
        if self._dissolve is not None:  # at the end: out to black
            self._append(Cut(None, Fraction(0), self._dissolve[1], self._rate, sound=False))
        music, start = self._music or (None, Fraction(0))
        drop = self._sequence.get("tcFormat") == "DF"
        return Timeline(self._name, self._rate, tuple(self._cuts), music, start, tuple(self._markers), drop)

    def _add(self, item: Element) -> None:
        at, length = time_of(item, "offset", self._end), time_of(item, "duration")
        if item.tag in _NESTED:
            raise UseError(
                f"{self._where.file}: {item.get('name', 'an item')} is a sequence within the sequence.",
                "Break it apart in the editing program first.",
            )
        if item.tag == "transition":
            self._dissolve = at, length
        elif item.tag in ("gap", *_CLIPS, "title") and length:
            if at > self._end:
                self._append(Cut(None, Fraction(0), at - self._end, self._rate, sound=False))
            if item.tag == "title" or (item.tag == "video" and self._asset(item) is None):
                log.warning("%s, a title or generator, is shown as black.", item.get("name"))
            black = item.tag in ("gap", "title") or item.get("enabled") == "0" or self._asset(item) is None
            cut = Cut(None, Fraction(0), length, self._rate, sound=False) if black else self._cut(item)
            self._end = at + length
            self._append(cut)
            self._connected(item, at)

    def _append(self, cut: Cut) -> None:
        """Put a cut at the end; a transition lies around the cut, here it begins with the new picture."""
        if self._dissolve is not None:
            at, dissolve = self._dissolve
            self._dissolve = None
            early = self._end - cut.length - at if self._cuts else Fraction(0)
            if self._cuts:
                before = self._cuts[-1]
                early = max(Fraction(0), min(early, before.length - max(before.dissolve, 1 / self._rate)))
                self._cuts[-1] = replace(before, end=before.end - early)
            start = max(Fraction(0), cut.start - early)
            cut = replace(cut, start=start, end=start + cut.length + early, dissolve=min(dissolve, cut.length + early))
        self._cuts.append(cut)

    def _asset(self, item: Element) -> Element | None:
        """The source of a clip, which may stand in an element of its own inside it."""
        inner = item if item.tag != "clip" else item.find("./video")
        found = None if inner is None else self._resources.get(inner.get("ref"))
        return found if found is not None and found.tag == "asset" else None

    def _cut(self, item: Element) -> Cut:
        asset = self._asset(item)
        assert asset is not None
        source = self._source(asset)
        known = self._where.about(source)
        start = self._clip_time(item, asset, known)
        if item.find("timeMap") is not None:
            log.warning("%s plays at another speed, which is not carried out.", item.get("name"))
        end = start + time_of(item, "duration")
        name = item.get("name", "")
        note = item.findtext("note", "")
        sound = known.sound and item.get("srcEnable", "all") != "video"
        if item.tag == "video" or (item.tag == "clip" and item.find(".//audio") is None):
            sound = False
        return self._where.cut(source, start, end, name, note, sound=sound)

    def _clip_time(self, item: Element, asset: Element, known: About) -> Fraction:
        zero = time_of(asset, "start")
        start = start_of(item, asset)
        # Some programs begin the numbers of a source again at midnight.
        time = known.since(start, known.timecode.day) if zero == known.timecode.seconds else start - zero
        if time < 0:
            raise UseError(f"{self._where.file}: {item.get('name')} begins before its source.")
        # Frames of the source lie on its own grid; editing programs round to it.
        return round(time * known.rate) / known.rate

    def _source(self, asset: Element) -> Path:
        return self._where.find(*filter(None, (address_of(asset), asset.get("name"))))

    def _connected(self, item: Element, at: Fraction) -> None:
        inside = time_of(item, "start")
        for marker in item.findall("marker"):
            moment = at - self._begin + time_of(marker, "start") - inside
            self._markers.append(Marker(moment, marker.get("value", "")))
        for part in item:
            if part.get("lane") is None:
                continue
            asset = self._resources.get(part.get("ref"))
            if asset is None or asset.get("hasVideo") == "1":
                log.warning("%s lies on a lane of its own and is left out.", part.get("name"))
            elif self._music is not None:
                log.warning("Only the first piece of music is heard, not %s.", part.get("name"))
            else:
                moment = at - self._begin + time_of(part, "offset") - inside
                self._music = self._source(asset), time_of(part, "start") - time_of(asset, "start") - moment


def frame_rate(shape: Element | None) -> Fraction:
    """Return the frames per second of a `format`; 0 where it does not say them."""
    tick = Fraction(0) if shape is None else time_of(shape, "frameDuration")
    return nominal(1 / tick) if tick else tick


def time_of(element: Element, name: str, default: Fraction = Fraction(0)) -> Fraction:
    """Return an attribute that is a time, in exact seconds."""
    text = element.get(name)
    return default if text is None else Fraction(text.strip().removesuffix("s"))


def start_of(item: Element, asset: Element) -> Fraction:
    """Return what the source calls the moment with which a clip begins, in seconds."""
    zero = time_of(asset, "start")
    start = time_of(item, "start", zero)
    inner = item.find("./video") if item.tag == "clip" else None
    return start if inner is None else start + time_of(inner, "start", zero) - time_of(inner, "offset")


def address_of(asset: Element) -> str:
    """Return where a source lies; nothing if that is not said."""
    inner = asset.find("media-rep")  # from version 1.9 on
    return asset.get("src") or (inner.get("src") if inner is not None else None) or ""

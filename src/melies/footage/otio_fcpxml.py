"""FCPXML for OpenTimelineIO: an adapter of its plugin system, whose times are exact at every rate.

OpenTimelineIO loads it by itself where both are installed (`plugin_manifest.json`); docs/adr/0013
says why there is one. The films themselves are not opened for reading: all that is told stands in the file.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import opentimelineio as otio

from melies.errors import UseError
from melies.files import replacing
from melies.footage import timeline as timelines
from melies.footage.exchange import Where, parsed
from melies.footage.fcpxml import address_of, frame_rate, start_of, time_of
from melies.footage.otio import from_otio

log = logging.getLogger("melies")

Element = ElementTree.Element

_UNREAD = ("sync-clip", "mc-clip", "audition")
_ITEMS = ("asset-clip", "clip", "video", "audio", "ref-clip", "title", *_UNREAD)


def read_from_file(filepath: str) -> Any:
    """Read a file; see `read_from_string`."""
    with _told():
        return _read(Path(filepath).read_text(encoding="utf-8-sig"), Path(filepath))


def read_from_string(input_str: str) -> Any:
    """Read FCPXML.

    Args:
        input_str: The file.

    Returns:
        A `Timeline`, or a `SerializableCollection` of them if there are several projects. The spine is the lowest track
        of pictures and, where its films are heard, the first of sound; what hangs on it lies on tracks of its own.
        Starts are counted in the sources' frames, everything else in the sequence's.

    Raises:
        OTIOError: It cannot be read.
    """
    with _told():
        return _read(input_str, Path("timeline.fcpxml"))


def write_to_file(input_otio: Any, filepath: str) -> str:
    """Write a file; see `write_to_string`.

    Args:
        input_otio: A timeline.
        filepath: Sources that are named without a folder are looked for beside it.
    """
    with _told():
        made = _written(input_otio, Path(filepath))
        with replacing(Path(filepath)) as part:
            part.write_text(made, encoding="utf-8")
    return filepath


def write_to_string(input_otio: Any) -> str:
    """Return a timeline as FCPXML, as `melies.footage.timeline.export` writes it.

    Args:
        input_otio: A `Timeline`, or a collection, of which the first one is written. Its films are opened, as an asset
            of FCPXML says how long it is.

    Raises:
        OTIOError: There is no timeline, or a film is missing.
    """
    with _told():
        return _written(input_otio, Path("timeline.fcpxml"))


@contextmanager
def _told() -> Iterator[None]:
    """Raise OpenTimelineIO's kind of error in place of ours."""
    try:
        yield
    except (UseError, OSError, ValueError, ZeroDivisionError) as error:
        raise otio.exceptions.OTIOError(str(error)) from error


def _written(found: Any, file: Path) -> str:
    return timelines.text(from_otio(found, Where(file)), Path("timeline.fcpxml"))


def _read(text: str, file: Path) -> Any:
    root = parsed(text, file)
    resources = {one.get("id"): one for one in root.findall("./resources/*")}
    projects = [one for one in root.iter("project") if one.find("sequence") is not None]
    if not projects:
        raise UseError(f"{file} holds no project.")
    made = [_timeline(project, resources) for project in projects]
    if len(made) == 1:
        return made[0]
    event = root.find(".//event")
    return otio.schema.SerializableCollection("" if event is None else event.get("name", ""), made)


def _timeline(project: Element, resources: dict[str | None, Element]) -> Any:
    sequence = project.find("sequence")
    assert sequence is not None
    reading = _Sequence(sequence, resources)
    begin = reading.time(reading.begin, reading.rate)
    drop = {"melies": {"drop": True}} if sequence.get("tcFormat") == "DF" else {}
    made = otio.schema.Timeline(project.get("name", ""), global_start_time=begin, metadata=drop)
    made.tracks.extend(reading.tracks())
    return made


class _Placed(NamedTuple):  # no dataclass: OpenTimelineIO loads this file without listing it as a module
    """An item and where it lies, in seconds from the sequence's beginning."""

    begin: Fraction
    end: Fraction
    item: Any


class _Sequence:
    """What lies on a spine, and on the lanes that hang on it."""

    def __init__(
        self, sequence: Element, resources: dict[str | None, Element], around: tuple[Element, ...] = ()
    ) -> None:
        if sequence in around:
            raise UseError("A sequence lies within itself.")
        self._around = (*around, sequence)
        self._resources = resources
        self._sequence = sequence
        self.rate = self._rate(sequence.get("format"))
        self.begin = time_of(sequence, "tcStart")
        self._heard: list[_Placed] = []
        self._lanes: dict[tuple[int, bool], list[_Placed]] = {}

    def _rate(self, shape: str | None) -> Fraction:
        rate = frame_rate(self._resources.get(shape))
        if not rate:
            raise UseError("A sequence does not say how many frames a second it has.")
        return rate

    def time(self, seconds: Fraction, rate: Fraction) -> Any:
        return otio.opentime.RationalTime(float(seconds * rate), float(rate))

    def _range(self, start: Fraction, length: Fraction, rate: Fraction) -> Any:
        return otio.opentime.TimeRange(self.time(start, rate), self.time(length, self.rate))

    def tracks(self) -> Iterator[Any]:
        """The spine, then lanes: pictures from the bottom up, then what is only heard."""
        spine = self._track("V1", list(self._spine(self._sequence.find("spine"), self.begin)))
        kinds = otio.schema.TrackKind
        yield spine
        for lane, heard in sorted(self._lanes, key=lambda key: (key[1], key[0])):
            if not heard:
                yield from self._stacked(f"V {lane}", self._lanes[lane, heard], kinds.Video)
        if self._heard:
            yield self._track("A1", self._heard, kinds.Audio)
        for lane, heard in sorted(self._lanes, reverse=True):
            if heard:
                yield from self._stacked(f"A {lane}", self._lanes[lane, heard], kinds.Audio)

    def _stacked(self, name: str, placed: list[_Placed], kind: str) -> Iterator[Any]:
        """Tracks for a lane: one, but as many as are needed where programs let its items overlap."""
        left = sorted(placed, key=lambda one: one.begin)
        while left:
            taken: list[_Placed] = []
            over: list[_Placed] = []
            for one in left:
                (over if taken and one.begin < taken[-1].end else taken).append(one)
            yield self._track(name, taken, kind)
            left = over

    def _track(self, name: str, placed: list[_Placed], kind: str = "Video") -> Any:
        track = otio.schema.Track(name, kind=kind)
        end = Fraction(0)
        for one in placed:
            if one.begin > end and not isinstance(one.item, otio.schema.Transition):
                track.append(otio.schema.Gap(source_range=self._range(Fraction(0), one.begin - end, self.rate)))
            track.append(one.item)
            end = max(end, one.end)
        return track

    def _spine(self, spine: Element | None, zero: Fraction) -> Iterator[_Placed]:
        """Items one after another; a transition lies around the cut between two."""
        end = Fraction(0)
        for element in () if spine is None else spine:
            at, length = time_of(element, "offset", end + zero) - zero, time_of(element, "duration")
            if element.tag == "transition":
                early = min(max(end - at, Fraction(0)), length)
                offsets = (self.time(part, self.rate) for part in (early, length - early))
                kind = otio.schema.TransitionTypes.SMPTE_Dissolve
                yield _Placed(end, end, otio.schema.Transition(element.get("name", ""), kind, *offsets))
            elif element.tag in ("gap", *_ITEMS) and length:
                yield _Placed(at, at + length, self._item(element))
                end = at + length
                if self._sounds(element):
                    self._heard.append(_Placed(at, end, self._item(element)))
                self._hanging(element, at)

    def _hanging(self, host: Element, at: Fraction) -> None:
        """What is connected to an item; its times are those of the item."""
        inside = time_of(host, "start", self._zero(host))
        for part in host:
            moment = at + time_of(part, "offset") - inside
            if part.tag == "spine":  # a storyline, which counts from 0
                self._lane(part, list(self._spine_of(part, moment)))
            elif part.tag in _ITEMS and part.get("lane") and time_of(part, "duration"):
                self._lane(part, [_Placed(moment, moment + time_of(part, "duration"), self._item(part))])

    def _spine_of(self, storyline: Element, at: Fraction) -> Iterator[_Placed]:
        for element in storyline:
            if element.tag in _ITEMS and (length := time_of(element, "duration")):
                begin = at + time_of(element, "offset")
                yield _Placed(begin, begin + length, self._item(element))

    def _lane(self, element: Element, placed: list[_Placed]) -> None:
        asset = self._asset(element)
        heard = element.tag == "audio" or (asset is not None and asset.get("hasVideo") != "1")
        self._lanes.setdefault((int(element.get("lane", "1")), heard), []).extend(placed)

    def _asset(self, element: Element) -> Element | None:
        """The source of a clip, which may stand in an element of its own inside it."""
        inner = element.find("./video") if element.tag == "clip" else element
        if inner is None:
            inner = element.find(".//audio")
        found = None if inner is None else self._resources.get(inner.get("ref"))
        return found if found is not None and found.tag == "asset" else None

    def _zero(self, element: Element) -> Fraction:
        asset = self._asset(element)
        return Fraction(0) if asset is None else time_of(asset, "start")

    def _sounds(self, element: Element) -> bool:
        asset = self._asset(element)
        mute = element.get("srcEnable", "all") == "video" or element.tag == "video"
        return asset is not None and asset.get("hasAudio") == "1" and not mute

    def _item(self, element: Element) -> Any:
        name, length = element.get("name", ""), time_of(element, "duration")
        if element.tag == "audition" and len(element):  # the first is the one that is picked
            return self._item(element[0])
        if element.tag in _UNREAD:
            raise UseError(f"{name or element.tag} is a clip of several synchronised ones, which is not read.")
        if element.find("timeMap") is not None:
            log.warning("%s plays at another speed, which is not carried over.", name)
        if element.tag == "gap":
            made = otio.schema.Gap(source_range=self._range(time_of(element, "start"), length, self.rate))
        elif element.tag == "ref-clip":
            made = self._nested(element, length)
        else:
            made = self._clip(element, length)
        made.enabled = element.get("enabled") != "0"
        made.markers.extend(self._marker(marker) for marker in element.findall("marker"))
        return made

    def _nested(self, element: Element, length: Fraction) -> Any:
        medium = self._resources.get(element.get("ref"))
        sequence = None if medium is None else medium.find("sequence")
        if sequence is None:
            raise UseError(f"{element.get('name', 'A clip')} refers to a sequence that is not there.")
        inner = _Sequence(sequence, self._resources, self._around)
        start = time_of(element, "start", inner.begin) - inner.begin
        span = self._range(start, length, inner.rate)
        return otio.schema.Stack(element.get("name", ""), list(inner.tracks()), source_range=span)

    def _clip(self, element: Element, length: Fraction) -> Any:
        asset, note = self._asset(element), element.findtext("note", "")
        about = {"melies": {"note": note}} if note else {}
        if asset is None:
            made = otio.schema.GeneratorReference(element.get("name", ""), element.tag)
            span = self._range(time_of(element, "start"), length, self.rate)
            return otio.schema.Clip(element.get("name", ""), made, span, about)
        rate = frame_rate(self._resources.get(asset.get("format"))) or self.rate
        zero, reach = time_of(asset, "start"), time_of(asset, "duration")
        source = otio.schema.ExternalReference(
            address_of(asset), otio.opentime.TimeRange(self.time(zero, rate), self.time(reach, rate))
        )
        source.name = asset.get("name", "")
        return otio.schema.Clip(
            element.get("name", ""), source, self._range(start_of(element, asset), length, rate), about
        )

    def _marker(self, element: Element) -> Any:
        span = self._range(time_of(element, "start"), time_of(element, "duration"), self.rate)
        return otio.schema.Marker(element.get("value", ""), span)

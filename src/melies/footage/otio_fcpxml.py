"""FCPXML for OpenTimelineIO: an adapter of its plugin system, whose times are exact at every rate.

OpenTimelineIO loads it by itself where both are installed (`plugin_manifest.json`); docs/adr/0013
says why there is one. The films themselves are not opened for reading: all that is told stands in the file.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import opentimelineio as otio

from melies.errors import UseError
from melies.files import replacing
from melies.footage import timeline as timelines
from melies.footage.exchange import Where, parsed
from melies.footage.fcpxml_items import MARKERS, Item, Resources, Sequence, address_of, resources_of, time_of
from melies.footage.otio import from_otio

log = logging.getLogger("melies")

Element = ElementTree.Element

_KINDS = otio.schema.TrackKind


def read_from_file(filepath: str) -> Any:
    """Read a file; see `read_from_string`."""
    with _told():
        return _read(timelines.text_of(Path(filepath)), Path(filepath))


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
    resources = resources_of(root)
    projects = [one for one in root.iter("project") if one.find("sequence") is not None]
    if not projects:
        raise UseError(f"{file} holds no project.")
    made = [_timeline(project, resources) for project in projects]
    if len(made) == 1:
        return made[0]
    event = root.find(".//event")
    return otio.schema.SerializableCollection("" if event is None else event.get("name", ""), made)


def _timeline(project: Element, resources: Resources) -> Any:
    sequence = project.find("sequence")
    assert sequence is not None
    inside = Sequence(sequence, resources)
    drop = {"melies": {"drop": True}} if inside.drop else {}
    made = otio.schema.Timeline(
        project.get("name", ""), global_start_time=_time(inside.begin, inside.rate), metadata=drop
    )
    made.tracks.extend(_Tracks(inside).all())
    return made


def _time(seconds: Fraction, rate: Fraction) -> Any:
    return otio.opentime.RationalTime(float(seconds * rate), float(rate))


class _Tracks:
    """The tracks of a sequence."""

    def __init__(self, sequence: Sequence) -> None:
        self._sequence, self._rate = sequence, sequence.rate
        self._lanes: dict[int, list[list[Item]]] = {}

    def all(self) -> list[Any]:
        """Pictures from the bottom up, then what is heard of them, then what is only heard."""
        self._lanes[0] = [list(self._sequence.spine())]
        self._collect(self._lanes[0][0])
        pictures = [self._stacked(lane, self._lanes[lane], _KINDS.Video) for lane in sorted(self._lanes)]
        sounds = [self._stacked(lane, self._lanes[lane], _KINDS.Audio) for lane in sorted(self._lanes, key=abs)]
        return list(chain(*pictures, *sounds))

    def _collect(self, hosts: list[Item]) -> None:
        for host in hosts:
            for group in self._sequence.hanging(host):
                self._lanes.setdefault(group[0].lane if group else 0, []).append(group)
                self._collect(group)

    def _stacked(self, lane: int, groups: list[list[Item]], kind: str) -> Iterator[Any]:
        """Tracks for a lane: one, but as many as are needed where its items overlap."""
        left = [[item for item in group if self._belongs(item, kind)] for group in groups]
        left = sorted((group for group in left if group), key=lambda group: group[0].at)
        name = ("V" if kind == _KINDS.Video else "A") + (f" {lane}" if lane else "1")
        while left:
            taken: list[list[Item]] = []
            over: list[list[Item]] = []
            for group in left:
                (over if taken and group[0].at < taken[-1][-1].end else taken).append(group)
            yield self._track(name, [item for group in taken for item in group], kind)
            left = over

    def _belongs(self, item: Item, kind: str) -> bool:
        if kind == _KINDS.Audio:
            return item.heard or (item.nested and self._sounds(item))
        return item.kind == "transition" or item.seen or item.nested or item.alike or not item.heard

    def _sounds(self, item: Item) -> bool:
        inside = self._sequence.within(item)
        return item.element.get("srcEnable") != "video" and any(
            self._belongs(one, _KINDS.Audio) for one in inside.spine()
        )

    def _track(self, name: str, items: list[Item], kind: str) -> Any:
        track = otio.schema.Track(name, kind=kind)
        end = Fraction(0)
        for item in items:
            if item.kind == "transition":
                track.append(self._transition(item, end))
                continue
            gap = Fraction(round((item.at - end) * self._rate)) / self._rate
            if gap < 0:
                log.warning("%s overlaps what is before it, and is put behind that.", item.name or item.kind)
            if gap > 0:
                track.append(otio.schema.Gap(source_range=self._range(Fraction(0), gap, self._rate)))
            track.append(self._made(item))
            end = item.end
        return track

    def _transition(self, item: Item, cut: Fraction) -> Any:
        """A transition lies around the cut between two items."""
        early = min(max(cut - item.at, Fraction(0)), item.length)
        offsets = (_time(part, self._rate) for part in (early, item.length - early))
        return otio.schema.Transition(item.name, otio.schema.TransitionTypes.SMPTE_Dissolve, *offsets)

    def _range(self, start: Fraction, length: Fraction, rate: Fraction) -> Any:
        return otio.opentime.TimeRange(_time(start, rate), _time(length, self._rate))

    def _made(self, item: Item) -> Any:
        if item.alike:
            raise UseError(f"{item.name or item.kind} is several synchronised clips, which are not read.")
        if item.element.find("timeMap") is not None:
            log.warning("%s plays at another speed, which is not carried over.", item.name)
        if item.kind == "gap":
            made, start = otio.schema.Gap(source_range=self._range(item.start, item.length, self._rate)), item.start
        elif item.nested:
            made, start = self._nested(item)
        else:
            made, start = self._clip(item), item.source_start
        made.enabled = item.enabled
        marks = [element for element in item.element if element.tag in MARKERS]
        made.markers.extend(self._marker(mark, start + item.local(mark)) for mark in marks)
        return made

    def _nested(self, item: Item) -> tuple[Any, Fraction]:
        inside = self._sequence.within(item)
        start = item.start - inside.begin if item.element.get("start") else Fraction(0)
        span = self._range(start, item.length, inside.rate)
        return otio.schema.Stack(item.name, _Tracks(inside).all(), source_range=span), start

    def _clip(self, item: Item) -> Any:
        about = _remarks(item.element)
        if item.asset is None:
            made = otio.schema.GeneratorReference(item.name, item.kind)
            return otio.schema.Clip(item.name, made, self._range(item.start, item.length, self._rate), about)
        rate = self._sequence.rate_of(item.asset)
        reach = otio.opentime.TimeRange(*(_time(time_of(item.asset, name), rate) for name in ("start", "duration")))
        source = otio.schema.ExternalReference(address_of(item.asset), reach)
        source.name = item.asset.get("name", "")
        return otio.schema.Clip(item.name, source, self._range(item.source_start, item.length, rate), about)

    def _marker(self, element: Element, at: Fraction) -> Any:
        span = self._range(at, time_of(element, "duration"), self._rate)
        return otio.schema.Marker(element.get("value", ""), span, comment=element.get("note", ""))


def _remarks(element: Element) -> dict[str, Any]:
    """Notes and keywords of a clip."""
    note = element.findtext("note", "")
    words = [word.strip() for one in element.findall("keyword") for word in one.get("value", "").split(",")]
    told = {"note": note, "keywords": words}
    return {"melies": {name: value for name, value in told.items() if value}} if note or words else {}

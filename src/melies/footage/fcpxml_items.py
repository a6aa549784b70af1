"""What lies on a sequence of FCPXML, with all that the format lets programs leave out filled in.

Apple, "Final Cut Pro XML" (developer documentation) and its DTD. A clip has a *local* time, which begins with its
`start`; what hangs on it is placed in that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from xml.etree import ElementTree

from melies.footage.timecode import nominal

Element = ElementTree.Element

SECONDS = 10**7
"""Longest time: a third of a year."""
NESTED = 20_000
"""Most items of sequences within sequences, counted each time they occur: few lines could mean billions."""
MARKERS = ("marker", "chapter-marker")
"""What notes in time are called."""
DEPTH = 40
"""Most sequences within sequences, and clips that hang on clips."""
_FASTEST = 10_000
_FRACTION = re.compile(r"(-?\d{1,18})/(\d{1,18})s?")
_DECIMAL = re.compile(r"-?\d{1,9}(\.\d{1,18})?s?")
_CLIPS = ("asset-clip", "clip", "video", "audio", "title", "ref-clip", "sync-clip", "mc-clip")
_PLACED = (*_CLIPS, "gap", "audition", "transition")
_ALIKE = ("sync-clip", "mc-clip")

Resources = Mapping[str | None, Element]


def time_of(element: Element, name: str, default: Fraction = Fraction(0)) -> Fraction:
    """Return an attribute that is a time, in exact seconds.

    Raises:
        ValueError: It is none, or longer than `SECONDS`.
    """
    text = element.get(name)
    if text is None:
        return default
    written = text.strip()
    if not (_FRACTION.fullmatch(written) or _DECIMAL.fullmatch(written)) or re.search(r"/0+s?$", written):
        raise ValueError(f"{name}={text[:40]!r} is no time, as 29/25s is")
    seconds = Fraction(written.removesuffix("s"))
    if abs(seconds) > SECONDS:
        raise ValueError(f"{name}={text[:40]!r} is longer than any film")
    return seconds


def frame_rate(shape: Element | None) -> Fraction:
    """Return the frames per second of a `format`; 0 where it does not say them.

    Raises:
        ValueError: It says a rate that no film has.
    """
    tick = Fraction(0) if shape is None else time_of(shape, "frameDuration")
    if not tick:
        return tick
    if tick < 0 or 1 / tick > _FASTEST:
        raise ValueError(
            f"no film has a frameDuration of {shape.get('frameDuration') if shape is not None else tick!r}"
        )
    return nominal(1 / tick)


@dataclass(frozen=True)
class Item:
    """Something on a timeline.

    Attributes:
        element: What stands in the file; of an audition, the clip that was picked.
        at: When it begins, in seconds from the sequence's beginning.
        length: Seconds.
        start: Local time with which it begins.
        asset: Its source; None if it has none, as gaps and titles.
        source_start: What the source calls the moment with which it begins.
        lane: 0 for the spine, above it pictures, below it mostly sound.
        depth: On how many others it hangs.
    """

    element: Element
    at: Fraction
    length: Fraction
    start: Fraction
    asset: Element | None
    source_start: Fraction
    lane: int
    depth: int

    @property
    def kind(self) -> str:
        """Its tag: `asset-clip`, `gap`, `transition` and so on."""
        return self.element.tag

    @property
    def name(self) -> str:
        """What the editor calls it."""
        return self.element.get("name", "")

    @property
    def end(self) -> Fraction:
        """When it ends, in seconds from the sequence's beginning."""
        return self.at + self.length

    @property
    def enabled(self) -> bool:
        """Whether it is seen and heard at all."""
        return self.element.get("enabled") != "0"

    @property
    def nested(self) -> bool:
        """Whether it is a sequence of its own."""
        return self.kind == "ref-clip" or (self.kind == "clip" and self.element.find("spine") is not None)

    @property
    def alike(self) -> bool:
        """Whether it is several synchronised clips."""
        return self.kind in _ALIKE

    @property
    def seen(self) -> bool:
        """Whether it has pictures of a source."""
        if self.asset is None or self.kind == "audio" or self.element.get("srcEnable") == "audio":
            return False
        voice = self.kind == "clip" and self.element.find("video") is None
        # Programs that say nothing of either mean pictures.
        return not voice and self.asset.get("hasVideo", "0" if self.asset.get("hasAudio") == "1" else "1") == "1"

    @property
    def heard(self) -> bool:
        """Whether it has sound of a source."""
        mute = self.kind == "video" or self.element.get("srcEnable", "all") == "video"
        if self.kind == "clip" and self.element.find(".//audio") is None:
            mute = True
        return self.asset is not None and self.asset.get("hasAudio") == "1" and not mute

    def local(self, element: Element) -> Fraction:
        """Return when something that is written in local time happens, in seconds from the item's beginning."""
        return time_of(element, "start") - self.start


class Sequence:
    """A `sequence` of FCPXML, or the inside of a clip that is one.

    Args:
        element: Holds a `spine`.
        resources: The file's formats, assets and sequences, by their names.
        around: The sequence in which this one lies.

    Attributes:
        rate: Frames per second.
        begin: Timecode with which it begins, in seconds.
        drop: Whether its timecode drops numbers.

    Raises:
        ValueError: It does not say a rate, or lies within itself.
    """

    def __init__(self, element: Element, resources: Resources, around: Sequence | None = None) -> None:
        self._element, self._resources = element, resources
        self._inside: tuple[Element, ...] = () if around is None else (*around._inside, around._element)
        self._counted: list[int] = [0] if around is None else around._counted
        if element in self._inside or len(self._inside) > DEPTH:
            raise ValueError("a sequence lies within itself")
        rate = frame_rate(resources.get(element.get("format"))) or (Fraction(0) if around is None else around.rate)
        if not rate:
            raise ValueError("it does not say how many frames a second it has")
        self.rate: Fraction = rate
        self.begin = time_of(element, "tcStart")
        self.drop = element.get("tcFormat") == "DF"

    def rate_of(self, asset: Element) -> Fraction:
        """Return the frames per second of a source; the sequence's where it has none, as sound."""
        return frame_rate(self._resources.get(asset.get("format"))) or self.rate

    def spine(self) -> Iterator[Item]:
        """What lies on the spine, in order."""
        spine = self._element.find("spine")
        return iter(()) if spine is None else self._items(spine, self.begin, Fraction(0), 0, 0)

    def hanging(self, host: Item) -> Iterator[list[Item]]:
        """What hangs on an item: single clips, or storylines of several, each group on one lane."""
        if host.depth > DEPTH:
            raise ValueError("more clips hang on each other than any program makes")
        for element in host.element:
            lane = _lane(element)
            if element.tag == "spine" and lane:  # a storyline, which counts from 0
                at = host.at + time_of(element, "offset") - host.start
                yield list(self._items(element, Fraction(0), at, lane, host.depth + 1))
            elif element.tag in _PLACED and element.tag != "transition" and lane and not _part(element, host):
                item = self._item(element, host.start, host.at, host.at, lane, host.depth + 1)
                if item is not None:
                    yield [item]

    def within(self, item: Item) -> Sequence:
        """Return the sequence that an item is."""
        if item.kind == "clip":
            return Sequence(item.element, self._resources, self)
        medium = self._resources.get(item.element.get("ref"))
        found = None if medium is None else medium.find("sequence")
        if found is None:
            raise ValueError(f"{item.name or 'a clip'} refers to a sequence that is not there")
        return Sequence(found, self._resources, self)

    def _items(self, row: Element, zero: Fraction, base: Fraction, lane: int, depth: int) -> Iterator[Item]:
        """What stands in a row, whose own time is `zero` at `base`; without an offset one follows the other."""
        end = base
        for element in row:
            item = self._item(element, zero, base, end, lane, depth) if element.tag in _PLACED else None
            if item is not None:
                yield item
                end = end if item.kind == "transition" else item.end

    def _item(
        self, written: Element, zero: Fraction, base: Fraction, end: Fraction, lane: int, depth: int
    ) -> Item | None:
        self._counted[0] += bool(self._inside)
        if self._counted[0] > NESTED:
            raise ValueError(f"its sequences within sequences come to more than {NESTED} clips")
        element = _picked(written)
        at = base + time_of(written, "offset", zero + end - base) - zero
        asset = self._asset(element)
        start = time_of(element, "start", _first(element, asset))
        length = time_of(element, "duration", self._rest(element, asset, start))
        if length < 0:
            raise ValueError(f"{element.get('name') or element.tag} lasts less than no time")
        made = Item(element, at, length, start, asset, _source_start(element, asset, start), lane, depth)
        return made if length else None

    def _asset(self, element: Element) -> Element | None:
        """The source of a clip, which may stand in an element of its own inside it."""
        found = self._resources.get(_inner(element).get("ref"))
        return found if found is not None and found.tag == "asset" else None

    def _rest(self, element: Element, asset: Element | None, start: Fraction) -> Fraction:
        """How long a clip is that does not say it: all that its source has."""
        if asset is not None and element.tag != "clip":
            return max(Fraction(0), time_of(asset, "start") + time_of(asset, "duration") - start)
        medium = self._resources.get(element.get("ref")) if element.tag == "ref-clip" else None
        inner = None if medium is None else medium.find("sequence")
        return Fraction(0) if inner is None else time_of(inner, "duration")


def resources_of(root: Element) -> Resources:
    """Return the formats, assets and sequences of a file, by their names."""
    return {one.get("id"): one for one in root.findall("./resources/*")}


def _lane(element: Element) -> int:
    text = element.get("lane", "0")
    if not re.fullmatch(r"-?\d{1,4}", text):
        raise ValueError(f"lane={text[:40]!r} is no number")
    return int(text)


def _first(element: Element, asset: Element | None) -> Fraction:
    """With which local time a clip begins that does not say it."""
    return Fraction(0) if asset is None or element.tag == "clip" else time_of(asset, "start")


def _picked(element: Element) -> Element:
    """Of an audition the clip that was picked, which stands first."""
    if element.tag != "audition":
        return element
    clip = next((one for one in element if one.tag in _CLIPS), None)
    if clip is None:
        raise ValueError("an audition holds no clip")
    return clip


def _part(element: Element, host: Item) -> bool:
    """Whether it is no item of its own but the picture or the sound of a clip."""
    return host.kind == "clip" and element.tag in ("video", "audio") and element.get("name") is None


def _inner(element: Element) -> Element:
    """Of a clip the element inside it that names its source; anything else names its own."""
    if element.tag != "clip":
        return element
    return next((one for one in (element.find("video"), element.find(".//audio")) if one is not None), element)


def _source_start(element: Element, asset: Element | None, start: Fraction) -> Fraction:
    inner = _inner(element)
    if asset is None or inner is element:
        return start
    return start - time_of(inner, "offset") + time_of(inner, "start", time_of(asset, "start"))


def address_of(asset: Element) -> str:
    """Return where a source lies; nothing if that is not said."""
    inner = asset.find("media-rep")  # from version 1.9 on
    return asset.get("src") or (inner.get("src") if inner is not None else None) or ""

"""What the formats of timelines have in common: pieces on a grid of frames, and finding what they name."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname
from xml.etree import ElementTree

from melies.errors import UseError
from melies.files import is_file
from melies.footage.timeline import About, Cut, Timeline, about

log = logging.getLogger("melies")


@dataclass(frozen=True)
class Piece:
    """A cut on the timeline's grid.

    Attributes:
        cut: The cut.
        first: Its first frame, with which its dissolve begins.
        stop: The first frame after it, with which the next dissolve begins.
        dissolve: Frames of its dissolve.
        early: Where most programs see the cut: so many frames after `first`, in the middle of a dissolve, at the
            beginning of a fade from black and at the end of a fade to it.
        late: The same of the next cut, after `stop`.
    """

    cut: Cut
    first: int
    stop: int
    dissolve: int
    early: int
    late: int

    @property
    def frames(self) -> int:
        """How many frames it has where it begins and ends in the middle of dissolves."""
        return self.stop + self.late - self.first - self.early


def pieces(timeline: Timeline) -> list[Piece]:
    """Return all cuts that have at least one frame."""
    placed = [(cut, place) for cut, place in zip(timeline.cuts, timeline.places, strict=True) if place[0] < place[1]]
    dissolves = [round(cut.dissolve * timeline.rate) for cut, _ in placed]
    early = [0] * (len(placed) + 1)
    for index, frames in enumerate(dissolves):
        from_black = index == 0 or placed[index - 1][0].source is None
        # Fades belong to the picture, all of them; only dissolves are shared.
        early[index] = 0 if from_black else frames if placed[index][0].source is None else frames // 2
    return [
        Piece(cut, *place, dissolves[index], early[index], early[index + 1])
        for index, (cut, place) in enumerate(placed)
    ]


@dataclass(frozen=True)
class Where:
    """Where to look for the sources that a timeline names.

    Attributes:
        file: The timeline.
        media: Folders to look in for sources that are not where the timeline says.
        rate: Frames per second for files that do not say it.
    """

    file: Path
    media: tuple[Path, ...] = ()
    rate: Fraction | None = None
    _known: dict[Path, About] = field(default_factory=dict, repr=False, compare=False)

    def about(self, source: Path) -> About:
        """Look a source up, once."""
        if source not in self._known:
            self._known[source] = about(source)
        return self._known[source]

    def cut(self, source: Path, start: Fraction, end: Fraction, name: str, note: str, **more: Any) -> Cut:
        """Return a stretch of a source as a cut.

        Args:
            source: The film.
            start: Clip time in seconds.
            end: Clip time in seconds; not even a film that says it is shorter ends before it.
            name: What the cut is called; nothing where that is only the film's name.
            note: Remarks.
            **more: Further fields of `Cut`.
        """
        known = self.about(source)
        available = Fraction(0), max(known.length or Fraction(0), end)
        called = "" if name == source.name else name
        return Cut(source, start, end, known.rate, available, called, note, timecode=known.timecode, **more)

    def find(self, *names: str) -> Path:
        """Return the file meant by the first of several names that leads to one.

        Args:
            *names: Paths or `file:` addresses; relative ones count from the timeline's folder.

        Raises:
            UseError: There is no such file, or a name is an address elsewhere.
        """
        asked = [path for name in names if name for path in _paths(name)]
        for path in asked:
            if is_file(self.file.parent / path):
                return (self.file.parent / path).absolute()
        for folder in (self.file.parent, *self.media):
            for path in asked:
                if path.name and is_file(folder / path.name):
                    return (folder / path.name).absolute()
        named = unquote(str(asked[0])) if asked else "a film without a name"
        raise UseError(f"{self.file}: its source {named} is missing.", "Say where to look with --media FOLDER.")


def _paths(name: str) -> list[Path]:
    """The paths that a name may mean: programs differ in whether they quote spaces."""
    parts = urlsplit(name)
    if len(parts.scheme) < 2:
        return [Path(name), Path(unquote(name))]
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise UseError(f"{name} is an address, not a file.", "Download it first: only local files are opened.")
    return [Path(url2pathname(parts.path)), Path(name.partition("://")[2] or parts.path)]


Heard = tuple[Path, Fraction, Fraction, Fraction]
"""A piece of sound: its file, when it begins and ends on the timeline, and which second of the file it begins with."""


def with_sound(
    cuts: Sequence[Cut], heard: Sequence[Heard], file: Path
) -> tuple[tuple[Cut, ...], Path | None, Fraction]:
    """Work out which cuts are heard, and what the music is.

    Args:
        cuts: All cuts, in order.
        heard: What lies on the tracks of sound.
        file: The timeline, for what is said.

    Returns:
        The cuts, the music, and its second at the beginning of the timeline.
    """
    seen = {cut.source for cut in cuts}
    told, at = [], Fraction(0)
    for cut in cuts:
        middle = at + cut.length / 2
        own = any(source == cut.source and begin <= middle < end for source, begin, end, _ in heard)
        told.append(replace(cut, sound=cut.sound and own))
        at += cut.length
    others = [one for one in heard if one[0] not in seen]
    if not others:
        return tuple(told), None, Fraction(0)
    music, begin, _, start = others[0]
    if any(one[0] != music for one in others):
        log.warning("%s has several pieces of music; only %s is heard.", file, music.name)
    return tuple(told), music, start - begin


def from_xml(text: str, where: Where, understood: Callable[[ElementTree.Element], Timeline]) -> Timeline:
    """Read a timeline from XML that may come from anywhere.

    Args:
        text: The file.
        where: Where it lies.
        understood: Makes a timeline of the outermost element; `ValueError` where numbers are none.

    Raises:
        UseError: As for `parsed`, or what stands in it is no timeline.
    """
    root = parsed(text, where.file)
    try:
        return understood(root)
    except (ValueError, ZeroDivisionError) as error:
        raise UseError(f"{where.file} is no timeline that can be read: {error}.") from None


def parsed(text: str, file: Path) -> ElementTree.Element:
    """Return the outermost element of XML that may come from anywhere.

    Args:
        text: The file.
        file: Where it lies.

    Raises:
        UseError: It is damaged, or declares entities: a few lines of them can grow to gigabytes, and no editing program
            writes any.
    """
    if "<!ENTITY" in text.upper():
        raise UseError(f"{file} declares XML entities, which no editing program does; it is not opened.")
    try:
        # Without entities, nothing else is fetched or grows.
        return ElementTree.fromstring(text)  # noqa: S314
    except (ElementTree.ParseError, ValueError) as error:
        raise UseError(f"{file} is no XML that can be read: {error}.") from None

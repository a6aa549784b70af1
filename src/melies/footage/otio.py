"""Timelines as OpenTimelineIO keeps them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from melies.errors import UseError
from melies.footage.exchange import Heard, Piece, Where, pieces, with_sound
from melies.footage.timecode import Timecode, droppable
from melies.footage.timeline import Cut, Marker, Timeline, nominal

log = logging.getLogger("melies")

_FINE = 10**6


def check(rate: Fraction) -> None:
    """Refuse nothing but to work without OpenTimelineIO, which can count every rate.

    Raises:
        UseError: OpenTimelineIO is not installed.
    """
    _library()


def write(timeline: Timeline) -> str:
    """Return a timeline as an OpenTimelineIO file; see `melies.footage.timeline.export`.

    Raises:
        UseError: OpenTimelineIO is not installed.
    """
    return str(_library().adapters.write_to_string(_to_otio(timeline), "otio_json"))


def read(text: str, where: Where) -> Timeline:
    """Read an OpenTimelineIO file; see `melies.footage.timeline.read`.

    Raises:
        UseError: It cannot be read, or OpenTimelineIO is not installed.
    """
    library = _library()
    try:
        found = library.adapters.read_from_string(text, "otio_json")
    except (library.exceptions.OTIOError, ValueError) as error:
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise UseError(f"{where.file} is no timeline that can be read: {reason}.") from None
    return from_otio(found, where)


def _library() -> Any:
    if find_spec("opentimelineio") is None:
        raise UseError(
            "Files ending in .otio need OpenTimelineIO, which is not installed.",
            'Install it: pip install "melies[footage]", or use .edl, .fcpxml or .xml.',
        )
    import opentimelineio

    return opentimelineio


# writing


def _to_otio(timeline: Timeline) -> Any:
    import opentimelineio
    from opentimelineio import schema

    rate = float(timeline.rate)
    begin = opentimelineio.opentime.RationalTime(timeline.begin.frame, rate)
    made = schema.Timeline(timeline.name, global_start_time=begin, metadata={"melies": {"drop": timeline.drop}})
    pictures = schema.Track("V1", kind=schema.TrackKind.Video)
    pictures.extend(_items(timeline))
    made.tracks.append(pictures)
    if any(cut.sound for cut in timeline.cuts):
        sounds = schema.Track("A1", kind=schema.TrackKind.Audio)
        sounds.extend(_items(timeline, sound=True))
        made.tracks.append(sounds)
    if timeline.music is not None:
        made.tracks.append(_music(timeline))
    for marker in timeline.markers:
        at = _range(round(marker.time * timeline.rate), 1, timeline.rate)
        made.tracks.markers.append(schema.Marker(marker.name, at))
    return made


def _items(timeline: Timeline, sound: bool = False) -> Iterator[Any]:
    """Clips and dissolves of a track; dissolves lie around the cut, as editors expect them, and sound cuts there."""
    from opentimelineio import opentime, schema

    rate = float(timeline.rate)
    for piece in pieces(timeline):
        if piece.dissolve and not sound:
            yield schema.Transition(
                "Cross Dissolve",
                schema.TransitionTypes.SMPTE_Dissolve,
                opentime.RationalTime(piece.early, rate),
                opentime.RationalTime(piece.dissolve - piece.early, rate),
            )
        if not piece.frames:  # black that is only faded to
            continue
        if piece.cut.source is None or (sound and not piece.cut.sound):
            yield schema.Gap(source_range=_range(0, piece.frames, timeline.rate))
        else:
            yield _clip(timeline, piece, piece.cut.source)


def _clip(timeline: Timeline, piece: Piece, source: Path) -> Any:
    from opentimelineio import opentime, schema

    cut = piece.cut
    zero = cut.timecode or Timecode(0, cut.rate)
    begin, end = cut.available or (Fraction(0), cut.end)
    reach = _range(zero.count(begin), round((end - begin) * cut.rate), cut.rate)
    medium = schema.ExternalReference(source.absolute().as_uri(), reach)
    medium.name = source.name
    # A source of another rate begins in its own frames and lasts as many of the timeline's.
    start = zero.count(cut.start + piece.early / timeline.rate)
    span = opentime.TimeRange(
        opentime.RationalTime(start, float(cut.rate)), opentime.RationalTime(piece.frames, float(timeline.rate))
    )
    return schema.Clip(cut.called, medium, span, {"melies": {"note": cut.note}} if cut.note else {})


def _music(timeline: Timeline) -> Any:
    from opentimelineio import schema

    assert timeline.music is not None
    track = schema.Track("Music", kind=schema.TrackKind.Audio)
    begin = round(timeline.music_start * timeline.rate)
    late = min(max(0, -begin), timeline.frames)
    if late:
        track.append(schema.Gap(source_range=_range(0, late, timeline.rate)))
    stop = max(0, begin) + timeline.frames - late
    medium = schema.ExternalReference(timeline.music.absolute().as_uri(), _range(0, stop, timeline.rate))
    medium.name = timeline.music.name
    span = _range(max(0, begin), timeline.frames - late, timeline.rate)
    track.append(schema.Clip(timeline.music.name, medium, span))
    return track


def _range(start: int, frames: int, rate: Fraction) -> Any:
    from opentimelineio import opentime

    return opentime.TimeRange(opentime.RationalTime(start, float(rate)), opentime.RationalTime(frames, float(rate)))


# reading


def from_otio(found: Any, where: Where) -> Timeline:
    """Return what OpenTimelineIO holds as a timeline of ours.

    Args:
        found: A `Timeline`, or a collection, of which the first one is taken.
        where: Where to look for its films.

    Raises:
        UseError: It is something else, holds what is not understood, or a film is missing.
    """
    library = _library()
    schema = library.schema
    if isinstance(found, schema.SerializableCollection):
        timelines = [one for one in found if isinstance(one, schema.Timeline)]
        if len(timelines) > 1:
            log.warning("%s holds %d timelines; the first one is read.", where.file, len(timelines))
        found = timelines[0] if timelines else None
    if not isinstance(found, schema.Timeline):
        raise UseError(f"{where.file} holds no timeline.")
    tracks = [track for track in found.video_tracks() if track.enabled and len(track)]
    if not tracks:
        raise UseError(f"{where.file} holds no track with pictures.")
    # What lies on upper tracks covers what is below.
    track = tracks[0] if len(tracks) == 1 else library.algorithms.flatten_stack(tracks)
    reading = _Reading(library, where, nominal(Fraction(track.duration().rate).limit_denominator(_FINE)))
    for item in track:
        reading.add(item)
    reading.finish()
    cuts, music, music_start = reading.sounded(found.audio_tracks())
    drop = bool(found.metadata.get("melies", {}).get("drop")) and droppable(reading.rate)
    return Timeline(found.name or where.file.stem, reading.rate, cuts, music, music_start, reading.markers(found), drop)


class _Reading:
    """Clips, gaps and transitions become cuts."""

    def __init__(self, library: Any, where: Where, rate: Fraction) -> None:
        self.rate = rate
        self._cuts: list[Cut] = []
        self._dissolve = Fraction(0)
        self._early = self._late = Fraction(0)
        self._schema = library.schema
        self._where = where

    def add(self, item: Any) -> None:
        schema = self._schema
        if isinstance(item, schema.Transition):
            self._meet(item)
        elif isinstance(item, schema.Gap) or (isinstance(item, schema.Clip) and self._is_black(item)):
            self._black(_seconds(item.trimmed_range().duration))
        elif isinstance(item, schema.Clip):
            if item.effects:
                log.warning("%s has effects or another speed, which are not carried out.", item.name)
            self._append(self.cut(item))
        else:
            raise UseError(
                f"{self._where.file}: {item.name or 'an item'} is a sequence within the sequence.",
                "Flatten it in the editing program first.",
            )

    def finish(self) -> None:
        """After the last item: a transition there goes to black."""
        length = self._early + self._late
        if self._dissolve and length:
            dissolve = min(self._dissolve, length)
            self._cuts.append(Cut(None, Fraction(0), length, self.rate, dissolve=dissolve, sound=False))

    def _is_black(self, clip: Any) -> bool:
        return not clip.enabled or isinstance(clip.media_reference, self._schema.GeneratorReference)

    def _meet(self, transition: Any) -> None:
        """A transition lies around the cut; here it begins with the new picture."""
        self._early, self._late = _seconds(transition.in_offset), _seconds(transition.out_offset)
        self._dissolve = self._early + self._late
        if not self._cuts:
            self._dissolve, self._early = self._late, Fraction(0)
            return
        before = self._cuts[-1]
        self._early = max(Fraction(0), min(self._early, before.length - max(before.dissolve, 1 / self.rate)))
        self._cuts[-1] = replace(before, end=before.end - self._early)

    def _black(self, length: Fraction) -> None:
        if length > 0:
            self._append(Cut(None, Fraction(0), length, self.rate, sound=False))

    def _append(self, cut: Cut) -> None:
        start = cut.start - self._early
        if start < 0:  # black has no beginning
            cut = replace(cut, end=cut.end - start)
            start = Fraction(0)
        dissolve = min(self._dissolve, cut.end - start)
        self._cuts.append(replace(cut, start=start, dissolve=dissolve))
        self._dissolve = self._early = Fraction(0)

    def _source(self, clip: Any) -> Path:
        medium = clip.media_reference
        if isinstance(medium, self._schema.ImageSequenceReference):
            raise UseError(f"{self._where.file}: {clip.name} is a sequence of pictures.", "Make it a film first.")
        return self._where.find(*filter(None, (getattr(medium, "target_url", ""), clip.name)))

    def cut(self, clip: Any) -> Cut:
        """A clip with its source looked up."""
        medium = clip.media_reference
        source = self._source(clip)
        known = self._where.about(source)
        span = clip.trimmed_range()
        begin = _seconds(span.start_time)
        zero = known.timecode.seconds
        if medium.available_range is not None:
            given = _seconds(medium.available_range.start_time)
            # What is available may begin after the source's first frame; else it says how that is called.
            zero = zero if 0 <= known.since(given, known.timecode.day) < (known.length or 0) else given
        elif begin < zero:
            zero = Fraction(0)
        # Some programs begin the numbers of a source again at midnight.
        start = known.since(begin, known.timecode.day) if zero == known.timecode.seconds else begin - zero
        if start < 0:
            raise UseError(f"{self._where.file}: {clip.name} begins {float(-start):g} s before its source.")
        end = start + _seconds(span.duration)
        note = str(clip.metadata.get("melies", {}).get("note", ""))
        name = "" if clip.name == source.name else clip.name
        return Cut(
            source, start, end, known.rate, (Fraction(0), max(known.length or end, end)), name, note,
            timecode=known.timecode, sound=known.sound,
        )  # fmt: skip

    def sounded(self, tracks: Any) -> tuple[tuple[Cut, ...], Path | None, Fraction]:
        """The cuts with what is heard of them, the music, and its second at the beginning."""
        heard: list[Heard] = []
        for track in tracks:
            for item in track if track.enabled else ():
                if isinstance(item, self._schema.Clip) and not self._is_black(item):
                    at = _seconds(track.range_of_child(item).start_time)
                    span = item.trimmed_range()
                    stop = at + _seconds(span.duration)
                    heard.append((self._source(item), at, stop, _seconds(span.start_time)))
        return with_sound(self._cuts, heard, self._where.file)

    def markers(self, found: Any) -> tuple[Marker, ...]:
        return tuple(Marker(_seconds(one.marked_range.start_time), one.name) for one in found.tracks.markers)


def _seconds(time: Any) -> Fraction:
    """A time of OpenTimelineIO made exact: its rates are rounded."""
    rate = nominal(Fraction(time.rate).limit_denominator(_FINE))
    value = Fraction(round(time.value)) if abs(time.value - round(time.value)) < 1e-3 else Fraction(time.value)
    return value / rate

"""The kinds of cut out of a catalogue: from a brief, a trailer, a montage, and every time a word is said."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from melies.errors import UseError
from melies.footage.assembly.brief import Beat
from melies.footage.assembly.choose import Candidate, Choice, Seen, choose, unseen
from melies.footage.assembly.music import Rhythm, ends
from melies.footage.assembly.trim import Part, frames_of, part, quote
from melies.footage.record import Record
from melies.footage.search_conditions import best_spoken, plain, spoken
from melies.footage.timeline import Cut, Marker, Timeline, nominal, within

Find = Callable[[str, int], Sequence[Candidate]]
"""Finds so many shots for a line of a brief, the best first."""

_MANY = 24
"""Candidates for a line."""
_SHORTEST = 0.6
"""Seconds below which nobody sees what a shot shows."""
_USUAL = 3.0
"""Seconds of a shot of which nothing else is known, when no length is asked for."""
_QUOTED = re.compile(r"[\"“„]([^\"“”„]+)[\"”“]")

TRAILER = (
    ("The world", ("extreme wide shot, exterior", "wide shot", "static"), 3.0),
    ("The people", ("close-up of a person", "medium shot of a person", "close-up of a face", "two people"), 2.2),
    ("The trouble", ("fast movement", "close-up", "handheld", "a person moves", "wide shot, fast"), 1.2),
    ("The rush", ("close-up, fast", "fast movement", "extreme close-up", "fast pan", "fast movement, person"), 0.8),
    ("The end", ("slow wide shot",), 3.0),
)
"""The shape of a trailer: acts, the shots that each asks for in turn, and how long they last."""


@dataclass(frozen=True)
class Entry:
    """A shot of the finished cut.

    Attributes:
        choice: Why this shot.
        part: Which part of it.
    """

    choice: Choice
    part: Part


@dataclass(frozen=True)
class Rough:
    """A rough cut.

    Attributes:
        entries: Its shots in order.
        empty: Lines of the brief for which there was nothing.
        rhythm: The music that it is cut to.
    """

    entries: tuple[Entry, ...]
    empty: tuple[Beat, ...] = ()
    rhythm: Rhythm | None = None

    def timeline(self, name: str, music: Path | None = None, rate: Fraction | None = None) -> Timeline:
        """Return the cut as a timeline, with a marker where each section begins.

        Args:
            name: What it is called.
            music: What plays under it.
            rate: Frames per second; that of most of its shots by default.

        Raises:
            UseError: There is nothing in it.
        """
        if not self.entries:
            raise UseError("Nothing in the catalogue fits.", "Ask for less, or index more footage.")
        rate = rate or self._rate
        cuts, markers, time, section = [], [], Fraction(0), ""
        for entry in self.entries:
            shot, beat = entry.choice.candidate.record.shot, entry.choice.beat
            if beat.section and beat.section != section:
                section = beat.section
                markers.append(Marker(time, section))
            name_of = f"{shot.file.stem} {shot.number:03d}"
            cut = Cut(shot.file, entry.part.start, entry.part.end, shot.rate, name=name_of, note=beat.text)
            cuts.append(cut)
            time += cut.length
        ends = (entry.choice.candidate.record.shot.end for entry in self.entries)
        return within(Timeline(name, rate, tuple(cuts), music, markers=tuple(markers)), ends)

    def lasting(self, seconds: float, rate: Fraction | None = None) -> Rough:
        """Return the cut with parts a little longer or shorter, so that its timeline has as many frames as asked.

        Lines that say a length and quoted words keep theirs; so does everything where music says when to cut.

        Args:
            seconds: How long it should be; what its shots do not have is not added.
            rate: As for `timeline`.
        """
        if self.rhythm is not None or not self.entries:
            return self
        rate = rate or self._rate
        rough, wanted = self, round(seconds * rate)
        missing = wanted - rough.timeline("", rate=rate).frames
        for at in reversed(range(len(self.entries))):
            if not missing:
                break
            for found in _stretched(rough.entries[at], missing / rate):
                entry = replace(rough.entries[at], part=found)
                other = replace(rough, entries=(*rough.entries[:at], entry, *rough.entries[at + 1 :]))
                left = wanted - other.timeline("", rate=rate).frames
                if abs(left) < abs(missing):
                    rough, missing = other, left
                    break
        return rough

    @property
    def _rate(self) -> Fraction:
        """The rate of most of its shots."""
        known = [nominal(entry.choice.candidate.record.shot.rate) for entry in self.entries]
        return max(known, key=known.count)


def from_brief(
    beats: Sequence[Beat],
    find: Find,
    seconds: float | None = None,
    rhythm: Rhythm | None = None,
    most: int = _MANY,
    seen: Seen = unseen,
) -> Rough:
    """Make a rough cut of a brief.

    Args:
        beats: Its lines.
        find: Finds shots for a line.
        seconds: How long the whole should be; lines that say a length keep it.
        rhythm: Music to cut to; it ends the film.
        most: How many candidates for a line are thought about.
        seen: Called before every line is searched for.
    """
    candidates = [_said(beat, found) for beat, found in zip(beats, _found(beats, find, most, seen), strict=True)]
    choices, empty = choose(beats, candidates)
    return Rough(tuple(_cut_to(choices, seconds, rhythm)), tuple(empty), rhythm)


def _found(beats: Sequence[Beat], find: Find, most: int, seen: Seen) -> Iterator[list[Candidate]]:
    for number, beat in enumerate(beats):
        seen(number, len(beats))
        yield [one for one in find(beat.text, most) if _seconds(one.record) >= _SHORTEST]


def trailer(find: Find, seconds: float = 30.0, rhythm: Rhythm | None = None, seen: Seen = unseen) -> Rough:
    """Make a trailer: the world, its people, trouble, a rush of short shots, and a breath at the end.

    Args:
        find: Finds shots for a line.
        seconds: How long it should be.
        rhythm: Music to cut to.
        seen: Called before every line is searched for.
    """
    # A longer trailer has more shots, not longer ones; a shorter one fewer.
    share = seconds / sum(length * len(asked) for _, asked, length in TRAILER)
    beats = [
        Beat(text, None, section)
        for section, asked, _ in TRAILER
        for text in (asked * max(1, round(share)))[: ceil(len(asked) * share) if share < 1 else None]
    ]
    beats = beats[: max(1, int(seconds / _SHORTEST))]
    found = list(_found(beats, find, _MANY, seen))
    # What the footage has nothing of is made of what it has.
    rest = {one.record.id: replace(one, score=0.1, weak=True) for some in found for one in some}
    choices, empty = choose(beats, [some or list(rest.values()) for some in found])
    choices = _once(choices)
    lengths = {section: length for section, _, length in TRAILER}
    wanted = np.array([lengths[choice.beat.section] for choice in choices])
    return Rough(tuple(_laid(choices, _filled(wanted, choices, seconds), rhythm)), tuple(empty), rhythm)


def _once(choices: Sequence[Choice]) -> list[Choice]:
    """Leave every shot only where it fits best: footage that has few makes fewer cuts, not the same one again."""
    best: dict[str, Choice] = {}
    for choice in choices:
        shot = choice.candidate.record.id
        if shot not in best or choice.candidate.score > best[shot].candidate.score:
            best[shot] = choice
    left = [choice for choice in choices if best[choice.candidate.record.id] is choice]
    # What stands beside what is another matter now.
    again, _ = choose([choice.beat for choice in left], [[choice.candidate] for choice in left])
    return [replace(one, others=choice.others) for one, choice in zip(again, left, strict=True)]


def montage(
    records: Iterable[Record], seconds: float | None = None, rhythm: Rhythm | None = None, seen: Seen = unseen
) -> Rough:
    """Put the best-looking shots together; with music, lively ones where it is strong.

    Args:
        records: The footage.
        seconds: How long it should be; 30 or as long as the music by default.
        rhythm: Music to cut to.
        seen: Called before every shot is chosen.
    """
    total = min(seconds or (rhythm.seconds if rhythm else 30.0), rhythm.seconds if rhythm else float("inf"))
    usable = (record for record in records if _seconds(record) >= _SHORTEST)
    ranked = sorted(((worth(record), record) for record in usable), key=lambda pair: (-pair[0], pair[1].id))
    if not ranked:
        return Rough(())
    length = 60 / rhythm.tempo * 4 if rhythm else 2.5
    count = max(1, round(total / max(length, _SHORTEST)))
    while True:
        choices = _best_looking(ranked, count, rhythm, seen)
        missing = total - sum(_seconds(choice.candidate.record) for choice in choices)
        if missing <= 0 or count >= len(ranked):
            return Rough(tuple(_cut_to(choices, total, rhythm)), (), rhythm)
        # Short shots do not fill so much: there is room for more of them.
        count = min(len(ranked), count + ceil(missing / max(length, _SHORTEST)))


def _best_looking(
    ranked: Sequence[tuple[float, Record]], count: int, rhythm: Rhythm | None, seen: Seen
) -> list[Choice]:
    best = ranked[: max(_MANY, 3 * count)]
    plain_scores = np.array([score for score, _ in best])
    energies = np.array([record.number("energy") for _, record in best], np.float64)
    taken = np.zeros(len(best))
    candidates: list[list[Candidate]] = []
    for index in range(count):
        strength = _strength(rhythm, index / count)
        scores = _lively(plain_scores, energies, strength)
        # Every line gets shots of its own to choose from, or a long montage would be made of the same few.
        order = np.argsort(taken - scores, kind="stable")[:_MANY].tolist()
        candidates.append([_looks_good(best[at][1], best[at][0], float(scores[at]), strength) for at in order])
        taken[order[0]] += 1
    return choose([Beat("")] * count, candidates, seen)[0]


def supercut(records: Iterable[Record], phrase: str) -> Rough:
    """Put together every time that a word or phrase is said, in the order of the footage.

    Raises:
        UseError: The phrase has no words.
    """
    if not plain(phrase):
        raise UseError(
            "There is no word to look for.", 'Say which: melies assemble --mode supercut "never" --from FOLDER'
        )
    entries = []
    for record in sorted(records, key=lambda record: (str(record.shot.file), record.shot.first)):
        for said in spoken(record.words, phrase):
            heard = " ".join(word.text for word in said)
            candidate = Candidate(record, 1.0, (f"says “{heard}”",), said)
            entries.append(Entry(Choice(Beat(f"“{phrase}”"), candidate), quote(record, said)))
    return Rough(tuple(entries))


def worth(record: Record) -> float:
    """How good a shot looks by itself, 0…1: long enough, sharp and well exposed, with something to see."""
    faults = {str(label.value) for label in record.of("faults") if label.sure >= 0.5}
    length = min(1.0, record.shot.seconds / _USUAL)
    subject = 0.15 * bool(record.of("people") or record.of("objects"))
    return max(0.0, min(1.0, 0.55 + 0.3 * length + subject - 0.3 * len(faults)))


def _cut_to(choices: Sequence[Choice], seconds: float | None, rhythm: Rhythm | None) -> Iterator[Entry]:
    return _laid(choices, lengths_of(choices, seconds), rhythm)


def _laid(choices: Sequence[Choice], lengths: NDArray[np.float64], rhythm: Rhythm | None) -> Iterator[Entry]:
    """Take a part of every shot, as long as it should be; with music up to a beat. What does not fit is left out.

    Frames are whole, words not cut, and beats where they are: where that makes a shot shorter or longer, the next one
    makes up for it.
    """
    now, owed = Fraction(0), 0.0
    for choice, planned in zip(choices, map(float, lengths), strict=True):
        length = planned
        if not choice.fixed:
            length = min(max(planned + owed, _SHORTEST), _seconds(choice.candidate.record))
        found = _part(choice.candidate, length, rhythm, float(now))
        if found is not None:
            yield Entry(choice, found)
            now += found.end - found.start
            owed += planned - found.seconds


def _part(one: Candidate, length: float, rhythm: Rhythm | None, now: float) -> Part | None:
    if rhythm is not None:
        possible = (part(one.record, end - now, one.said, one.shown) for end in ends(now, length, rhythm, _SHORTEST))
        return next((found for found in possible if found is not None), None)
    if one.said:
        return quote(one.record, one.said, one.shown)
    # Where every place cuts a word, a little less or more does not.
    steps = sorted(range(-12, 13), key=abs)
    possible = (part(one.record, length + step / 12, (), one.shown) for step in steps)
    return next((found for found in possible if found is not None), None)


def _stretched(entry: Entry, more: Fraction) -> Iterator[Part]:
    """Parts of the same shot that last about so much longer, or shorter if that is below 0, as far as it goes."""
    one = entry.choice.candidate
    rate, most = one.record.shot.rate, frames_of(one.record)
    frames = int((entry.part.end - entry.part.start) * rate)
    least, exact = min(frames, ceil(_SHORTEST * rate)), frames + more * rate
    counts = {min(max(count, least), most) for count in (floor(exact), ceil(exact))} - {frames}
    for count in () if entry.choice.fixed else sorted(counts):
        found = part(one.record, float(count / rate), shown=one.shown)
        if found is not None:
            yield found


def lengths_of(choices: Sequence[Choice], seconds: float | None) -> NDArray[np.float64]:
    """Return how long each shot should last, in seconds.

    Lines that say a length keep it, speech takes what it takes; the rest share what is left: far shots, which need
    reading, get more than near ones, lively ones less than quiet ones, and neighbours differ.
    """
    fixed = np.array([_fixed(choice) for choice in choices])
    share = _USUAL * np.array([_share(choice, index) for index, choice in enumerate(choices)])
    open_ = np.isnan(fixed)
    lengths = np.minimum(np.where(open_, share, fixed), [_seconds(choice.candidate.record) for choice in choices])
    if seconds is not None and open_.any():
        rest = seconds - float(lengths[~open_].sum())
        some = [choice for choice, is_open in zip(choices, open_, strict=True) if is_open]
        lengths[open_] = _filled(share[open_], some, rest)
    made: NDArray[np.float64] = np.maximum(lengths, _SHORTEST)
    return made


def _filled(wanted: NDArray[np.float64], choices: Sequence[Choice], seconds: float) -> NDArray[np.float64]:
    """Stretch lengths to a sum; what short shots cannot give the others do."""
    most = np.array([_seconds(choice.candidate.record) for choice in choices])
    low, high = 0.0, max(1.0, seconds) / max(1e-6, float(wanted.min(initial=np.inf)))
    for _ in range(60):
        middle = (low + high) / 2
        enough = np.clip(wanted * middle, _SHORTEST, most).sum() >= seconds
        low, high = (low, middle) if enough else (middle, high)
    made: NDArray[np.float64] = np.clip(wanted * high, _SHORTEST, most)
    return made


def _seconds(record: Record) -> float:
    return float(frames_of(record) / record.shot.rate)


def _fixed(choice: Choice) -> float:
    said = choice.candidate.said
    if choice.beat.seconds is not None and not said:
        return choice.beat.seconds
    return quote(choice.candidate.record, said).seconds if said else float("nan")


def _share(choice: Choice, index: int) -> float:
    record = choice.candidate.record
    size, energy = record.value("size") or "", record.number("energy")
    far = 1.25 if "long" in size or "full" in size else 0.85 if "close" in size else 1.0
    lively = 1.15 - 0.5 * (energy if energy is not None else 0.3)
    # The golden ratio's multiples never fall into step, so that no row of shots has one length.
    return far * lively * (0.85 + 0.3 * ((index * 0.618034) % 1))


def _said(beat: Beat, found: Sequence[Candidate]) -> list[Candidate]:
    """Where a line quotes what is to be said, only shots in which it is."""
    phrases = _QUOTED.findall(beat.text)
    if not phrases:
        return list(found)
    best = ((one, best_spoken(one.record.words, phrase)) for one in found for phrase in phrases)
    return [replace(one, said=said) for one, said in best if said]


def _lively(scores: NDArray[np.float64], energies: NDArray[np.float64], strength: float | None) -> NDArray[np.float64]:
    """How well shots fit where the music is so strong; an energy that is not known is NaN."""
    if strength is None:
        return scores
    return np.where(np.isnan(energies), scores, 0.6 * scores + 0.4 * (1 - np.abs(energies - strength)))


def _looks_good(record: Record, worth: float, score: float, strength: float | None) -> Candidate:
    why = f"looks good by itself ({worth:.2f})"
    energy = record.number("energy")
    if strength is None or energy is None:
        return Candidate(record, score, (why,))
    return Candidate(record, score, (why, f"energy {energy:.2f} where the music has {strength:.2f}"))


def _strength(rhythm: Rhythm | None, share: float) -> float | None:
    if rhythm is None:
        return None
    return float(rhythm.strength[min(len(rhythm.strength) - 1, int(share * len(rhythm.strength)))])

"""Bringing a catalogue up to date: what is new in the folder is read, film by film, and written down."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event, Lock

from melies.errors import MediaError, UseError
from melies.files import is_file
from melies.footage.analyse import extras, questions
from melies.footage.catalogue import Catalogue, File, describe
from melies.footage.catalogue.folder import Changes, Stamp, compare, reason, walk
from melies.footage.people import Sighting, sightings
from melies.footage.record import Record, Word
from melies.footage.search_index import refresh
from melies.footage.text import embed
from melies.models import runtime

PEOPLE, TRANSCRIPT = "+people", "+transcript"
"""What may be asked of films besides the facets."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted of films.

    Attributes:
        people: Whether faces are described, so that people can be told apart.
        transcript: Whether what is said is written down.
        questions: Which of the questions to put that take long, `analyse.extras`.
        again: Whether films are read that were read before.
        max_errors: How many broken frames of a film may be skipped before it is refused.
    """

    people: bool = True
    transcript: bool = False
    questions: frozenset[str] = frozenset()
    again: bool = False
    max_errors: int = 10

    @property
    def asked(self) -> frozenset[str]:
        """The same as words: facets, and with a plus what was wished for besides."""
        besides = {PEOPLE} if self.people else set()
        besides |= {TRANSCRIPT} if self.transcript else set()
        besides |= {f"+{name}" for name in self.questions}
        left_out = extras() - self.questions
        facets = {one.name for name, asks in questions().items() if name not in left_out for one in asks.FACETS}
        return frozenset(facets | besides)


@dataclass
class Outcome:
    """What was done.

    Attributes:
        changes: What was found.
        read: How many films were read.
        shots: How many shots they have.
        frames: How many frames.
        seconds: How long that took.
        refused: Films that turned out to be unreadable, with the reasons.
    """

    changes: Changes
    read: int = 0
    shots: int = 0
    frames: int = 0
    seconds: float = 0.0
    refused: list[File] = field(default_factory=list)


@dataclass(frozen=True)
class _Film:
    """A film that was read."""

    id: str
    file: File
    records: list[Record]
    faces: list[Sighting]


class StoppedError(Exception):
    """The work was called off."""


def index(
    catalogue: Catalogue,
    wish: Wish | None = None,
    *,
    jobs: int = 1,
    settled: dict[Path, Stamp] | None = None,
    begun: Callable[[Changes], None] = lambda changes: None,
    seen: Callable[[], None] = lambda: None,
    done: Callable[[File, int], None] = lambda file, shots: None,
) -> Outcome:
    """Bring a catalogue up to date.

    Every film is written when it has been read to its end, whole or not at all: whoever is interrupted goes on with the
    film that was being read.

    Args:
        catalogue: Opened for writing.
        wish: What is wanted of films.
        jobs: How many films are read at once.
        settled: The only files to be looked at, as in `compare`.
        begun: Called when the folder has been looked through.
        seen: Called after every frame, by one thread at a time.
        done: Called when a film has been written, or refused, with how many shots it has.

    Raises:
        UseError: What is wanted cannot be had here.
    """
    wish = wish or Wish()
    if wish.transcript:
        _need_transcripts()
    changes = compare(catalogue, wish.asked, again=wish.again, settled=settled)
    begun(changes)
    outcome, start = Outcome(changes), time.monotonic()
    for film in _read_all(catalogue, changes.to_read, wish, jobs, seen):
        if film.file.state == "refused":
            catalogue.refuse(film.id, film.file)
            outcome.refused.append(film.file)
        else:
            catalogue.add(film.file, film.records, wish.asked, film.faces)
            outcome.read += 1
        outcome.shots += len(film.records)
        outcome.frames += sum(one.shot.frames for one in film.records)
        done(film.file, len(film.records))
    if outcome.read:
        catalogue.tidy()
        refresh(catalogue)
    outcome.seconds = time.monotonic() - start
    return outcome


def _read_all(
    catalogue: Catalogue, files: Sequence[File], wish: Wish, jobs: int, seen: Callable[[], None]
) -> Iterator[_Film]:
    """Read films beside each other, and yield them in order; few are begun ahead, so that memory stays flat."""
    stop, one_at_a_time = Event(), Lock()

    def tick() -> None:
        if stop.is_set():
            raise StoppedError
        with one_at_a_time:
            seen()

    waiting: deque[Future[_Film]] = deque()
    with runtime.options() as now, ThreadPoolExecutor(jobs, "melies film") as pool:
        width = max(1, now.width // jobs)
        try:
            for file in files:
                assert file.film is not None
                catalogue.begin(file.film)
                waiting.append(pool.submit(_of, width, catalogue, file, wish, tick))
                if len(waiting) > jobs:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def _of(width: int, catalogue: Catalogue, file: File, wish: Wish, seen: Callable[[], None]) -> _Film:
    """Read a film with a share of the processor."""
    with runtime.options(threads=width):
        return _read(catalogue, file, wish, seen)


def _read(catalogue: Catalogue, file: File, wish: Wish, seen: Callable[[], None]) -> _Film:
    """Read a film; if that fails, its `File` says why."""
    from melies.footage.read import read
    from melies.footage.transcript import transcribe

    assert file.film is not None
    path = catalogue.folder / file.path
    records: list[Record] = []
    faces: list[Sighting] = []
    silent = True
    try:
        for one in read(path, seen, wish.questions, wish.max_errors):
            material, shot = one.material, one.material.shot
            id = f"{file.film}-{shot.first:06d}"
            pictures = catalogue.keep(file.film, shot.first, [still.image for still in material.stills])
            look = material.impressions[len(material.stills) // 2].look
            records.append(Record(id, shot, one.labels, pictures=pictures, look=look))
            faces += sightings(material, id) if wish.people else []
            silent = silent and material.sound is None
        words = list(transcribe(path)) if wish.transcript and not silent else []
        if not _is_same(file, path):
            raise UseError(f"{path} was changed while it was read.")
    except (UseError, MediaError) as error:
        return _Film(file.film, replace(file, film=None, state="refused", reason=reason(error, path)), [], [])
    return _Film(file.film, file, _told(records, words), faces)


def _is_same(file: File, path: Path) -> bool:
    if not is_file(path):
        return False
    stat = path.stat()
    return (stat.st_size, stat.st_mtime_ns) == (file.size, file.modified)


def _need_transcripts() -> None:
    from melies.footage import transcript

    if not transcript.available():
        raise UseError(
            "Transcripts cannot be made here: faster-whisper or its model is missing.",
            f"Install them: pip install 'melies[footage]', then melies models pull {transcript.MODEL}",
        )


def _told(records: Sequence[Record], words: Sequence[Word]) -> list[Record]:
    """Give every shot the words of which the middle falls into it, and the meaning of what is seen and said."""
    ends = [float(one.shot.end) for one in records]
    said: list[list[Word]] = [[] for _ in records]
    for word in words:
        said[min(bisect_right(ends, (word.start + word.end) / 2), len(records) - 1)].append(word)
    told = [replace(record, words=tuple(some)) for record, some in zip(records, said, strict=True)]
    texts = [". ".join(filter(None, (describe(record.labels), record.heard))) for record in told]
    meanings = embed(texts)
    return [
        replace(record, vector=meaning) if text else record
        for record, meaning, text in zip(told, meanings, texts, strict=True)
    ]


def watch(
    folder: Path,
    leave: Path,
    every: float,
    work: Callable[[dict[Path, Stamp]], bool],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Look at a folder for ever, and call for work at the second look and whenever its files have changed since then.

    Args:
        folder: Where to look.
        leave: The folder of the catalogue.
        every: Seconds between two looks.
        work: Given the files that are as they were at the look before, says whether there is nothing left to do about
            them; if not, it is called at the next look again.
        sleep: Waits.
    """
    handled: dict[Path, Stamp] | None = None
    before = dict(walk(folder, leave))
    while True:
        sleep(every)
        now = dict(walk(folder, leave))
        settled = {path: stamp for path, stamp in now.items() if before.get(path) == stamp}
        if settled != handled:
            handled = settled if work(settled) else None
        before = now

"""A film's shots as files for other programs: tables, key frames, contact sheets, timelines, films cut apart."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from melies.errors import UseError
from melies.files import exists, replacing, writable
from melies.footage.shot import Shot
from melies.footage.timecode import Timecode

if TYPE_CHECKING:
    from melies.engine.progress import Report

ENDINGS = (".csv", ".qp", ".html", ".edl", ".otio", ".fcpxml", ".xml")
"""How files end that hold lists of shots."""

_FILMS = (".mp4", ".mov", ".mkv", ".webm", ".m4v")
"""Containers in which the parts of a film go into the same one."""


@dataclass(frozen=True)
class ShotList:
    """The shots of a film, and how its frames are called.

    Attributes:
        shots: At least one, in order, of one film.
        begin: The timecode of the film's first frame.
        max_errors: How many broken frames may be skipped where the film is read again.
    """

    shots: tuple[Shot, ...]
    begin: Timecode
    max_errors: int = 10

    @property
    def file(self) -> Path:
        """The film."""
        return self.shots[0].file

    @property
    def rate(self) -> Fraction:
        """Frames per second by which timecodes count: of the film, or the next standard rate where that varies."""
        return self.begin.rate

    def timecodes(self, shot: Shot) -> tuple[Timecode, Timecode]:
        """Return the timecode of a shot's first frame and of the frame after its last one, as editors write it."""
        return self.begin.at(shot.start), self.begin.at(shot.end)


def write(found: ShotList, path: str | Path, overwrite: bool = False) -> Path:
    """Write shots to a file; its ending says as what.

    Args:
        found: The shots.
        path: Ends in `.csv` (a table), `.qp` (key frames for x264 and x265), `.html` (a contact sheet), or as what
            `melies.footage.timeline.export` writes: `.edl`, `.otio`, `.fcpxml`, `.xml`.
        overwrite: Whether to replace the file if it exists.

    Returns:
        The path.

    Raises:
        UseError: The ending is none of these, the file exists or is the film, or what `.otio` needs is not installed.
    """
    target = checked(path, found.file, overwrite, found.rate)
    kind = target.suffix.lower()
    if kind not in _WRITERS:
        from melies.footage.timeline import export, from_shots

        made = from_shots(found.shots)
        cuts = tuple(replace(cut, timecode=found.begin) for cut in made.cuts)
        return export(replace(made, cuts=cuts, drop=found.begin.drop), target, overwrite)
    with replacing(target) as part:
        _WRITERS[kind](found, part)
    return target


def checked(path: str | Path, film: Path, overwrite: bool, rate: Fraction) -> Path:
    """Return a path to which a list of a film's shots can be written.

    Raises:
        UseError: Its ending says nothing or cannot count the rate of timecodes, it exists or is the film, its folder
            cannot be written to, or what `.otio` needs is not installed.
    """
    target = Path(path)
    if target.suffix.lower() not in ENDINGS:
        raise UseError(
            f"The list {target.name} should end in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}.",
            "The ending says what is written.",
        )
    if exists(target) and exists(film) and target.samefile(film):
        raise UseError(f"{target} is both input and output.", "Give the list another name.")
    if target.suffix.lower() not in _WRITERS:
        from melies.footage import timeline

        return timeline.checked(target, rate, overwrite)
    writable(target, overwrite)
    return target


def _csv(found: ShotList, path: Path) -> None:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["shot", "in", "out", "start", "end", "seconds", "first", "frames", "transition", "blend"])
    for shot in found.shots:
        times = (f"{float(time):.6f}" for time in (shot.start, shot.end, shot.end - shot.start))
        rest = (shot.first, shot.frames, shot.transition, shot.blend)
        table.writerow([shot.number, *found.timecodes(shot), *times, *rest])
    path.write_text(text.getvalue(), encoding="utf-8")


def _qp(found: ShotList, path: Path) -> None:
    """Write what x264 reads with `--qpfile`: a key frame at every shot, of a quality that the encoder chooses."""
    path.write_text("".join(f"{shot.first} I -1\n" for shot in found.shots), encoding="ascii")


def _html(found: ShotList, path: Path) -> None:
    from melies.footage.sheet import write_sheet

    write_sheet(found, path)


_WRITERS: dict[str, Callable[[ShotList, Path], None]] = {".csv": _csv, ".qp": _qp, ".html": _html}


def checked_folder(folder: str | Path) -> None:
    """Refuse a folder into which a film cannot be split, before its shots are known.

    Raises:
        UseError: It is a file, or cannot be written to or made.
    """
    path = Path(folder)
    if exists(path) and not path.is_dir():
        raise UseError(f"{folder} is a file, not a folder.", "Give the folder another name.")
    there = next(one for one in (path, *path.absolute().parents) if exists(one))
    writable(there / "parts", overwrite=True)


def parts(shots: Sequence[Shot], folder: str | Path, overwrite: bool = False) -> list[Path]:
    """Return the files into which a film is split.

    Raises:
        UseError: One of them exists, or the folder is a file.
    """
    film = shots[0].file
    checked_folder(folder)
    ending = film.suffix if film.suffix.lower() in _FILMS else ".mp4"
    digits = max(3, len(str(shots[-1].number)))
    named = [Path(folder) / f"{film.stem}-{shot.number:0{digits}}{ending}" for shot in shots]
    there = next((path for path in named if exists(path)), None)
    if there is not None and not overwrite:
        raise UseError(f"{there} exists already.", "Add --overwrite to replace it, or choose another folder.")
    return named


class Piece(NamedTuple):
    """A shot that was written as a film.

    Attributes:
        path: The film.
        copied: Whether it has the very pictures of the original; else it was encoded again.
    """

    path: Path
    copied: bool


def split(
    shots: Sequence[Shot],
    folder: str | Path,
    overwrite: bool = False,
    report: Report | None = None,
    max_errors: int = 10,
) -> list[Piece]:
    """Write every shot as a film of its own, with its sound, cut at the very frame.

    It is copied where it begins with a key frame and needs nothing from outside, else encoded again.

    Args:
        shots: At least one, of one film.
        folder: Where to; it is made if it is not there.
        overwrite: Whether to replace films that exist.
        report: Told about the progress of what is encoded.
        max_errors: How many broken frames of a shot may be skipped.

    Returns:
        The films, named after the source with the numbers of the shots.

    Raises:
        UseError: One of them exists, or they cannot be written there.
        MediaError: Reading or writing failed on the way.
    """
    from melies.footage.copying import copy, packets
    from melies.footage.film import open_film

    named = parts(shots, folder, overwrite)
    Path(folder).mkdir(parents=True, exist_ok=True)
    known = packets(shots[0].file)
    made = []
    for shot, path in zip(shots, named, strict=True):
        copied = known is not None and copy(shot, known, path)
        if not copied:
            clip = open_film(shot.file, shot.start, shot.end, max_errors)
            clip.save(path, overwrite=overwrite, progress=report)
        made.append(Piece(path, copied))
    return made

"""A folder of footage as it is now, compared with what the catalogue knows of it."""

from __future__ import annotations

import logging
import mimetypes
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from stat import S_ISREG

from melies.errors import UseError
from melies.footage.catalogue.ledger import File
from melies.footage.catalogue.store import Catalogue

log = logging.getLogger("melies")

PIECE = 64 << 10
"""Bytes that a fingerprint takes from the head, the middle and the tail of a file."""

_FILMS = {".avi", ".dv", ".f4v", ".flv", ".m2t", ".m2ts", ".m2v", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg"}
_FILMS |= {".braw", ".mts", ".mxf", ".ogv", ".r3d", ".vob", ".webm", ".wmv", ".3gp"}
"""Endings of which people expect a film; a file that cannot be read is reported only if it has one of them."""
_WRITE = 100
"""Files after which what was found is written down."""

Stamp = tuple[int, int]
"""Size and time of a file's last change: what tells at a glance that it is still the same."""


@dataclass
class Changes:
    """What has happened to a folder since the last look.

    Attributes:
        to_read: Films to be read, each at one of its places.
        same: How many films are as they were, refused ones too, and are not to be read; no other files.
        moved: How many are known films at other places.
        missing: How many are gone.
        refused: Files that were refused now, with the reasons; not those that were before and are as they were.
        outdated: How many films were read when fewer questions were known.
        moving: How many files are gone, while there is one like them of which it is not known yet what it is.
    """

    to_read: list[File] = field(default_factory=list)
    same: int = 0
    moved: int = 0
    missing: int = 0
    refused: list[File] = field(default_factory=list)
    outdated: int = 0
    moving: int = 0


def walk(folder: Path, leave: Path) -> Iterator[tuple[Path, Stamp]]:
    """Yield the regular files of a folder and those below it, relative to it, in order.

    Hidden ones, unfinished outputs of ours and the catalogue itself are left out, and links that lead elsewhere are not
    followed.

    Args:
        folder: Where to look, resolved.
        leave: The folder of the catalogue, resolved.
    """
    for place, folders, names in os.walk(folder, onerror=_unread):
        here = Path(place)
        folders[:] = sorted(name for name in folders if not _ours(name) and here / name != leave)
        for name in sorted(name for name in names if not _ours(name)):
            path = here / name
            if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(folder):
                continue
            try:
                stat = path.stat()
            except OSError:  # it has gone meanwhile, or is a link to nowhere or to itself
                continue
            if S_ISREG(stat.st_mode):
                yield path.relative_to(folder), (stat.st_size, stat.st_mtime_ns)


def _ours(name: str) -> bool:
    return name.startswith(".") or name.endswith(".part")


def _unread(error: OSError) -> None:
    log.warning("The folder %s cannot be read: %s.", error.filename, (error.strerror or "unknown error").lower())


def fingerprint(path: Path) -> str:
    """Return 16 hexadecimal digits that name a file's content, wherever it lies and whatever it is called.

    BLAKE2b of its size and of 64 KiB each from its head, its middle and its tail; of all of it, if it is no longer than
    that. Two films of the same size that differ only elsewhere would be taken for one.
    """
    size = path.stat().st_size
    digest = blake2b(f"{size}:".encode(), digest_size=8)
    with path.open("rb") as file:
        if size <= 3 * PIECE:
            digest.update(file.read())
        else:
            for start in (0, (size - PIECE) // 2, size - PIECE):
                file.seek(start)
                digest.update(file.read(PIECE))
    return digest.hexdigest()


def examine(folder: Path, path: Path, stamp: Stamp) -> File:
    """Say what a file is: a film, something else, or what should be a film and cannot be read.

    A file of one picture is a film if it is called one.
    """
    from melies.media.probe import probe

    why = ""
    try:
        info = probe(folder / path)
        if (film := info.video) is None:
            why = "has no pictures that can be decoded"
        elif not info.container.endswith("_pipe") and (film.frames != 1 or _should_be_film(path)):
            frames = film.frames or (round(info.duration * film.rate) if info.duration else 0)
            return File(path, fingerprint(folder / path), *stamp, frames=frames)
    except UseError as error:
        why = reason(error, folder / path)
    except OSError as error:  # it has gone meanwhile, or the disk has
        why = (error.strerror or "cannot be read").lower()
    if why and _should_be_film(path):
        return File(path, None, *stamp, "refused", why)
    return File(path, None, *stamp, "other")


def reason(error: Exception, path: Path) -> str:
    """Return what an error says about a file, without its name, which stands beside it."""
    text = getattr(error, "message", str(error))
    return text.removeprefix(f"{path} ").removeprefix("is ").rstrip(".") if text.startswith(str(path)) else text


def _should_be_film(path: Path) -> bool:
    kind = mimetypes.guess_type(path.name)[0] or ""
    return path.suffix.lower() in _FILMS or kind.startswith("video/")


def compare(
    catalogue: Catalogue,
    wanted: Iterable[str],
    *,
    again: bool = False,
    settled: Mapping[Path, Stamp] | None = None,
) -> Changes:
    """Look through the folder, bring the book of files up to date, and say which films are to be read.

    Args:
        catalogue: Opened for writing.
        wanted: What is asked of films, as in `Catalogue.add`. What begins with `+` is worth reading a film once more.
        again: Whether all films are to be read, and what was refused is to be looked at once more.
        settled: The only files that are to be looked at; others in the folder are still being written.
    """
    found, changes, wanted = _Found(catalogue), Changes(), frozenset(wanted)
    ledger, without_stills = catalogue.ledger, catalogue.without_stills()
    seen: set[Path] = set()
    growing: set[Stamp] = set()
    to_read: dict[str, File] = {}
    for path, stamp in walk(catalogue.folder, catalogue.home):
        seen.add(path)
        if settled is not None and settled.get(path) != stamp:
            growing.add(stamp)
            continue
        file, same = found.look(path, stamp, again, changes)
        if file.film is not None and file.film not in to_read:
            asked = ledger.asked(file.film)
            extras = {one for one in wanted if one.startswith("+")}
            if asked is None or again or extras - asked or file.film in without_stills:
                to_read[file.film] = file
                continue
            changes.outdated += bool(wanted - asked)
        changes.same += same and file.state != "other"
    found.write()
    changes.to_read = list(to_read.values())
    if lost := without_stills & to_read.keys():
        log.warning("The stills of %d of the films known are lost, so these are read again.", len(lost))
    gone = [file for file in ledger.files() if file.path not in seen]
    ledger.drop_files(file.path for file in gone if file.film is None)
    # What is on its way to another place, or under another name, is not missing.
    left = [file for file in gone if file.state == "here" and (file.size, file.modified) not in growing]
    changes.moving = sum(file.state == "here" for file in gone) - len(left)
    ledger.note(replace(file, state="missing") for file in left)
    changes.moved = ledger.settle_moves()
    changes.missing = sum(ledger.file(file.path) is not None for file in left)
    for film in ledger.stray():
        catalogue.drop(film)
    return changes


class _Found:
    """Looks at files, and writes down what they are now and then."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._folder = catalogue.folder
        self._ledger = catalogue.ledger
        self._new: list[File] = []

    def look(self, path: Path, stamp: Stamp, again: bool, changes: Changes) -> tuple[File, bool]:
        """Return what a file is, and whether that is as it was."""
        known = self._ledger.file(path)
        if known is not None and (known.size, known.modified) == stamp and not (again and known.film is None):
            if known.state != "missing":
                return known, True
            file, same = replace(known, state="here"), True
        else:
            file = examine(self._folder, path, stamp)
            changes.refused += [file] if file.state == "refused" else []
            same = known is not None and file.film is not None and file.film == known.film
        self._new.append(file)
        if len(self._new) >= _WRITE:
            self.write()
        return file, same

    def write(self) -> None:
        self._ledger.note(self._new)
        self._new = []

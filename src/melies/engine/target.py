"""Where a result goes: names of pictures in a sequence, and refusing to write over anything of the user's."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from melies.errors import UseError
from melies.files import exists, writable
from melies.media.output import PLACE, Plan


def picture_name(path: Path, number: int) -> Path:
    """Return the name of one picture of a sequence: `%04d` and `####` are filled in, a folder gets `00001.png`."""
    if not path.suffix:
        return path / f"{number:05d}.png"
    return path.with_name(PLACE.sub(lambda place: f"{number:0{_digits(place)}d}", path.name, count=1))


def _digits(place: re.Match[str]) -> int:
    return len(place[0]) if place[0].startswith("#") else int(place[1] or 0)


def pictures_there(path: Path) -> list[Path]:
    """Return the files that a sequence written to `path` would stand among: those its pattern names already."""
    if not path.suffix:
        folder, pattern = path, re.compile(r"\d{5,}\.png")
    else:
        folder = path.parent
        place = PLACE.search(path.name)
        assert place is not None
        before, after = re.escape(path.name[: place.start()]), re.escape(path.name[place.end() :])
        pattern = re.compile(before + r"\d+" + after)
    return sorted(p for p in folder.iterdir() if pattern.fullmatch(p.name)) if folder.is_dir() else []


def check_target(inputs: Sequence[Path], plan: Plan, overwrite: bool) -> None:
    """Refuse to write over anything of the user's.

    Raises:
        UseError: The output is an input, exists already, or its folder cannot be written to.
    """
    path = plan.path
    written = pictures_there(path) if plan.many else [path] if exists(path) else []
    for source in inputs:
        if exists(source) and any(source.samefile(target) for target in written):
            raise UseError(f"{path} is both input and output.", "Give the output another name.")
    if not plan.many:
        writable(path, overwrite)
        return
    folder = path.parent if path.suffix else path
    if path.is_dir() and folder != path:
        raise UseError(f"{path} is a folder.", "Name a file to write.")
    if not overwrite and (written or (folder == path and path.is_dir() and any(path.iterdir()))):
        raise UseError(f"{path} exists already.", "Add --overwrite to replace it, or choose another name.")
    there = next(one for one in (folder, *folder.absolute().parents) if exists(one))
    if not there.is_dir():
        raise UseError(f"{there} is a file, not a folder.", "Choose another place.")
    writable(there / picture_name(path, 0).name, overwrite=True)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a lock on a file; the system lets go of it when the process ends, however it ends.

    Raises:
        UseError: Another process holds it.
    """
    with path.open("a+") as file:
        try:
            _lock(file.fileno())
        except OSError:
            raise UseError(
                f"Another render is writing in {path.parent}.", "Wait for it, or choose another name."
            ) from None
        yield


if os.name == "nt":  # pragma: no cover

    def _lock(descriptor: int) -> None:
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
else:

    def _lock(descriptor: int) -> None:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

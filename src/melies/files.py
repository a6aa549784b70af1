"""What the file system says about names that people typed."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from melies.errors import UseError


def exists(path: Path) -> bool:
    """Whether there is such a file or folder; one with a name that is too long there cannot be."""
    try:
        return path.exists()
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        return False


def is_file(path: Path) -> bool:
    """Whether there is such a file."""
    return exists(path) and path.is_file()


def writable(target: Path, overwrite: bool) -> None:
    """Find out before long work whether a file could be written after it.

    Args:
        target: The file.
        overwrite: Whether it may exist.

    Raises:
        UseError: It exists already, its folder does not exist or cannot be written to, or it is a folder itself.
    """
    if exists(target) and target.is_dir():
        raise UseError(f"{target} is a folder.", "Name a file to write.")
    if exists(target) and not overwrite:
        raise UseError(f"{target} exists already.", "Add --overwrite to replace it, or choose another name.")
    if not exists(target.parent):
        raise UseError(f"There is no folder {target.parent}.", "Create it first, or choose another place.")
    try:
        # What permissions say is not all: there are folders in which not even root can make a file.
        with TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise UseError(f"{target} cannot be written: {error.strerror}.", "Choose another place.") from None


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a file beside the target that takes its place at the end, and goes if that is not reached.

    Raises:
        UseError: It cannot be made there.
    """
    part = target.with_name(target.name + ".part")
    try:
        yield part
        part.replace(target)
    except OSError as error:
        if error.filename != str(part):
            raise
        raise UseError(f"{target} cannot be written: {error.strerror}.", "Choose another place.") from None
    finally:
        if exists(part):
            part.unlink()

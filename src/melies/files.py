"""What the file system says about names that people typed."""

from __future__ import annotations

import errno
from pathlib import Path


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

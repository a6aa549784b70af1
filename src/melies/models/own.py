"""The user's own models: networks that were trained here and kept under a name, beside those of the registry."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from melies.errors import UseError
from melies.files import replacing
from melies.models import registry, store
from melies.suggest import did_you_mean

ENDING = ".onnx"
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
"""What a model may be called, and"""
NAMES = "a name is of small letters, digits, and hyphens between them, such as my-model"
"""the same in words."""


def folder() -> Path:
    """Return the folder in which they lie, which may not exist yet."""
    return store.home() / "own"


def must_suit(name: str) -> str:
    """Return a name if a model of the user's may be called so.

    Raises:
        UseError: It is not written as names are, or a model of the registry has it.
    """
    if not NAME.fullmatch(name):
        raise UseError(f"{name!r} cannot be a model's name: {NAMES}.")
    if any(row.name == name for row in registry.rows()):
        raise UseError(f"There is a model {name} already, in the registry.", "Choose another name.")
    return name


def keep(file: Path, name: str) -> Path:
    """Copy a model into the store under a name; one of the user's that has the name is replaced.

    Args:
        file: An ONNX file.
        name: What it will be called, such as `my-model`.

    Returns:
        Where it lies now.

    Raises:
        UseError: It cannot be called so, or cannot be written.
    """
    target = folder() / f"{must_suit(name)}{ENDING}"
    try:
        folder().mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UseError(f"{folder()} cannot be made: {error.strerror}.") from None
    with replacing(target) as part:
        shutil.copyfile(file, part)
    return target


def find(name: str) -> Path | None:
    """Return the file of the user's model of this name; None if there is none."""
    return every().get(name)


def every() -> dict[str, Path]:
    """Return the files of all models of the user's, by name."""
    found = sorted(folder().glob(f"*{ENDING}"))
    return {path.stem: path for path in found if NAME.fullmatch(path.stem)}


def remove(name: str) -> Path:
    """Delete a model of the user's, and return where it lay.

    Raises:
        UseError: There is none of this name.
    """
    known = every()
    if name not in known:
        raise UseError(f"There is no model {name!r} of your own.{did_you_mean(name, known)}", "List: melies models")
    known[name].unlink()
    return known[name]

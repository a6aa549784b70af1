"""What a run was begun with: `options.json` in its folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from melies.errors import UseError
from melies.files import exists
from melies.train._trainer import Trainer

LIMITS = {"minutes", "steps"}
"""Options of one sitting: the next one is asked anew."""
_FILE = "options.json"
_TRAINER = "trainer"


def begun(trainer: type[Trainer], folder: Path) -> dict[str, Any]:
    """Return the options with which the run in a folder was begun, without its limits; none if there is no run.

    Raises:
        UseError: It is a run of another trainer, or the file cannot be read.
    """
    path = folder / _FILE
    if not path.is_file():
        return {}
    try:
        found: dict[str, Any] = dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        raise UseError(f"{path} is damaged.", "Delete it, and give all options of the run again.") from None
    # Runs of earlier versions do not say whose they are.
    whose = found.pop(_TRAINER, trainer.name())
    if whose != trainer.name():
        raise UseError(f"{folder} holds a run of {whose}, not of {trainer.name()}.", "Name another folder: --out")
    return {name: value for name, value in found.items() if name not in LIMITS}


def to_go_on(trainer: type[Trainer], folder: Path) -> dict[str, Any]:
    """Return the options of a run that is to go on, as `begun` does.

    Raises:
        UseError: There is no run in the folder, or as `begun` says.
    """
    if not (folder / _FILE).is_file() and not (folder / "checkpoint.pt").is_file():
        raise UseError(f"There is no run in {folder}.", "Name the folder of one: --out. Or begin one there.")
    return begun(trainer, folder)


def must_be_folder(path: Path) -> None:
    """Refuse a place where no folder can be.

    Raises:
        UseError: It is a file, or lies below one.
    """
    there = next((place for place in (path, *path.parents) if exists(place)), None)
    if there is not None and not there.is_dir():
        raise UseError(f"--out {path}: {there} is a file.", "Name a folder; it is made if it is not there.")


@contextmanager
def undone(folder: Path, made: bool) -> Iterator[None]:
    """Remove the folder of a run that is refused before it began, if it was made for that.

    Args:
        folder: Of the run.
        made: Whether it was not there before.
    """
    try:
        yield
    except UseError:
        if made and folder.is_dir() and not (folder / _FILE).exists():
            shutil.rmtree(folder)
        raise


def must_suit(trainer: Trainer) -> None:
    """Refuse options with which a run cannot go on.

    Raises:
        UseError: It is a run of another trainer, or of another kind of network.
    """
    before = begun(type(trainer), trainer.out)
    now = trainer.model_dump(mode="json", by_alias=True)
    for name in trainer.lasting:
        if name in before and before[name] != now[name]:
            option = "--" + name.replace("_", "-")
            raise UseError(
                f"The run in {trainer.out} was begun with {option} {before[name]} and cannot go on with {now[name]}.",
                f"Leave out {option}, or begin another run: --out",
            )


def write(trainer: Trainer) -> None:
    """Keep the options in the folder of the run."""
    path = trainer.out / _FILE
    part = path.with_name(path.name + ".part")
    content = {_TRAINER: trainer.name(), **trainer.model_dump(mode="json", by_alias=True, exclude=LIMITS)}
    part.write_text(json.dumps(content, indent=1), encoding="utf-8")
    part.replace(path)

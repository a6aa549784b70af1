"""Where model files lie on this computer: finding, fetching, placing and verifying them.

The store is `models` in the folder that the environment variable `MELIES_HOME` names, else in the user's data folder.
A file is used only while its sha256 is the registry's; that is computed once and remembered, together with the
file's size, modification time and inode, until one of them changes.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal, NamedTuple

import platformdirs

from melies.errors import ModelError
from melies.models import registry, sources
from melies.models.convert import from_file
from melies.models.registry import NpmSource, PackageSource, Row, WheelSource
from melies.models.sources import Progress

log = logging.getLogger("melies")

Status = Literal["missing", "ready", "bundled"]
ARCHIVES = {".whl": WheelSource, ".tgz": NpmSource}
DAY = 86400
CONVERSION = 1
"""To be counted up when the converters make something else of the same file."""


class Check(NamedTuple):
    """What `verify` found: the model's name, the state of its file, and where that is or would be."""

    name: str
    state: Literal["ok", "missing", "damaged"]
    path: Path


def home() -> Path:
    """Return the folder of the store, which may not exist yet."""
    base = os.environ.get("MELIES_HOME")
    return (Path(base) if base else Path(platformdirs.user_data_dir("melies", appauthor=False))) / "models"


def where(name: str) -> Path:
    """Return where the model's file is, or where it would be put.

    Raises:
        UseError: There is no such model.
    """
    row = registry.find(name)
    candidates = [path for path, _ in _candidates(row)] or [home() / row.filename]
    return next((path for path in candidates[:-1] if _matches(path, row)), candidates[-1])


def status(row: Row) -> Status:
    """Say whether the model's file is there, without reading it.

    Returns:
        `"bundled"` when it came with melies, `"ready"` when it is in the store or another package, or `"missing"`.
    """
    for path, ours in _candidates(row):
        if path.stat().st_size == row.size:
            return "bundled" if ours else "ready"
    return "missing"


def path(name: str) -> Path:
    """Return the model's file, verified.

    Raises:
        UseError: There is no such model.
        ModelError: Its file is not here, or is not the one that is pinned.
    """
    row = registry.find(name)
    found = _sound(row)
    if found is None:
        raise ModelError(f"The model {name} is not on this computer.", f"Fetch it: melies models pull {name}")
    return found


def pull(
    name: str,
    *,
    progress: Progress | None = None,
    accept: Callable[[Row], bool] | None = None,
    file: Path | None = None,
) -> Path:
    """Make sure that the model's file is here, fetching it from the first source that has it.

    Args:
        name: The model.
        progress: Told bytes done, bytes in all and what is being fetched.
        accept: Asked before anything is fetched, with the row that states the licence.
        file: Take it from here: the model file itself, or the wheel or npm tarball that a source names.

    Returns:
        Where it lies, verified.

    Raises:
        UseError: There is no such model.
        ModelError: No source has it, or what came is not the file that is pinned, or it was not accepted.
    """
    row = registry.find(name)
    with suppress(ModelError):  # a damaged file is what pulling again mends
        found = _sound(row)
        if found is not None:
            return found
    if accept is not None and not accept(row):
        raise ModelError(f"The model {name} was not fetched because its licence was not accepted.")
    try:
        with _workshop() as folder:
            made = _given(row, file, folder) if file else _fetched(row, folder, progress or _silent)
            target = home() / row.filename
            made.replace(target)
            _remember(target, row.sha256)
    except OSError as error:
        raise ModelError(f"The model {name} could not be stored in {home()}: {error.strerror}.") from error
    return target


def converted(file: Path, sha256: str, task: str = "upscale") -> Path:
    """Return the ONNX file made of a file of the user's; it is made the first time and kept in the store.

    Args:
        file: A checkpoint, as for `convert.from_file`.
        sha256: Of its content.
        task: What the network is for, as for `convert.from_file`.

    Raises:
        ModelError: It cannot be converted, or the result cannot be stored.
    """
    kind = "" if task == "upscale" else f"-{task}"
    return derived(file, f"{sha256}{kind}-{CONVERSION}", lambda: from_file(file, task))


def derived(file: Path, name: str, make: Callable[[], bytes]) -> Path:
    """Return an ONNX file made of another file; it is made the first time and kept in the store.

    Args:
        file: Of what it is made.
        name: A name that stands for the content of the file and for what is made of it.
        make: Makes it.

    Raises:
        ModelError: It cannot be stored.
    """
    kept = home() / "converted" / f"{name}.onnx"
    if not kept.is_file():
        made = make()
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=kept.parent, delete=False) as new:
                new.write(made)
            Path(new.name).replace(kept)
        except OSError as error:
            raise ModelError(f"{file} could not be kept as ONNX in {kept.parent}: {error.strerror}.") from error
    return kept


def verify(names: Iterable[str] = ()) -> list[Check]:
    """Read and hash the files of these models again, of all models when none is named.

    Raises:
        UseError: There is no such model.
    """
    rows = [registry.find(name) for name in names] or registry.rows()
    return [_check(row) for row in rows]


def _check(row: Row) -> Check:
    for path, _ in _candidates(row):
        sound = sources.sha256(path) == row.sha256
        _remember(path, row.sha256 if sound else None)
        return Check(row.name, "ok" if sound else "damaged", path)
    return Check(row.name, "missing", home() / row.filename)


def _candidates(row: Row) -> Iterator[tuple[Path, bool]]:
    """Yield the files that may be the model, and whether each came with melies; what the user placed comes first."""
    placed = home() / row.filename
    if placed.is_file():
        yield placed, False
    for source in row.sources:
        found = sources.installed(source)
        if isinstance(source, PackageSource) and found:
            ours = source.package == "melies"
            # Another package's file of another size belongs to another version of it.
            if ours or found.stat().st_size == row.size:
                yield found, ours


def _sound(row: Row) -> Path | None:
    """Return the first candidate that is the file that is pinned; None if there are no candidates at all."""
    damaged: list[tuple[Path, bool]] = []
    for path, ours in _candidates(row):
        if _matches(path, row):
            for other, _ in damaged:
                log.warning(
                    "%s is not the file that the model %s should be: %s is used instead.", other, row.name, path
                )
            return path
        damaged.append((path, ours))
    for path, ours in damaged:
        what_next = "Install melies again." if ours else f"Fetch it again: melies models pull {row.name}"
        raise ModelError(f"{path} is not the file that the model {row.name} should be.", what_next)
    return None


def _fetched(row: Row, folder: Path, progress: Progress) -> Path:
    reasons = []
    for number, source in enumerate(row.sources):
        attempt = folder / str(number)
        attempt.mkdir()
        try:
            made = sources.fetch(source, row, attempt, home(), progress)
            _must_match(made, row)
        except ModelError as error:
            reasons.append(f"{sources.label(source)}: {error.message.rstrip('.')}")
        else:
            return made
    raise ModelError(
        f"The model {row.name} could not be fetched ({'; '.join(reasons)}).",
        f"Put the file at {home() / row.filename} by hand (sha256 {row.sha256}), "
        f"or name it or the package that holds it: melies models pull {row.name} --file PATH",
    )


def _given(row: Row, file: Path, folder: Path) -> Path:
    if not file.is_file():
        raise ModelError(f"There is no file {file}.")
    kind = ARCHIVES.get(file.suffix)
    source = next((s for s in row.sources if kind and isinstance(s, kind)), None)
    if isinstance(source, WheelSource | NpmSource):
        made = sources.unpack(source, file, row, folder)
    else:
        made = folder / row.filename
        shutil.copyfile(file, made)
    _must_match(made, row)
    return made


def _must_match(path: Path, row: Row) -> None:
    found = sources.sha256(path)
    if found != row.sha256:
        raise ModelError(
            f"This is not the file of {row.name}, so it was not kept: its sha256 is {found} instead of {row.sha256}."
        )


@contextmanager
def _workshop() -> Iterator[Path]:
    """Give a folder beside the models, so that finished files are moved and not copied, and clear it away."""
    store = home()
    store.mkdir(parents=True, exist_ok=True)
    for left_over in store.glob(".pull-*"):
        if time.time() - left_over.stat().st_mtime > DAY:
            shutil.rmtree(left_over, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=store, prefix=".pull-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _silent(done: int, total: int | None, what: str) -> None:
    """Tell nobody."""


def _matches(path: Path, row: Row) -> bool:
    if _remembered().get(str(path)) == _mark(path, row.sha256):
        return True
    sound = sources.sha256(path) == row.sha256
    if sound:
        _remember(path, row.sha256)
    return sound


def _mark(path: Path, sha256: str) -> list[int | str]:
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ino, sha256]


def _memory() -> Path:
    return home() / ".verified.json"


def _remembered() -> dict[str, list[int | str]]:
    try:
        memory = json.loads(_memory().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return memory if isinstance(memory, dict) else {}


def _remember(path: Path, sha256: str | None) -> None:
    """Note that the file was found sound, or was not (None). Only time is lost where that cannot be written."""
    memory = _remembered()
    memory.pop(str(path), None)
    if sha256 is not None:
        memory[str(path)] = _mark(path, sha256)
    with suppress(OSError):
        _memory().parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=home(), delete=False, encoding="utf-8") as file:
            json.dump(memory, file)
        Path(file.name).replace(_memory())

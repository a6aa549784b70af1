"""`Template`: a performance written down: what a face did, without the face."""

from __future__ import annotations

import zipfile
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import fields
from math import inf, prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melies.errors import MediaError, UseError
from melies.faces.anatomy import SKIN
from melies.puppetry.motion import Motion
from melies.puppetry.performer import EASE, Cue

VERSION = 1
MOST = 1 << 29
"""Bytes that a template may take, unpacked: about two hours."""

_SHAPES: dict[str, tuple[int, ...]] = {
    "time": (),
    "presence": (),
    "expression": (SKIN, 3),
    "turn": (3,),
    "looks": (3,),
    "shift": (2,),
    "growth": (),
    "lids": (2,),
    "gape": (),
    "calm": (),
    "gaze": (2, 2),
}
"""What is kept of every moment."""
_LIMIT = 1000.0
"""No number of a motion is larger, whether centimetres, degrees or shares."""


class Template:
    """A performance that was written down.

    Args:
        columns: One array for each of its measures, the moments in order.
    """

    def __init__(self, columns: dict[str, NDArray[Any]]) -> None:
        self._columns = columns
        self._times: list[float] = columns["time"].tolist()

    @staticmethod
    def read(path: Path) -> Template:
        """Read a file that `write` wrote; nothing in it is ever run.

        Raises:
            UseError: It does not exist or is no such file.
        """
        try:
            with zipfile.ZipFile(path) as file:
                _measure(file, path)
            with np.load(path, allow_pickle=False) as arrays:
                version = int(arrays["version"])
                columns = {name: arrays[name] for name in _SHAPES}
        except FileNotFoundError:
            raise UseError(f"The motion {path} does not exist.", "Write one with: melies motion IN OUT.npz") from None
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, EOFError) as error:
            raise _refused(path, "is not a motion that melies wrote") from error
        if version != VERSION:
            raise _refused(path, f"is a motion of version {version}, and this melies reads version {VERSION}")
        _check(columns, path)
        return Template(columns)

    @property
    def end(self) -> float:
        """The time, in seconds, at which the portrait is at rest again."""
        return self._times[-1] + EASE

    def at(self, time: float) -> Cue | None:
        """Return what the performance asks of a portrait at `time` seconds; None before its first face."""
        number = bisect_right(self._times, time) - 1
        if number < 0:
            return None
        cue = self._cue(number)
        if number + 1 == len(self._times):
            return Cue(cue.motion, max(0.0, cue.presence - (time - self._times[number]) / EASE))
        following = self._cue(number + 1)
        share = (time - self._times[number]) / (self._times[number + 1] - self._times[number])
        presence = (1 - share) * cue.presence + share * following.presence
        return Cue(cue.motion.mixed(following.motion, share), presence)

    def _cue(self, number: int) -> Cue:
        values: dict[str, Any] = {}
        for field in fields(Motion):
            value = self._columns[field.name][number]
            values[field.name] = value.astype(np.float32) if value.ndim else float(value)
        return Cue(Motion(**values), float(self._columns["presence"][number]))


def write(path: Path, cues: Iterable[tuple[float, Cue]]) -> int:
    """Write a performance down, as compressed NumPy arrays.

    Args:
        path: Where to; what was there is replaced once the file is complete.
        cues: Times in seconds, in order, and what the performance asks then.

    Returns:
        How many moments were written.

    Raises:
        MediaError: Nobody was seen at any.
    """
    rows: dict[str, list[Any]] = {name: [] for name in _SHAPES}
    for time, cue in cues:
        rows["time"].append(time)
        rows["presence"].append(cue.presence)
        for field in fields(Motion):
            value = getattr(cue.motion, field.name)
            rows[field.name].append(value.astype(np.float16) if field.name == "expression" else value)
    if not any(rows["presence"]):
        raise MediaError("Nobody is seen in the performance, so there is no motion to write.", "Choose another film.")
    columns: dict[str, Any] = {
        name: np.array(values, np.float64 if name == "time" else None if name == "expression" else np.float32)
        for name, values in rows.items()
    }
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        np.savez_compressed(file, version=np.array(VERSION), **columns)
    part.replace(path)
    return len(rows["time"])


def _measure(file: zipfile.ZipFile, path: Path) -> None:
    """Refuse what would unpack to more than is sensible, or holds anything else."""
    entries = file.infolist()
    names = {entry.filename for entry in entries}
    if names != {f"{name}.npy" for name in ("version", *_SHAPES)} or len(entries) != len(names):
        raise _refused(path, "is not a motion that melies wrote")
    if sum(entry.file_size for entry in entries) > MOST:
        raise _refused(path, "is too large to be a motion")
    for entry in entries:
        with file.open(entry) as stream:
            if np.lib.format.read_magic(stream) != (1, 0):
                raise _refused(path, "is not a motion that melies wrote")
            shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
            # An array that claims to be larger than its file would be given its memory before it is read.
            if dtype.hasobject or prod(shape) * dtype.itemsize != entry.file_size - stream.tell():
                raise _refused(path, "holds numbers that cannot be a motion")


def _check(columns: dict[str, NDArray[Any]], path: Path) -> None:
    count = len(columns["time"]) if columns["time"].ndim == 1 else 0
    sound = count > 0 and all(
        columns[name].shape == (count, *shape) and _sensible(columns[name], inf if name == "time" else _LIMIT)
        for name, shape in _SHAPES.items()
    )
    presence = columns["presence"]
    if not sound or (np.diff(columns["time"]) <= 0).any() or presence.min() < 0 or presence.max() > 1:
        raise _refused(path, "holds numbers that cannot be a motion")


def _sensible(values: NDArray[Any], most: float) -> bool:
    return values.dtype.kind == "f" and bool(np.isfinite(values).all()) and float(np.abs(values).max()) <= most


def _refused(path: Path, why: str) -> UseError:
    return UseError(f"{path} {why}.", "Write it again with: melies motion IN OUT.npz")

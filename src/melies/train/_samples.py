"""Where trainers' pictures come from: folders and films, a few frames of every shot, nothing twice."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import melies
from melies.engine.shots import mark_shots, shots
from melies.errors import MediaError, UseError
from melies.files import exists
from melies.frame import Frame, Image
from melies.imaging import to_depth
from melies.matting.scale import cv, reduce
from melies.media.stills import SUFFIXES, find_pictures, natural

log = logging.getLogger("melies")

FILMS = {".avi", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".webm"}
"""Endings of what counts as a film in a folder; a file that is named itself may have any."""
STRETCHES = 20
"""Runs of neighbours into which the pictures of a folder are divided: they may be frames of one film."""
_GLANCE = 16
"""Side, in pixels, of the small pictures by which it is told whether two are nearly the same."""
_APART = 2.0
"""Seconds between two frames that are taken of a long shot."""
_CLOSEST = 0.125
"""Seconds between two frames that may be taken of a short one."""
_MOST_OF_A_SHOT = 64
"""Frames that are taken of a shot at most."""
_LONG = 20_000
"""Frames of a film from which on one wonders whether something happens."""


class Sample(NamedTuple):
    """A picture to learn from.

    Attributes:
        image: `H×W×3` uint8 RGB.
        group: What it is so close to others in that they must not be kept apart: its shot, or its neighbours.
    """

    image: NDArray[np.uint8]
    group: str


def files_in(paths: Sequence[Path], option: str) -> list[Path]:
    """List the pictures and films that are meant: files themselves, and all in folders and the folders in them.

    Args:
        paths: Files, folders, or patterns such as `shots/*.png`.
        option: What the user calls them, for what is said when there are none.

    Raises:
        UseError: Something is not there, or a folder holds nothing of use.
    """
    found: list[Path] = []
    for path in paths:
        if exists(path) and path.is_dir():
            inside = (file for file in path.rglob("*") if _usable(file.relative_to(path)) and file.is_file())
            held = sorted(inside, key=lambda file: (str(file.parent), natural(file)))
            if not held:
                raise UseError(f"The folder {path} holds no pictures and no films.", f"Name another: {option}")
            found += held
        elif exists(path):
            found.append(path)
        elif (several := find_pictures(path)) is not None:
            found += several
        else:
            raise UseError(f"There is no file {path}.", f"Name pictures, films, or folders of them: {option}")
    return list(dict.fromkeys(found))


def samples(files: Sequence[Path], side: int, per_shot: int, most: int) -> Iterator[Sample]:
    """Read pictures, and a few frames of every shot of films, spread over it: of a long one, every two seconds one.

    What cannot be read is left out with a warning.

    Args:
        files: As `files_in` lists them.
        side: The longest side in pixels; what is larger is made smaller.
        per_shot: Frames of a short shot.
        most: The most stills that are read, chosen evenly.
    """
    stills = [file for file in files if _still(file)]
    which = set(stills if len(stills) <= most else [stills[index] for index in evenly(len(stills), most)])
    for folder, inside in groupby((file for file in files if file in which), key=lambda file: file.parent):
        neighbours = list(inside)
        for index, file in enumerate(neighbours):
            for image in _read(file, side, 1):
                yield Sample(image.image, f"{folder}#{index * STRETCHES // max(STRETCHES, len(neighbours))}")
    for file in files:
        if not _still(file):
            yield from _read(file, side, per_shot)


def small(image: Image, side: int) -> NDArray[np.uint8]:
    """Return a picture without alpha in 8 bits, at most `side` pixels long."""
    height, width = image.shape[:2]
    scale = min(1.0, side / max(height, width))
    plain = np.ascontiguousarray(to_depth(image[..., :3], np.dtype(np.uint8)))
    return plain if scale == 1 else reduce(plain, max(1, round(width * scale)), max(1, round(height * scale)))


def glance(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a picture as a row of 768 numbers, 0…255, whose root mean square distance says how alike two are."""
    tiny = cv.resize(image, (_GLANCE, _GLANCE), interpolation=cv.INTER_AREA)
    return np.asarray(tiny, np.float32).reshape(-1)


def evenly(count: int, most: int) -> NDArray[np.intp]:
    """Choose at most so many of `count` things, spread evenly, none at the very ends where there is a choice."""
    if count <= most:
        return np.arange(count)
    return ((np.arange(most) + 0.5) * count / most).astype(np.intp)


def _usable(path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.parts)
    return not hidden and path.suffix.lower() in SUFFIXES | FILMS


def _still(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES


def _read(file: Path, side: int, per_shot: int) -> Iterator[Sample]:
    try:
        clip = melies.open(file)
        if (clip.spec.frames or 0) > _LONG:
            log.warning("Looking for shots in %s takes about as long as decoding it; it is done once.", file)
        for number, shot in enumerate(shots(mark_shots(clip.source.frames()))):
            for image in _spread(shot, side, per_shot):
                yield Sample(image, f"{file}#{number}")
    except (UseError, MediaError) as error:
        log.warning("Left out: %s", error.message)


def _spread(shot: Iterator[Frame], side: int, least: int) -> list[NDArray[np.uint8]]:
    """Return frames spread over a shot whose length nobody knows, keeping few of them meanwhile."""
    kept: list[NDArray[np.uint8]] = []
    began = end = due = 0.0
    gap = _CLOSEST
    for frame in shot:
        began, end = began if kept else frame.time, frame.time
        if not kept or frame.time >= due:
            kept.append(small(frame.image, side))
            due = frame.time + gap
            if len(kept) == 2 * _MOST_OF_A_SHOT:
                kept, gap = kept[::2], 2 * gap
                due = frame.time + gap / 2
    wanted = max(least, min(_MOST_OF_A_SHOT, round((end - began) / _APART)))
    return [kept[index] for index in evenly(len(kept), wanted)]

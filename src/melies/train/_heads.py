"""Material for trainers: the head of one person in each shot of films, in a crop that stands still."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import melies
from melies.engine.shots import mark_shots
from melies.errors import UseError
from melies.faces import find
from melies.frame import Frame, Image
from melies.matting.scale import cv
from melies.puppetry.place import place_of
from melies.square import Square

SEARCHED = 25
"""Frames from the beginning of a shot in which a face is looked for."""
FEWEST = 8
"""Shots with fewer frames than this are left out."""
FILMS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".gif")


class Heads:
    """Crops on disk, so that memory stays small however long the films are.

    Attributes:
        crops: `N×side×side×3` uint8 RGB.
        shots: First and behind-last index of the crops of each shot.
    """

    def __init__(self, films: Sequence[Path], side: int, every: int) -> None:
        """Cut out the largest face of every shot; what shows no face is left out.

        Args:
            films: Files, or folders of films.
            side: Of the crops, in pixels.
            every: Use only every so many frames.

        Raises:
            UseError: A file is not there, or no film shows a face for long enough.
        """
        self.shots: list[tuple[int, int]] = []
        # The file has no name, and its space is given back when nobody reads it any more.
        with tempfile.TemporaryFile() as file:
            count = 0
            for film in films_in(films):
                for shot in _shots(film):
                    start = count
                    for crop in _crops(shot, side, every):
                        file.write(crop.tobytes())
                        count += 1
                    if count - start >= FEWEST:
                        self.shots.append((start, count))
            if not self.shots:
                raise UseError(
                    f"No film shows one face for at least {FEWEST * every} frames: {', '.join(map(str, films))}.",
                    "Name clips of talking heads: --clips",
                )
            file.flush()
            self.crops: NDArray[np.uint8] = np.memmap(file, np.uint8, "r", shape=(count, side, side, 3))


def films_in(paths: Sequence[Path]) -> list[Path]:
    """Return films, and those in folders.

    Raises:
        UseError: A file is not there.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(file for file in path.iterdir() if file.suffix.lower() in FILMS)
        elif path.is_file():
            found.append(path)
        else:
            raise UseError(f"There is no file {path}.", "Name films, or folders of films: --clips")
    return found


def _shots(film: Path) -> Iterator[Iterator[Frame]]:
    """Yield the shots of a film; each must be read to its end before the next."""
    frames = mark_shots(melies.open(film).source.frames())
    following = list(islice(frames, 1))

    def shot() -> Iterator[Frame]:
        yield following.pop()
        for frame in frames:
            if frame.cut:
                following.append(frame)
                return
            yield frame

    while following:
        yield shot()


def _crops(shot: Iterator[Frame], side: int, every: int) -> Iterator[Image]:
    where: Square | None = None
    for index, frame in enumerate(shot):
        if where is None and index < SEARCHED:
            faces: Any = find(frame.image, 1)
            where = place_of(faces[0].points, frame.image.shape[1], frame.image.shape[0]) if faces else None
        if where is not None and index % every == 0:
            yield cv.convertScaleAbs(where.cut(frame.image, side), alpha=255)

"""Running a network on a picture of any size without ever holding the features of all of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melies.matting.scale import cv
from melies.models import sources, store
from melies.models.runtime import Session, load_file, options
from melies.translating.card import MADE
from melies.translating.shared import GIVEN, MEASURED, with_given_statistics

Planes = NDArray[np.float32]
"""`1×C×H×W` float32."""

OVERLAP = 96
"""Pixels of its neighbours that a tile sees: CycleGAN's generators see 84 pixels far, the small one 64."""
PIXELS = 600_000
"""Pixels that are given to a network at once: CycleGAN's need 1.4 KB for each."""
PIXELS_LIGHT = 4_000_000
"""The same for small networks, which need 200 bytes for each."""

_SHARE = 2 / 3
"""How many of these pixels tiles and thumbnails have, because sharing statistics takes more memory for each."""
_LIGHT = 8 << 20
"""A network whose file is smaller than this many bytes is taken for a small one."""
_VERSION = 2
"""To be counted up when something else is made of the same network."""


class Tiled:
    """A network for pictures of any size; several threads may use it at once.

    What is too large to be given to it at once is cut into tiles. They are normalised with the statistics of a smaller
    copy of the whole picture, so that neighbours agree.

    Args:
        path: An ONNX file.
        session: The same, loaded.
        name: The input that takes the picture.
        multiple: What the sides of what it takes must be multiples of.
        pixels: How many pixels may be given to it at once; by its size if None.
    """

    def __init__(self, path: Path, session: Session, name: str, multiple: int, pixels: int | None = None) -> None:
        self._path, self._session, self._name, self._multiple = path, session, name, multiple
        self._pixels = pixels or (PIXELS_LIGHT if path.stat().st_size < _LIGHT else PIXELS)
        self._tile = int(self._pixels * _SHARE)
        self._shared: Session | None = None

    def __call__(self, planes: Planes, others: Mapping[str, NDArray[Any]]) -> Planes:
        """Run it.

        Args:
            planes: The picture, `1×C×H×W`; its sides are multiples of `multiple`.
            others: The other inputs.

        Returns:
            `1×N×H×W`: 3 colours, or as many as the network gives.
        """
        height, width = planes.shape[2:]
        if height * width <= self._pixels:
            made: Planes = self._session.run({self._name: planes, **others}, [MADE])[MADE]
            return made
        statistics = self.statistics(self._thumbnail(planes), others)
        return self.run(planes, others, statistics)

    def statistics(self, planes: Planes, others: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """Return the statistics of a picture that may be given to the network at once, by the inputs' names."""
        session = self._with_statistics
        names = [name for name in session.outputs if name.startswith(MEASURED)]
        if not names:  # It normalises nothing by what it is shown.
            return {}
        unused = {name.removeprefix(MEASURED): np.zeros(1, np.float32) for name in names}
        found = session.run({self._name: planes, **others, GIVEN: np.array(False), **unused}, names)
        return {name.removeprefix(MEASURED): value for name, value in found.items()}

    def run(
        self, planes: Planes, others: Mapping[str, NDArray[Any]], statistics: Mapping[str, NDArray[np.float32]]
    ) -> Planes:
        """Run it tile by tile with these statistics."""
        session = self._with_statistics
        height, width = planes.shape[2:]
        made = np.empty((1, 0, height, width), np.float32)
        given = {**others, **statistics, GIVEN: np.array(True)}
        overlap = -(-OVERLAP // self._multiple) * self._multiple
        side = max(self._multiple, (math.isqrt(self._tile) - 2 * overlap) // self._multiple * self._multiple)
        for rows, columns in product(_parts(height, side), _parts(width, side)):
            top, bottom = max(0, rows[0] - overlap), min(height, rows[1] + overlap)
            left, right = max(0, columns[0] - overlap), min(width, columns[1] + overlap)
            tile = np.ascontiguousarray(planes[..., top:bottom, left:right])
            part = session.run({self._name: tile, **given}, [MADE])[MADE]
            if not made.size:
                made = np.empty((1, part.shape[1], height, width), np.float32)
            inner = slice(rows[0] - top, rows[1] - top), slice(columns[0] - left, columns[1] - left)
            made[..., rows[0] : rows[1], columns[0] : columns[1]] = part[(..., *inner)]
        return made

    @property
    def _with_statistics(self) -> Session:
        if self._shared is None:
            name = f"{sources.digest(self._path)}-shared-{_VERSION}"
            path = store.derived(self._path, name, lambda: with_given_statistics(self._path.read_bytes()))
            with options(device=self._session.options.device, threads=self._session.options.threads):
                self._shared = load_file(path)
        return self._shared

    def _thumbnail(self, planes: Planes) -> Planes:
        height, width = planes.shape[2:]
        factor = math.sqrt(self._tile / (height * width))
        small = [max(1, int(side * factor) // self._multiple) * self._multiple for side in (height, width)]
        shrunk = [cv.resize(plane, small[::-1], interpolation=cv.INTER_AREA) for plane in planes[0]]
        return np.stack(shrunk)[None]


def _parts(length: int, side: int) -> Iterator[tuple[int, int]]:
    yield from pairwise([*range(0, length, side), length])

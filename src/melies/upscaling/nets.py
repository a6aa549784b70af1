"""Networks that enlarge pictures, run tile by tile so that memory does not grow with the picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from melies.imaging import white_of
from melies.models import registry, runtime

ROWS: Mapping[str, Mapping[int, str]] = MappingProxyType(
    {
        "span": {2: "span-x2", 4: "span-x4"},
        "animevideov3": {4: "animevideov3"},
        "x4plus": {4: "x4plus"},
        "x4plus-anime": {4: "x4plus-anime"},
    }
)
"""The registry's rows behind each name, by how much they enlarge."""

OVERLAP = 24
"""Pixels of its neighbours that a tile sees. SPAN sees 21 pixels far and SRVGG 18, so that their tiles join exactly.

RRDB sees hundreds of pixels far, though what is far away counts little: with tiles the result differs by 0.3 of 255 on
average.
"""

GRID = 4
"""Tiles begin at multiples of this, for networks that first put squares of pixels into channels."""

PIXELS = 120_000
"""Pixels that may be given to networks at once: SPAN needs 3.8 KB for each, 460 MB in all; SRVGG less than half."""

PIXELS_HEAVY = 40_000
"""The same for RRDB, which needs 27 KB for each, 1.1 GB in all."""

WORKERS = 4
"""No more frames than this are worked on at once, for each is held in memory together with its result."""

_HEAVY = 6 << 20
"""A network whose file is larger than this many bytes is taken for an RRDB."""


@dataclass(frozen=True)
class Plan:
    """How a network goes about frames of one size.

    Attributes:
        workers: How many frames at once.
        threads: How many cores for each.
        pixels: How many pixels may be given to the network at once, for each frame.
    """

    workers: int
    threads: int
    pixels: int


def plan(width: int, height: int, size: int, many: bool = True) -> Plan:
    """Share the memory and the cores that the running context allows.

    Several small frames with a core each are faster than one after the other with all cores; frames that fill the
    memory come one by one.

    Args:
        width: Of a frame.
        height: Of a frame.
        size: Of the network's file in bytes.
        many: Whether there is more than one frame.
    """
    room = PIXELS if size <= _HEAVY else PIXELS_HEAVY
    with runtime.options() as options:
        cores = options.width
        alone = options.device != "cpu" or not many
    workers = 1 if alone else max(1, min(cores, WORKERS, room // (width * height)))
    return Plan(workers, max(1, cores // workers), room // workers)


def rows(model: str, ratio: float | None) -> tuple[str, ...]:
    """Return the registry's rows for a name in `ROWS`: the one that suits the ratio, or all when that is not known."""
    nets = ROWS[model]
    if ratio is None:
        return tuple(nets.values())
    return (nets[min((scale for scale in nets if scale >= ratio), default=max(nets))],)


class Net:
    """A network that is ready to enlarge frames of one size; several threads may use it at once.

    Args:
        model: A row of the registry, or a file of the user's.
        width: Of the frames.
        height: Of the frames.
        many: Whether there is more than one frame.

    Attributes:
        scale: How many times larger the result is.
        workers: How many frames are best enlarged at the same time.

    Raises:
        ModelError: The model is not here, or is no network that enlarges pictures.
    """

    def __init__(self, model: str | Path, width: int, height: int, many: bool = True) -> None:
        size = registry.find(model).size if isinstance(model, str) else model.stat().st_size
        plan_ = plan(width, height, size, many)
        with runtime.options(threads=plan_.threads):
            self._session = runtime.load(model) if isinstance(model, str) else runtime.load_file(model)
        self.scale = runtime.scale(self._session)
        self.workers = plan_.workers
        self._pixels = plan_.pixels
        (self._input,) = self._session.inputs
        (self._output,) = self._session.outputs

    def enlarge(self, image: NDArray[Any]) -> NDArray[Any]:
        """Return a picture `scale` times larger, of the same depth.

        Args:
            image: `H×W×3`, uint8 or uint16.
        """
        made = np.empty((image.shape[0] * self.scale, image.shape[1] * self.scale, 3), image.dtype)
        for tile in tiles(*image.shape[:2], self._pixels):
            made[tile.target(self.scale)] = self._run(image[tile.outer])[tile.inner(self.scale)]
        return made

    def enlarge_plane(self, plane: NDArray[Any]) -> NDArray[Any]:
        """Return a plane `scale` times larger, of the same depth; where it is even the network has nothing to do.

        Args:
            plane: `H×W`, uint8 or uint16.
        """
        made = np.empty((plane.shape[0] * self.scale, plane.shape[1] * self.scale), plane.dtype)
        for tile in tiles(*plane.shape, self._pixels):
            part = plane[tile.outer]
            if int(part.min()) == int(part.max()):
                made[tile.target(self.scale)] = part[0, 0]
            else:
                grey = np.broadcast_to(part[..., None], (*part.shape, 3))
                made[tile.target(self.scale)] = self._run(grey)[tile.inner(self.scale)][..., 1]
        return made

    def _run(self, image: NDArray[Any]) -> NDArray[Any]:
        white = np.float32(white_of(image))
        data = np.empty((1, 3, *image.shape[:2]), np.float32)
        np.divide(image.transpose(2, 0, 1), white, out=data[0])
        made: NDArray[np.float32] = self._session.run({self._input: data})[self._output][0]
        np.multiply(made, white, out=made)
        np.clip(np.rint(made, out=made), 0, white, out=made)
        picture: NDArray[Any] = made.transpose(1, 2, 0).astype(image.dtype)
        return picture


class Tile(NamedTuple):
    """A part of a picture: what of it is kept, and how many pixels around that are only looked at."""

    top: int
    bottom: int
    left: int
    right: int
    height: int
    width: int

    @property
    def outer(self) -> tuple[slice, slice]:
        """The rows and columns to look at; at the border of the picture there is nothing more to see."""
        return (
            slice(max(0, self.top - OVERLAP), min(self.height, self.bottom + OVERLAP)),
            slice(max(0, self.left - OVERLAP), min(self.width, self.right + OVERLAP)),
        )

    def target(self, scale: int) -> tuple[slice, slice]:
        """Where it belongs in the enlarged picture."""
        return slice(self.top * scale, self.bottom * scale), slice(self.left * scale, self.right * scale)

    def inner(self, scale: int) -> tuple[slice, slice]:
        """What of the enlarged `outer` is kept."""
        rows, columns = self.outer
        return (
            slice((self.top - rows.start) * scale, (self.bottom - rows.start) * scale),
            slice((self.left - columns.start) * scale, (self.right - columns.start) * scale),
        )


@lru_cache(maxsize=16)
def tiles(height: int, width: int, pixels: int) -> tuple[Tile, ...]:
    """Cut a picture into the tiles, each of at most `pixels` with its overlap, that give the least to look at.

    At least one square of `GRID` pixels is kept of every tile, however few pixels are allowed.
    """
    best: tuple[int, list[int], list[int]] | None = None
    for across in range(1, -(-width // GRID) + 1):
        columns = _cuts(width, across)
        room = pixels // min(width, columns[1] + 2 * OVERLAP) - 2 * OVERLAP
        down = 1 if room + 2 * OVERLAP >= height else -(-height // max(GRID, room // GRID * GRID))
        rows = _cuts(height, down)
        seen = _seen(columns) * _seen(rows)
        if best is None or seen < best[0]:
            best = seen, columns, rows
    assert best is not None
    return tuple(
        Tile(top, bottom, left, right, height, width)
        for top, bottom in pairwise(best[2])
        for left, right in pairwise(best[1])
    )


def _cuts(length: int, count: int) -> list[int]:
    """Where parts of nearly the same length begin, and the end."""
    step = -(-length // (count * GRID)) * GRID
    return [*range(0, length, step), length]


def _seen(cuts: list[int]) -> int:
    """How many pixels the parts of a row see together."""
    return cuts[-1] + 2 * OVERLAP * (len(cuts) - 2)

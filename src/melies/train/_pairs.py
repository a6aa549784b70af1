"""Material for trainers: layouts and the photographs that belong to them."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F  # noqa: N812 (everybody's name)

import melies
from melies.errors import UseError
from melies.frame import Image
from melies.matting.scale import cv
from melies.painting.layout import NoLayoutError, labels_of, shrunk
from melies.painting.palette import Palette
from melies.train._paired import Paired
from melies.train._samples import evenly

Tensor = Any

MOST = 4000
"""Pairs that are kept in memory at most, chosen evenly."""

MOSTLY = 0.5
"""The share of a layout that is no label from which on it may be a photograph."""

CLOSER = 0.15
"""By how much a pair may be cut smaller, as a share of its size."""


class Pairs:
    """Layouts and photographs of the same names, small and in memory.

    Attributes:
        labels: `N×H×W` uint8.
        photos: `N×H×W×3` uint8 RGB.
        learned: Indices of those that are learned from.
        held_out: Indices of the others.

    Args:
        options: Which, and how large.
        palette: What the layouts' colours mean.
        device: Where they are wanted.

    Raises:
        UseError: There are fewer than two pairs, a layout does not suit its photograph or the palette.
    """

    def __init__(self, options: Paired, palette: Palette, device: str) -> None:
        named = paired(options)
        self._size = width, height = options.width, options.height
        self._classes, self._device = len(palette.classes), device
        self.labels = np.empty((len(named), height, width), np.uint8)
        self.photos = np.empty((len(named), height, width, 3), np.uint8)
        for index, (layout, photo) in enumerate(named):
            drawn, taken = _read(layout), _read(photo)
            if drawn.shape[:2] != taken.shape[:2]:
                sizes = [f"{picture.shape[1]}×{picture.shape[0]}" for picture in (drawn, taken)]
                raise UseError(f"{layout} has {sizes[0]} pixels and {photo} {sizes[1]}: they are no pair.")
            try:
                self.labels[index] = shrunk(labels_of(drawn, palette), width, height)
            except NoLayoutError as error:
                swapped = "; or are --layouts and --photos the wrong way round?" if error.share > MOSTLY else ""
                hint = f"Say what its colours or numbers mean: --classes{swapped}"
                raise UseError(f"{layout}: {error.message}", hint) from None
            self.photos[index] = cv.resize(taken[..., :3], (width, height), interpolation=cv2.INTER_AREA)
        first = len(named) - max(1, round(len(named) * options.held_out))
        self.learned, self.held_out = list(range(first)), list(range(first, len(named)))

    def batch(self, rng: np.random.Generator, count: int) -> tuple[Tensor, Tensor]:
        """Return random pairs, each cut a little and mirrored half of the time: `N×C×H×W` one-hot and `N×3×H×W`."""
        labels, photos = [], []
        for index in rng.choice(self.learned, count):
            share, left, top = 1 - CLOSER * rng.random(), rng.random(), rng.random()
            window = _window(self._size, float(share), float(left), float(top))
            step = -1 if rng.random() < 0.5 else 1
            labels.append(shrunk(np.ascontiguousarray(self.labels[index][window][:, ::step]), *self._size))
            part = np.ascontiguousarray(self.photos[index][window][:, ::step])
            photos.append(cv.resize(part, self._size, interpolation=cv2.INTER_LINEAR))
        return self._as_tensors(np.stack(labels), np.stack(photos))

    def tensors(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return some pairs as they are."""
        return self._as_tensors(self.labels[list(indices)], self.photos[list(indices)])

    def _as_tensors(self, labels: NDArray[np.uint8], photos: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        numbers = torch.from_numpy(labels).to(self._device).long()
        layouts = F.one_hot(numbers, self._classes).permute(0, 3, 1, 2).float()
        pictures = torch.from_numpy(np.ascontiguousarray(photos.transpose(0, 3, 1, 2))).to(self._device).float() / 255
        return layouts, pictures


def paired(options: Paired) -> list[tuple[Path, Path]]:
    """Return the files of all pairs, of many some.

    Raises:
        UseError: A folder is not there, or there are fewer than two.
    """
    layouts, photos = options.layouts, options.photos
    for folder in (layouts, photos):
        if not folder.is_dir():
            raise UseError(f"There is no folder {folder}.")
    taken = {path.stem: path for path in sorted(photos.iterdir())}
    patterns = [pattern.strip() for pattern in options.without.split(",") if pattern.strip()]
    named = [
        (path, taken[path.stem])
        for path in sorted(layouts.iterdir())
        if path.stem in taken and not any(fnmatch(path.name, pattern) for pattern in patterns)
    ]
    if len(named) < 2:
        raise UseError(
            f"{layouts} and {photos} hold {len(named)} pairs of pictures, and two are the least.",
            "A pair has the same name but for its ending.",
        )
    return [named[index] for index in evenly(len(named), MOST)]


def _read(path: Path) -> Image:
    return next(iter(melies.open(path).source.frames())).image


def _window(size: tuple[int, int], share: float, left: float, top: float) -> tuple[slice, slice]:
    width, height = (max(1, round(side * share)) for side in size)
    x, y = round((size[0] - width) * left), round((size[1] - height) * top)
    return slice(y, y + height), slice(x, x + width)

"""How much made pictures are like real ones, measured without any network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from melies.matting.scale import cv

Batch = NDArray[np.float32]
"""`N×3×H×W`, RGB, 0…1."""

_PATCH = 7
_PATCHES = 64
"""Patches of each picture, at each of the levels."""
_LEVELS = 3
_DIRECTIONS = 256


class Likeness:
    """How far pictures are from some real ones: the sliced Wasserstein distance of their patches.

    Karras et al., "Progressive Growing of GANs" (ICLR 2018), whose measure this is, compare the Laplacian pyramid's
    patches after evening out their colours; here patches are of the Gaussian pyramid and keep their colours, because
    light and colour are what many translations are about.

    Args:
        real: Real pictures.
    """

    def __init__(self, real: Batch) -> None:
        self._real = [self._projected(level) for level in _patches(real)]

    def distance(self, pictures: Batch) -> float:
        """Return how far pictures are from the real ones; 0.08 is as if all had become a tenth of white brighter."""
        found = []
        for real, made in zip(self._real, (self._projected(level) for level in _patches(pictures)), strict=True):
            # Quantiles instead of sorted lists, because there need not be as many of both.
            shares = np.linspace(0, 1, 101)
            found.append(np.abs(np.quantile(real, shares, 0) - np.quantile(made, shares, 0)).mean())
        return float(np.mean(found))

    @staticmethod
    def _projected(patches: NDArray[np.float32]) -> NDArray[np.float32]:
        rng = np.random.default_rng(0)
        directions = rng.standard_normal((patches.shape[1], _DIRECTIONS)).astype(np.float32)
        directions /= np.sqrt(np.square(directions).sum(0))
        projected: NDArray[np.float32] = patches @ directions
        return projected


def edges_kept(source: Batch, made: Batch) -> float:
    """Return how much of what was to be seen is still there: the correlation of the edges' strengths, -1…1."""
    one, other = (_edges(pictures) for pictures in (source, made))
    return float(np.corrcoef(one, other)[0, 1])


def _edges(pictures: Batch) -> NDArray[np.float32]:
    luma = pictures.transpose(0, 2, 3, 1) @ np.array([0.299, 0.587, 0.114], np.float32)
    down, across = luma[:, 2:, 1:-1] - luma[:, :-2, 1:-1], luma[:, 1:-1, 2:] - luma[:, 1:-1, :-2]
    strengths: NDArray[np.float32] = np.hypot(down, across).ravel()
    return strengths


def _patches(pictures: Batch) -> list[NDArray[np.float32]]:
    rng = np.random.default_rng(0)
    levels: list[list[NDArray[np.float32]]] = [[] for _ in range(_LEVELS)]
    for picture in pictures.transpose(0, 2, 3, 1):
        small = np.ascontiguousarray(picture)
        for level in levels:
            height, width = small.shape[0] - _PATCH + 1, small.shape[1] - _PATCH + 1
            windows = np.lib.stride_tricks.sliding_window_view(small, (_PATCH, _PATCH), (0, 1))
            rows, columns = rng.integers(height, size=_PATCHES), rng.integers(width, size=_PATCHES)
            level.append(windows[rows, columns].reshape(_PATCHES, -1))
            small = cv.pyrDown(small)
    return [np.concatenate(level) for level in levels]

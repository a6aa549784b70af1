"""Colours spread over what looks the same.

Levin, Lischinski and Weiss, "Colorization using Optimization" (2004): neighbours of like brightness have like colours.
Their affinities stand here in a symmetric form, which conjugate gradients solve. The filter is the guided filter of He,
Sun and Tang (2013) with weights: the same assumption in a window, fast enough for every frame.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.colouring.chroma import Chroma, Plane, cv

_SIGMA = 0.02
"""Difference of brightness over which colours are still much alike."""
_NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))


def spread(bright: Plane, known: Chroma, trust: Plane, rounds: int = 60) -> Chroma:
    """Find colours that are near the known ones where these are trusted, and go on smoothly over like brightness.

    Args:
        bright: `H×W` luma, 0…1.
        known: `H×W×2`.
        trust: `H×W`, 0 (unknown) or more; 1 weighs about as much as a neighbour of the same brightness.
        rounds: Steps of conjugate gradients at each size.
    """
    height, width = bright.shape
    if min(height, width) > 24:
        size = (width + 1) // 2, (height + 1) // 2
        part = cv.resize(trust, size, interpolation=cv2.INTER_AREA)
        mean = cv.resize(known * trust[..., None], size, interpolation=cv2.INTER_AREA)
        mean = mean / np.maximum(part, np.float32(1e-6))[..., None]
        coarse = spread(cv.resize(bright, size, interpolation=cv2.INTER_AREA), mean, part, rounds)
        start = cv.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    else:
        start = np.zeros_like(known)
    return _solve(_links(bright), known, np.maximum(trust, np.float32(1e-6))[..., None], start, rounds)


def _links(bright: Plane) -> list[NDArray[np.float32]]:
    """How strongly each pixel is tied to its neighbour to the right, below, and below to both sides."""
    links = []
    for step in _NEIGHBOURS:
        here, there = _pair(bright, step)
        links.append(np.exp(-np.square((here - there) / np.float32(_SIGMA))) + np.float32(1e-4))
    return [link[..., None] for link in links]


def _pair(values: NDArray[Any], step: tuple[int, int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Views of all pixels that have such a neighbour, and of these neighbours."""
    down, right = step
    rows = slice(0, values.shape[0] - down), slice(down, None)
    width = values.shape[1]
    if right >= 0:
        return values[rows[0], : width - right], values[rows[1], right:]
    return values[rows[0], -right:], values[rows[1], : width + right]


def _solve(links: list[NDArray[np.float32]], known: Chroma, trust: Plane, values: Chroma, rounds: int) -> Chroma:
    """Conjugate gradients for `trust·(u - known) + Σ link·(u - neighbour) = 0`, both colours together."""
    diagonal = trust.copy()
    for link, step in zip(links, _NEIGHBOURS, strict=True):
        here, there = _pair(diagonal, step)
        here += link
        there += link

    def times(field: Chroma) -> Chroma:
        result = trust * field
        for link, step in zip(links, _NEIGHBOURS, strict=True):
            (here, there), (to_here, to_there) = _pair(field, step), _pair(result, step)
            flow = link * (here - there)
            to_here += flow
            to_there -= flow
        return result

    rest = trust * known - times(values)
    scaled = rest / diagonal
    direction = scaled
    power = float(np.vdot(rest, scaled))
    goal = 1e-8 * max(float(np.vdot(trust * known, known)), 1e-6)
    for _ in range(rounds):
        if power <= goal:
            break
        along = times(direction)
        length = np.float32(power / float(np.vdot(direction, along)))
        values = values + length * direction
        rest = rest - length * along
        scaled = rest / diagonal
        power, last = float(np.vdot(rest, scaled)), power
        direction = scaled + np.float32(power / last) * direction
    return values


class Fit:
    """`value ≈ a·brightness + b` in the window around every pixel, wherever the values are trusted.

    Args:
        bright: `H×W` luma, 0…1.
        values: `H×W×K`.
        trust: `H×W`, 0…1; None for 1 everywhere.
        radius: Half the window, in pixels.
        eps: Variance of brightness that does not matter yet; larger follows the brightness less.
    """

    def __init__(
        self, bright: Plane, values: NDArray[np.float32], trust: Plane | None, radius: int, eps: float
    ) -> None:
        side = (2 * radius + 1, 2 * radius + 1)

        def mean(field: NDArray[np.float32]) -> NDArray[np.float32]:
            blurred: NDArray[np.float32] = cv.blur(field, side, borderType=cv2.BORDER_REFLECT)
            return blurred if blurred.ndim == 3 else blurred[..., None]

        guide = bright[..., None]
        weight = np.ones_like(guide) if trust is None else trust[..., None] + np.float32(1e-4)
        whole = mean(weight)
        level, square = mean(weight * guide) / whole, mean(weight * guide * guide) / whole
        middle, both = mean(weight * values) / whole, mean(weight * guide * values) / whole
        slope = (both - level * middle) / (square - level * level + np.float32(eps))
        # Fits that rest on more trusted pixels count for more.
        self._slope = mean(whole * slope) / mean(whole)
        self._base = mean(whole * (middle - slope * level)) / mean(whole)

    def at(self, bright: Plane) -> NDArray[np.float32]:
        """Return the values for the brightness of a picture of any size that shows the same."""
        slope, base = self._slope, self._base
        height, width = bright.shape
        if slope.shape[:2] != bright.shape:
            slope, base = (cv.resize(field, (width, height), interpolation=cv2.INTER_LINEAR) for field in (slope, base))
        result: NDArray[np.float32] = slope.reshape(height, width, -1) * bright[..., None]
        result += base.reshape(height, width, -1)
        return result

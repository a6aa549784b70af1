"""True colours at the edge: the foreground's own, without the old background that shines through.

Forte, "Approximate Fast Foreground Colour Estimation" (2021), the blur fusion of Germer's and Forte's: blurred
foreground and background are first guesses, and one closed-form step makes them explain the picture. The guesses
are smooth, so they are found on a small picture; the step uses the full-size pixels of the edge alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Image
from melies.matting.guided import sample
from melies.matting.scale import Map, reduce, unit

_LONG = 320
_FAR = 0.06
_NEAR = 0.008


@dataclass(frozen=True, slots=True)
class Edge:
    """The pixels that are neither fully foreground nor background.

    Attributes:
        rows: `N` row indices.
        columns: `N` column indices.
        alpha: `N×1` float32, 0…1.
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    alpha: NDArray[np.float32]


def edge(alpha: Image) -> Edge:
    """Find the partly transparent pixels of an `H×W` uint8 or uint16 matte."""
    white = np.iinfo(alpha.dtype).max
    # Unsigned wrap-around puts 0 above white - 1, so one comparison leaves out both ends.
    inside = (alpha - alpha.dtype.type(1)) < white - 1
    rows, columns = np.divmod(np.flatnonzero(inside), alpha.shape[1])
    return Edge(rows, columns, unit(alpha[rows, columns])[:, None])


def layers(picture: NDArray[np.float32], alpha: Map) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Estimate smooth foreground and background colours.

    Args:
        picture: `H×W×3`, 0…1.
        alpha: `H×W`, 0…1.

    Returns:
        Two `H×W×3` pictures, each continued a little way beyond where it is seen, and black far from there.
    """
    long = max(alpha.shape)
    over, under = alpha, 1 - alpha
    far, near = (2 * round(long * share) + 1 for share in (_FAR, _NEAR))
    foreground = _spread(picture, over, far)
    background = _spread(picture, under, far)
    foreground = np.clip(fuse(picture, over[..., None], foreground, background), 0, 1)
    return _spread(foreground, over, near, foreground), _spread(picture, under, near, background)


def _spread(
    picture: NDArray[np.float32], weight: Map, size: int, fallback: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    weighted = cv2.blur(picture * weight[..., None], (size, size))
    total = cv2.blur(weight, (size, size))[..., None]
    known = weighted / np.maximum(total, np.float32(1e-3))
    return known if fallback is None else fallback + np.minimum(total * 20, 1) * (known - fallback)


def fuse(
    colours: NDArray[np.float32],
    alpha: NDArray[np.float32],
    foreground: NDArray[np.float32],
    background: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Move the foreground guess so that foreground over background gives the colours that are there."""
    return foreground + alpha * (colours - background - alpha * (foreground - background))


def foreground_at(
    image: Image, alpha: Image, at: Edge, strength: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Estimate the foreground's own colour at the edge.

    Args:
        image: `H×W×3` uint8 or uint16.
        alpha: `H×W` matte of the same type.
        at: The pixels asked for.
        strength: 0 keeps the picture's colours, 1 takes the old background out entirely.

    Returns:
        `N×3` colours, 0…1, and the small smooth foreground picture.
    """
    height, width = alpha.shape
    factor = max(1, -(-max(height, width) // _LONG))
    size = max(1, width // factor), max(1, height // factor)
    foreground, background = layers(unit(reduce(image, *size)), unit(reduce(alpha, *size)))
    seen = unit(image[at.rows, at.columns])
    place = at.rows, at.columns, (height, width)
    pure = fuse(seen, at.alpha, sample(foreground, *place), sample(background, *place))
    return seen + np.float32(strength) * (np.clip(pure, 0, 1) - seen), foreground


def composite(image: Image, alpha: Image, background: Image, strength: float) -> Image:
    """Lay the cut-out over a background of the same size, type and three channels."""
    at = edge(alpha)
    result = background.copy()
    white = np.iinfo(image.dtype).max
    cv2.copyTo(image, (alpha == white).view(np.uint8), result)
    if len(at.rows):
        over, _ = foreground_at(image, alpha, at, strength)
        under = unit(background[at.rows, at.columns])
        _put(result, at, under + at.alpha * (over - under))
    return result


def cutout(image: Image, alpha: Image, strength: float) -> Image:
    """Return straight-alpha RGBA whose colours go on smoothly a little beyond the edge and are black behind it."""
    at = edge(alpha)
    white = np.iinfo(image.dtype).max
    colours, smooth = foreground_at(image, alpha, at, strength)
    small = cv2.convertScaleAbs(smooth, alpha=255) if white == 255 else (smooth * white).astype(np.uint16)
    result = cv2.resize(small, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)
    cv2.copyTo(image, (alpha == white).view(np.uint8), result)
    _put(result, at, colours)
    return with_alpha(result, alpha)


def with_alpha(image: Image, alpha: Image) -> Image:
    """Join `H×W×3` and `H×W` to `H×W×4`."""
    result = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA)
    result[..., 3] = alpha
    return result


def _put(image: Image, at: Edge, colours: NDArray[Any]) -> None:
    white = np.iinfo(image.dtype).max
    image[at.rows, at.columns] = (colours * white + np.float32(0.5)).astype(image.dtype)

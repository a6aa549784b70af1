"""True colours at the edge: the foreground's own, without the old background that shines through.

Forte, "Approximate Fast Foreground Colour Estimation" (2021), the "blur fusion": blurred foreground and background
are first guesses, and one closed-form step makes them explain the picture. The guesses are smooth, so they are
found on a small picture; the step uses the full-size pixels of the edge alone.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Image
from melies.imaging import Plane, join_alpha
from melies.matting.guided import Floats, sample
from melies.matting.scale import Map, batches, code, cv, indices, put, reduce, take, unit, within

_LONG = 192
"""Longest side of the picture on which the smooth guesses are made."""
_FAR = 0.08
_NEAR = 0.008
"""Blurs of the two guesses, as shares of the longer side."""


def edge(alpha: Plane) -> NDArray[np.intp]:
    """Return the flat indices of the partly transparent pixels of an `H×W` uint8 or uint16 matte."""
    white = np.iinfo(alpha.dtype).max
    # Unsigned wrap-around puts 0 above white - 1, so one comparison leaves out both ends.
    return indices((alpha - alpha.dtype.type(1)) < white - 1)


def layers(picture: Floats, alpha: Map) -> tuple[Floats, Floats]:
    """Estimate smooth foreground and background colours.

    Args:
        picture: `H×W×3`, 0…1.
        alpha: `H×W`, 0…1.

    Returns:
        Two `H×W×3` pictures, each continued a little way beyond where it is seen, and black far from there.
    """
    long = max(alpha.shape)
    over, under = alpha[..., None], (np.float32(1) - alpha)[..., None]
    far, near = (2 * max(1, round(long * share)) + 1 for share in (_FAR, _NEAR))
    # Squared weights: what is nearly solid says more about its layer than what is half one and half the other.
    foreground, background = _spread(picture, over * over, far), _spread(picture, under * under, far)
    closer = fuse(picture, over, foreground, background)
    np.clip(closer, 0, 1, out=closer)
    return _spread(closer, over * over, near, closer), _spread(picture, under * under, near, background)


def _spread(picture: Floats, weight: Floats, size: int, fallback: Floats | None = None) -> Floats:
    """Blur by weight; where there is too little weight, the fallback."""
    total: Floats = cv.blur(weight, (size, size))[..., None]
    known: Floats = cv.blur(picture * weight, (size, size))
    known /= np.maximum(total, np.float32(1e-3))
    if fallback is None:
        return known
    trust: Floats = np.minimum(total * np.float32(20), np.float32(1))
    return fallback + trust * (known - fallback)


def fuse(colours: Floats, alpha: Floats, foreground: Floats, background: Floats) -> Floats:
    """Move the foreground guess so that foreground over background gives the colours that are there."""
    return foreground + alpha * (colours - background - alpha * (foreground - background))


class Foreground:
    """The foreground's own colours.

    Args:
        image: `H×W×3` uint8 or uint16.
        alpha: `H×W` matte of the same type.
        strength: 0 keeps the picture's colours, 1 takes the old background out entirely.

    Attributes:
        smooth: `h×w×3`, 0…1: the small smooth guess.
    """

    def __init__(self, image: Image, alpha: Plane, strength: float) -> None:
        height, width = alpha.shape
        self._image, self._alpha, self._strength = image, alpha.reshape(-1), np.float32(strength)
        size = within(width, height, _LONG)
        self.smooth, behind = layers(unit(reduce(image, *size)), unit(reduce(alpha, *size)))
        self._both = [cv.cvtColor(small, cv2.COLOR_RGB2RGBA) for small in (self.smooth, behind)]

    def at(self, places: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Return colours and opacities (both `N×3`), 0…1, of the pixels with these flat indices."""
        seen, alpha = take(self._image, places), unit(self._alpha.take(places))
        opacity: Floats = cv.merge([alpha, alpha, alpha]).reshape(-1, 3)
        smooth, behind = (
            cv.cvtColor(sample(small, places, self._image.shape[:2])[None], cv2.COLOR_RGBA2RGB)[0]
            for small in self._both
        )
        pure = np.clip(fuse(seen, opacity, smooth, behind), 0, 1)
        return seen + self._strength * (pure - seen), opacity


def composite(image: Image, alpha: Plane, background: Image, strength: float) -> Image:
    """Lay the cut-out over a background of the same size and type; all have three channels."""
    result = background.copy()
    _solid(image, alpha, result)
    places = edge(alpha)
    if not len(places):
        return result
    foreground = Foreground(image, alpha, strength)
    for batch in batches(places):
        colours, opacity = foreground.at(batch)
        under = take(result, batch)
        put(result, batch, under + opacity * (colours - under))
    return result


def cutout(image: Image, alpha: Plane, strength: float) -> Image:
    """Return straight-alpha RGBA whose colours go on smoothly a little beyond the edge and are black behind it."""
    foreground = Foreground(image, alpha, strength)
    small = code(foreground.smooth, image.dtype)
    result: Image = cv.resize(small, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    _solid(image, alpha, result)
    for batch in batches(edge(alpha)):
        put(result, batch, foreground.at(batch)[0])
    return join_alpha(result, alpha)


def _solid(image: Image, alpha: Plane, result: Image) -> None:
    """Copy what is fully foreground, in place."""
    cv.copyTo(image, (alpha == np.iinfo(alpha.dtype).max).view(np.uint8), result)

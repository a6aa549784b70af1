"""One frame from its small to its large form: colours, alpha, and what is done to them before and after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Image
from melies.imaging import join_alpha, split_alpha, white_of
from melies.upscaling import fast, outline
from melies.upscaling.nets import Net, rows
from melies.upscaling.resample import resample

cv: Any = cv2

Size = tuple[int, int]
"""Width and height in pixels."""

_NOISE = 0.25
"""How far apart values (0…1) are still taken for noise at full strength; right for noise of σ 20 of 255."""

_REACH = 1.5
"""Radius of the smoothing, in pixels."""


class Enlarger:
    """Enlarge frames of one size; several threads may use it at once.

    Args:
        model: A name in `nets.ROWS`, `fast`, or a file of the user's.
        before: The frames' size.
        after: The wanted size.
        denoise: How much noise is taken away before, 0…1.
        sharpness: How much is sharpened after, 0…1.
        many: Whether there is more than one frame.

    Attributes:
        workers: How many frames are best given at the same time.

    Raises:
        ModelError: The model is not here, or cannot enlarge pictures.
    """

    def __init__(
        self,
        model: str | Path,
        before: Size,
        after: Size,
        *,
        denoise: float = 0,
        sharpness: float = 0,
        many: bool = True,
    ) -> None:
        self._after = after
        self._ratio = max(after[0] / before[0], after[1] / before[1])
        self._denoise = denoise
        self._sharpness = sharpness
        self._net: Net | None = None
        if model != "fast" and before != after:
            (name,) = rows(model, self._ratio) if isinstance(model, str) else (model,)
            self._net = Net(name, *before, many)
        self.workers = self._net.workers if self._net else 2 if many else 1

    def __call__(self, image: Image) -> Image:
        """Return the frame's image at the wanted size."""
        colours, alpha = split_alpha(image)
        if alpha is not None:
            colours = filled(colours, alpha)
        if self._denoise:
            colours = denoised(colours, self._denoise)
        colours = self._enlarged(colours)
        if self._sharpness:
            colours = sharpened(colours, self._sharpness, self._ratio)
        return join_alpha(colours, None if alpha is None else self._enlarged_alpha(alpha))

    def _enlarged(self, picture: NDArray[Any]) -> NDArray[Any]:
        if picture.shape[1::-1] == self._after:
            return picture
        if self._net is None:
            return fast.enlarge(picture, *self._after)
        made = self._net.enlarge(picture) if picture.ndim == 3 else self._net.enlarge_plane(picture)
        return resample(made, *self._after)

    def _enlarged_alpha(self, alpha: NDArray[Any]) -> NDArray[Any]:
        """Enlarge alpha as a grey picture where it is soft, and as an outline where its edges are as narrow as a pixel.

        No haze is invented where it is even.
        """
        if alpha.shape[::-1] == self._after:
            return alpha
        least, greatest = fast.bounds(alpha, *self._after)
        if int(alpha.min()) == int(alpha.max()):
            return least
        hard = outline.hardness(alpha)
        made = outline.enlarge(alpha, *self._after) if hard.any() else self._enlarged(alpha)
        if hard.any() and (hard < 1).any():
            share = cv.resize(hard, self._after, interpolation=cv2.INTER_LINEAR)
            soft = self._enlarged(alpha)
            made = np.rint(soft + share * (made.astype(np.float32) - soft)).astype(alpha.dtype)
        bounded: NDArray[Any] = np.clip(made, least, greatest)
        return bounded


def filled(colours: Image, alpha: NDArray[Any]) -> Image:
    """Give transparent pixels the colours around them, so that what lay hidden does not bleed into edges.

    Colours are averaged over ever larger squares until none is empty (Gortler et al. 1996, pull and push).

    Args:
        colours: `H×W×3`, uint8 or uint16.
        alpha: `H×W`, of the same depth.
    """
    hidden = alpha == 0
    if not hidden.any() or hidden.all():
        return colours
    shown = (~hidden).astype(np.float32)
    spread = _spread(colours * shown[..., None], shown)
    return np.where(hidden[..., None], np.rint(spread).astype(colours.dtype), colours)


def _spread(sums: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
    """Divide sums of colours by their weights, and take what has no weight from a picture half as large."""
    found: NDArray[Any] = sums / np.maximum(weights, np.float32(1e-6))[..., None]
    empty = weights <= 0
    if not empty.any():
        return found
    height, width = weights.shape
    half = max(1, (width + 1) // 2), max(1, (height + 1) // 2)
    smaller = [cv.resize(plane, half, interpolation=cv2.INTER_AREA) for plane in (sums, weights)]
    below = cv.resize(_spread(*smaller), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where(empty[..., None], below, found)


def denoised(colours: Image, strength: float) -> Image:
    """Smooth noise but not edges, by a bilateral filter (Tomasi and Manduchi 1998).

    Args:
        colours: `H×W×3`, uint8 or uint16.
        strength: 0…1; 0.3 suits slight noise, 1 strong noise.
    """
    white = np.float32(white_of(colours))
    unit = np.divide(colours, white, dtype=np.float32)
    smooth = cv.bilateralFilter(unit, 5, _NOISE * strength, _REACH, borderType=cv2.BORDER_REFLECT)
    made: Image = np.rint(smooth * white).astype(colours.dtype)
    return made


def sharpened(colours: Image, strength: float, ratio: float) -> Image:
    """Sharpen the luma of an enlarged picture; values stay within those around, so that there are no halos.

    Args:
        colours: `H×W×3`, uint8 or uint16.
        strength: 0…1.
        ratio: By how much the picture was enlarged: what is blurred is as wide.
    """
    luma = cv.cvtColor(colours, cv2.COLOR_RGB2GRAY)
    sigma = max(0.8, 0.5 * ratio)
    side = 2 * round(sigma) + 1
    around = np.ones((side, side), np.uint8)
    detail = cv.subtract(luma, cv.GaussianBlur(luma, (0, 0), sigma), dtype=cv2.CV_32F) * np.float32(1.5 * strength)
    low = cv.subtract(cv.erode(luma, around), luma, dtype=cv2.CV_32F)
    high = cv.subtract(cv.dilate(luma, around), luma, dtype=cv2.CV_32F)
    detail = cv.cvtColor(np.clip(detail, low, high), cv2.COLOR_GRAY2RGB)
    depth = cv2.CV_8U if colours.dtype == np.uint8 else cv2.CV_16U
    made: Image = cv.add(colours, detail, dtype=depth)
    return made

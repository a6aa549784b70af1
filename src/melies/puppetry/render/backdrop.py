"""The head before what is behind it: only the head moves, and what it uncovers has been filled once."""

from __future__ import annotations

from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from melies import models
from melies.erasing.membrane import membrane
from melies.frame import Image
from melies.imaging import Plane, blur, shrink
from melies.matting.cutter import Cutter
from melies.matting.nets import Fast
from melies.matting.refine import Refiner
from melies.matting.scale import code, cv, indices, reduce, within
from melies.puppetry.render.mesh import Values

_COARSE = 384
"""Longest side at which what is behind the head is made up: it is smooth."""

_TEXTURE = 4.0
"""Sigma that parts texture from what is smooth, in pixels."""


_HAZE = np.float32(0.04)
"""Opacity below which nobody is there, and that is missing where somebody surely is."""
_STROKES = 4.0
"""What stands out more than this many times the usual is an object and no texture."""


def head(image: Image, reach: float) -> Plane:
    """Return where somebody is, `H×W` of the picture's depth.

    Args:
        image: `H×W×3`, with the head large in it.
        reach: How much further than found, in pixels: the finest hair would stay behind as a shadow.
    """
    net = Fast(*map(models.load, ("selfie", "body", "body-detector")))
    matte = shrink(Cutter(net, 0, Refiner()).step(image), -reach)
    sure = (blur(matte, reach / 2) / np.float32(np.iinfo(matte.dtype).max) - _HAZE) / (1 - 2 * _HAZE)
    return cast(Plane, code(np.clip(sure, 0, 1), matte.dtype))


class Backdrop:
    """A picture in two layers: somebody, and what is behind.

    Args:
        image: `H×W×C`, uint8 or uint16.
        matte: `H×W` of the same depth: how much of each pixel is somebody.
    """

    def __init__(self, image: Image, matte: Plane) -> None:
        self._image, self._matte = image, matte
        self._both = np.dstack([image, matte]) if image.shape[2] == 3 else None
        self._white = np.float32(np.iinfo(image.dtype).max)
        self.behind = _filled(image, matte)
        share = (self._white - matte) / self._white
        self._through = _rounded(self.behind * share[..., None], image.dtype)

    def render(self, place: Values) -> Image:
        """Return the picture with somebody moved.

        Args:
            place: `H×W×2` float32, which pixel comes to each place.
        """
        moved, matte = self._moved(place)
        made: Image = self.behind.copy()
        cv.copyTo(moved, (matte == self._white).view(np.uint8), made)
        edge = indices((matte > 0) & (matte < self._white))
        if edge.size:
            self._blend(made, moved, matte, place, edge)
        return made

    def _moved(self, place: Values) -> tuple[Image, Plane]:
        """Return the picture and the matte as they come to these places: four channels at once are the fastest."""
        if self._both is None:
            return take(self._image, place), take(self._matte, place)
        both = take(self._both, place)
        return cv.cvtColor(both, cv2.COLOR_RGBA2RGB), cv.extractChannel(both, 3)

    def _blend(self, made: Image, moved: Image, matte: Plane, place: Values, edge: NDArray[np.intp]) -> None:
        """Lay the soft edge over: what is seen through it at rest is taken out, what is behind it now put in."""
        flat, over, behind = (image.reshape(-1, made.shape[2]) for image in (made, moved, self.behind))
        through = take(self._through, place.reshape(-1, 1, 2).take(edge, axis=0))[:, 0]
        share = 1 - matte.reshape(-1).take(edge) / self._white
        pixels = behind.take(edge, axis=0) * share[:, None]
        pixels += over.take(edge, axis=0)
        pixels -= through
        flat[edge] = _rounded(np.clip(pixels, 0, self._white), made.dtype)


def take(image: NDArray[Any], place: Values) -> Any:
    """Return the pixels of a picture at these places, `H×W×2` float32; beyond its border it goes on as it is there."""
    rows = cv2.BORDER_REPLICATE
    if place.shape[0] < 32767:
        return cv.remap(image, place, None, cv2.INTER_LINEAR, borderMode=rows)
    pieces = [place[start : start + 32766] for start in range(0, len(place), 32766)]
    return np.concatenate([cv.remap(image, piece, None, cv2.INTER_LINEAR, borderMode=rows) for piece in pieces])


def _filled(image: Image, matte: Plane) -> Image:
    """Return the picture without somebody: smooth where they were."""
    width, height = within(image.shape[1], image.shape[0], _COARSE)
    small = reduce(image, width, height).astype(np.float32)
    hidden = cv.dilate(reduce(matte, width, height), np.ones((5, 5), np.uint8)) > 0
    filled = membrane(small, hidden)
    full = cv.resize(filled, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    full[..., :3] += _mirrored(image[..., :3], matte)
    white = np.float32(np.iinfo(image.dtype).max)
    return np.where((matte == 0)[..., None], image, _rounded(np.clip(full, 0, white), image.dtype))


def _mirrored(image: Image, matte: Plane) -> Values:
    """Return the texture of what is beside somebody, mirrored at their outline: `H×W×3`, without its smooth part."""
    outside = matte == 0
    if not outside.any():
        return np.zeros(image.shape, np.float32)
    weight = cv.GaussianBlur(outside.astype(np.float32), (0, 0), _TEXTURE)[..., None] + np.float32(1e-3)
    known = np.where(outside[..., None], image, 0).astype(np.float32)
    detail = np.where(outside[..., None], known - cv.GaussianBlur(known, (0, 0), _TEXTURE) / weight, 0)
    strokes = _STROKES * np.median(np.abs(detail[outside]), axis=0)
    detail = np.clip(detail, -strokes, strokes).astype(np.float32)
    _, labels = cv.distanceTransformWithLabels(
        (~outside).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    height, width = matte.shape
    y, x = np.indices((height, width), np.float32)
    nearest = np.zeros((int(labels.max()) + 1, 2), np.float32)
    nearest[labels[outside]] = np.stack([x[outside], y[outside]], 1)
    across = 2 * nearest[labels] - np.stack([x, y], 2)
    texture: Values = cv.remap(detail, across, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT)
    return texture


def _rounded(values: Values, dtype: np.dtype[Any]) -> Any:
    return np.rint(values).astype(dtype)

"""Fetching the pixels of a picture between two from both, along fields of motion."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Image
from melies.imaging import blend, join_alpha, split_alpha, white_of
from melies.motion import Field, warp

cv: Any = cv2
Float = NDArray[np.float32]


class Motion(NamedTuple):
    """How to find, for every pixel of a picture between two, what it shows.

    Attributes:
        to_first: `h×w×2`, how many pixels right and down to go in the first picture; None for none.
        to_second: The same in the second.
        share: `h×w`, how much of the first picture is taken, 0…1; the rest is the second's.

    They may be smaller than the pictures, and count in their own pixels then.
    """

    to_first: Field | None
    to_second: Field | None
    share: Float


def mix(first: Image, second: Image, motion: Motion) -> Image:
    """Make the picture between two of the same size, depth and channels."""
    if first.shape[2] == 4 and not (_opaque(first) and _opaque(second)):
        return _mix_with_alpha(first, second, motion)
    colours, alpha = split_alpha(first)
    share = _fitted(motion.share, first)
    mixed = blend(_moved(colours, motion.to_first), _moved(split_alpha(second)[0], motion.to_second), share)
    return join_alpha(mixed, alpha)


def opaque_colours(image: Image) -> Image:
    """Return `H×W×3` uint8 or uint16: the colours, where transparent laid over grey, which is what may be looked at."""
    colours, alpha = split_alpha(image)
    if alpha is None or _opaque(image):
        return colours
    grey = np.full_like(colours, white_of(image) // 2)
    return blend(colours, grey, alpha)


def _mix_with_alpha(first: Image, second: Image, motion: Motion) -> Image:
    """The same with colours that count as much as they are opaque."""
    share = _fitted(motion.share, first)[..., None]
    front = _moved(_premultiplied(first), motion.to_first)
    back = _moved(_premultiplied(second), motion.to_second)
    mixed = front * share + back * (1 - share)
    white = white_of(first)
    opacity = mixed[..., 3:]
    np.divide(mixed[..., :3], opacity, out=mixed[..., :3], where=opacity > 0)
    mixed[..., 3:] *= white
    return np.clip(np.rint(mixed), 0, white).astype(first.dtype)


def _premultiplied(image: Image) -> Float:
    """Colours in code values times opacity, and opacity 0…1."""
    values = image.astype(np.float32)
    values[..., 3] /= white_of(image)
    values[..., :3] *= values[..., 3:]
    return values


def _moved(image: NDArray[Any], field: Field | None) -> NDArray[Any]:
    if field is None:
        return image
    height, width = image.shape[:2]
    if field.shape[:2] != (height, width):
        ratio = np.array([width / field.shape[1], height / field.shape[0]], np.float32)
        field = cv.resize(field, (width, height), interpolation=cv2.INTER_LINEAR) * ratio
    return warp(image, field)


def _fitted(plane: Float, image: Image) -> Float:
    size = image.shape[1], image.shape[0]
    return plane if plane.shape == size[::-1] else cast(Float, cv.resize(plane, size, interpolation=cv2.INTER_LINEAR))


def _opaque(image: Image) -> bool:
    return image.shape[2] == 3 or int(image[..., 3].min()) == white_of(image)

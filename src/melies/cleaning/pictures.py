"""Code values to numbers and back, and the neighbours of each frame."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Image

cv: Any = cv2

Picture = NDArray[np.float32]
"""`H×W×3` float32, 0…1."""

Plane = NDArray[np.float32]
"""`H×W` float32."""

Item = TypeVar("Item")


def to_picture(image: Image) -> Picture:
    """Return code values as float32, 0…1; alpha is left out."""
    colours = image[..., :3]
    picture: Picture = np.multiply(colours, np.float32(1 / np.iinfo(image.dtype).max), dtype=np.float32)
    return picture


def to_image(picture: Picture, like: Image) -> Image:
    """Return code values, rounded and clipped, with the depth and the alpha of `like`."""
    white = np.iinfo(like.dtype).max
    scaled = picture * np.float32(white)
    scaled += np.float32(0.5)
    codes: Image = np.clip(scaled, 0, white, out=scaled).astype(like.dtype)
    if like.shape[2] == 3:
        return codes
    joined: Image = np.concatenate([codes, like[..., 3:]], axis=2)
    return joined


def luma(picture: Picture) -> Plane:
    """Return BT.601 luma."""
    plane: Plane = cv.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return plane


def windows(items: Iterable[Item], reach: int) -> Iterator[tuple[list[Item], int]]:
    """Yield each item with up to `reach` before and after it: the list of them all, and its place in that list."""
    before: deque[Item] = deque(maxlen=reach)
    after: deque[Item] = deque()

    def step() -> tuple[list[Item], int]:
        window, place = [*before, *after], len(before)
        before.append(after.popleft())
        return window, place

    for item in items:
        after.append(item)
        if len(after) > reach:
            yield step()
    while after:
        yield step()

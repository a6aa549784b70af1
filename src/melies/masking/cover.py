"""What is laid over a face so that nobody can tell whose it is.

Blur and mosaic are made of a few samples of the face and of nothing else, so that no filter can bring back what was
there. The samples keep their places on the face and follow its light slowly: a film of many mosaics would otherwise
tell more than one of them.
"""

from __future__ import annotations

from functools import cache
from math import pi
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.imaging import Rgba, blur
from melies.masking.drawing import Sheet, mirror
from melies.masking.texture import Texture
from melies.matting.scale import Map, code, cv, unit
from melies.square import Square

Kind = Literal["blur", "pixelate", "fill", "mask"]
Part = Literal["head", "face"]

_PARTS: dict[Part, tuple[float, float, float]] = {"head": (0.88, 1.12, -0.2), "face": (0.64, 0.8, -0.05)}
"""Half the width and half the height of what is covered, and how far down its middle lies, in radii of the square."""
_EDGE = 0.06
"""How far the cover fades out beyond that, in radii."""
_SLOW = 0.25
"""How much of a new frame's samples is taken."""


class Cover:
    """Covers faces; one for every shot.

    Args:
        kind: What is laid over.
        part: All of the head, or the face without hair and ears.
        margin: By what share it is made larger.
        blocks: Samples across what is covered, for blur and mosaic.
        colour: For `fill`, and of the drawn mask.
    """

    def __init__(self, kind: Kind, part: Part, margin: float, blocks: int, colour: Rgba) -> None:
        self._kind = kind
        self._shape = [size * (1 + margin) for size in _PARTS[part][:2]]
        self._down = _PARTS[part][2]
        self._blocks = blocks
        self._colour = colour
        self._samples: dict[int, NDArray[np.float32]] = {}

    def put_on(self, image: NDArray[Any], faces: list[tuple[int, Square]]) -> None:
        """Cover faces of a picture (`H×W×3` or `×4`, changed in place): a number for each, and the square around it."""
        covers = [(number, self._moved(place)) for number, place in faces]
        # All samples are taken before anything is covered, so that faces side by side do not mix.
        self._samples = {number: self._sampled(image, number, place) for number, place in covers}
        # The largest last: what was found inside of one is a part of it, and would show more of it.
        for number, place in sorted(covers, key=lambda cover: cover[1].radius):
            self._lay(image, self._samples[number], place)

    def _moved(self, place: Square) -> Square:
        """The square that just holds what is covered."""
        radius = max(self._shape) * place.radius
        shift = self._down * place.radius
        return Square(place.x - np.sin(place.angle) * shift, place.y + np.cos(place.angle) * shift, radius, place.angle)

    def _sampled(self, image: NDArray[Any], number: int, place: Square) -> NDArray[np.float32]:
        if self._kind in ("fill", "mask"):
            return np.zeros((1, 1, 3), np.float32)
        fine = place.cut(image[..., :3], 16 * self._blocks)
        size = (self._blocks, self._blocks)
        samples: NDArray[np.float32] = cv.resize(fine, size, interpolation=cv2.INTER_AREA)
        height, width = image.shape[:2]
        reach = 1.5 * place.radius
        if not (reach < place.x < width - reach and reach < place.y < height - reach):
            # Outside of the picture there is nothing; what is inside stands for it.
            there = place.cut(np.full_like(image[..., :3], np.iinfo(image.dtype).max), 16 * self._blocks)
            samples /= np.maximum(cv.resize(there, size, interpolation=cv2.INTER_AREA), np.float32(0.02))
        before = self._samples.get(number)
        return samples if before is None else before + np.float32(_SLOW) * (samples - before)

    def _lay(self, image: NDArray[Any], samples: NDArray[np.float32], place: Square) -> None:
        height, width = image.shape[:2]
        reach = place.radius * 1.5 + 2
        left, right = (int(np.clip(edge, 0, width)) for edge in (place.x - reach, place.x + reach + 1))
        top, bottom = (int(np.clip(edge, 0, height)) for edge in (place.y - reach, place.y + reach + 1))
        if right <= left or bottom <= top:
            return
        here = Square(place.x - left, place.y - top, place.radius, place.angle)
        weight = self._weight(here, right - left, bottom - top)[..., None]
        part = image[top:bottom, left:right]
        paint = self._paint(samples, here, right - left, bottom - top)
        part[..., :3] = code(unit(part[..., :3]) * (1 - weight) + paint * weight, part.dtype)

    def _weight(self, place: Square, width: int, height: int) -> Map:
        """1 all over the oval, and falling off beyond it."""
        edge = 0.0 if self._kind in ("pixelate", "fill", "mask") else _EDGE * place.radius
        scale = place.radius / max(self._shape)
        turn = np.linspace(0, 2 * pi, 72, endpoint=False)
        oval = np.column_stack([np.cos(turn), np.sin(turn)]) * (np.array(self._shape) * scale + edge)
        sine, cosine = np.sin(place.angle), np.cos(place.angle)
        points = oval @ np.array([[cosine, sine], [-sine, cosine]]) + (place.x - 0.5, place.y - 0.5)
        mask = np.zeros((height, width), np.uint8)
        cv.fillPoly(mask, [np.rint(points * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        weight: Map = np.minimum(blur(unit(mask), edge / 3) * np.float32(1.02), 1)
        return weight

    def _paint(self, samples: NDArray[np.float32], place: Square, width: int, height: int) -> NDArray[np.float32]:
        colour = np.array(self._colour[:3], np.float32) / np.float32(255)
        if self._kind == "fill":
            return np.broadcast_to(colour, (height, width, 3))
        if self._kind == "mask":
            drawn = _theatre().at_least(2 * place.radius)
            placed = _placed(drawn, place, width, height, cv2.INTER_LINEAR)
            covered: NDArray[np.float32] = placed[..., :3] + (1 - placed[..., 3:]) * colour
            return covered
        if self._kind == "pixelate":
            return _placed(samples, place, width, height, cv2.INTER_NEAREST)
        return np.clip(_placed(samples, place, width, height, cv2.INTER_CUBIC), 0, 1)


def _placed(picture: NDArray[np.float32], place: Square, width: int, height: int, how: int) -> NDArray[np.float32]:
    """Put a picture of a square where the square is; beyond its edge it goes on as it ends."""
    placed: NDArray[np.float32] = cv.warpAffine(
        picture,
        place.matrix(picture.shape[0]),
        (width, height),
        flags=how | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return placed


@cache
def _theatre() -> Texture:
    """A smiling face, for everybody the same."""
    sheet = Sheet(512)
    for at in (np.asarray, mirror):
        sheet.shape(at([(0.24, 0.44), (0.34, 0.385), (0.43, 0.44), (0.34, 0.465)]), "#1c1c22")
        sheet.line(at([(0.22, 0.36), (0.33, 0.31), (0.43, 0.345)]), 0.018, "#1c1c22")
    smile = [(0.28, 0.64), (0.4, 0.685), (0.5, 0.695), (0.6, 0.685), (0.72, 0.64)]
    sheet.shape([*smile, (0.62, 0.77), (0.5, 0.8), (0.38, 0.77)], "#1c1c22")
    sheet.line([(0.5, 0.45), (0.475, 0.57), (0.52, 0.585)], 0.012, "#1c1c2266")
    return Texture(sheet.image)

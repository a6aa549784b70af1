"""Finding people with a small network, whole frame first, then closer where they are small."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Image
from melies.matting.scale import Map, cv, reduce, unit

Net = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""`1×H×W×3` float32 picture, 0…1, to `1×H×W×1` probabilities."""

_MOST = 6
"""The most boxes that are followed."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Pixels."""
        return self.bottom - self.top

    @property
    def area(self) -> int:
        """Pixels."""
        return self.width * self.height

    def union(self, other: Box) -> Box:
        """The smallest box around both."""
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def overlap(self, other: Box) -> int:
        """Pixels in common."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(across, 0) * max(down, 0)

    def around(self, margin: float, width: int, height: int) -> Box:
        """Grow by a share of the longer side, to at least 3:4, within a frame."""
        long = max(self.width, self.height)
        half_x = max(self.width / 2 + margin * long, (0.5 + margin) * long * 0.75)
        half_y = max(self.height / 2 + margin * long, (0.5 + margin) * long * 0.75)
        x, y = (self.left + self.right) / 2, (self.top + self.bottom) / 2
        return Box(
            max(0, round(x - half_x)),
            max(0, round(y - half_y)),
            min(width, round(x + half_x)),
            min(height, round(y + half_y)),
        )


@dataclass(frozen=True, slots=True)
class Proof:
    """What it takes for a connected part of a look to count as somebody.

    Attributes:
        size: Least length, as a share of the look's.
        sure: Least mean probability.
        cut: Most of its length that may lie on the border of the look, away from the frame's.
    """

    size: float
    sure: float
    cut: float


_HINT = Proof(size=0.1, sure=0.6, cut=0.6)
_NEW = Proof(size=0.25, sure=0.85, cut=0.3)
_KNOWN = Proof(size=0.15, sure=0.7, cut=0.6)
_PLAIN = Proof(size=0.25, sure=0.8, cut=1)
_LARGE = Proof(size=0.6, sure=0.8, cut=1)
_STILL_LARGE = Proof(size=0.5, sure=0.75, cut=1)


class People:
    """Map where people are, following those who are small in the frame.

    The network sees 256×256 pixels. When somebody fills much of the frame, one look at the whole is enough.
    Otherwise each person gets a look of their own, in a box that follows them, and every frame has one more look
    somewhere else, at a tile of the frame or at what a tile seemed to show, for those who come in. In the first
    frame all tiles are searched.

    Args:
        net: The segmentation network.
        size: Rows and columns that it takes.
    """

    def __init__(self, net: Net, size: tuple[int, int] = (256, 256)) -> None:
        self._net = net
        self._size = size
        self._boxes: list[Box] = []
        self._near = False
        self._hints: list[Box] = []
        self._next = 0

    def step(self, image: Image, half: Image) -> Map:
        """Return the probabilities for the next frame, at the network's scale or that of `half`.

        Args:
            image: `H×W×3`, the frame.
            half: The same, smaller, to look at the whole.
        """
        whole = self._look(half)
        coarse = np.ascontiguousarray(whole[::4, ::4])
        all_ = Box(0, 0, *coarse.shape[::-1])
        self._near = bool(_people(coarse, all_, all_, _STILL_LARGE if self._near else _LARGE)[1])
        if self._near:
            self._boxes = []
            return whole
        return self._follow(image, whole, half.shape[1] / image.shape[1])

    def _look(self, image: Image) -> Map:
        rows, columns = self._size
        return self._net(unit(reduce(image, columns, rows))[None])[0, ..., 0]

    def _follow(self, image: Image, whole: Map, scale: float) -> Map:
        height, width = image.shape[:2]
        frame = Box(0, 0, width, height)
        result = np.zeros((max(1, round(height * scale)), max(1, round(width * scale))), np.float32)
        people: list[Box] = []

        def add(look: Map, box: Box, proof: Proof) -> None:
            mask, parts = _people(look, box, frame, proof)
            _paste(result, np.where(mask, look, 0), box, scale)
            people.extend(parts)

        for box in self._boxes:
            add(self._look(_crop(image, box)), box, _KNOWN)
        for box in self._newcomers(image):
            add(self._look(_crop(image, box)), box, _NEW)
        # Whoever the whole frame shows plainly stays, where closer looks found nobody or only a part of them.
        mask, parts = _people(whole, frame, frame, _PLAIN)
        seen = cv.resize(result, whole.shape[::-1], interpolation=cv2.INTER_AREA)
        people.extend(parts)
        _paste(result, np.where(mask & _missed(whole, seen), whole, 0), frame, scale)
        self._boxes = _boxes(people, self._boxes, width, height)
        return result

    def _newcomers(self, image: Image) -> list[Box]:
        """Search a tile, or make sure of what one showed; in the first frame do both everywhere."""
        height, width = image.shape[:2]
        tiles = _tiles(width, height)
        if self._next == 0:
            self._next = len(tiles)
            self._hints = [hint for tile in tiles for hint in self._hint(image, tile)]
            return [box for hint in list(self._hints) for box in self._confirm(image)]
        if self._hints:
            return self._confirm(image)
        self._hints = self._hint(image, tiles[self._next % len(tiles)])
        self._next += 1
        return []

    def _hint(self, image: Image, tile: Box) -> list[Box]:
        """Boxes around what may be somebody in a tile."""
        height, width = image.shape[:2]
        parts = _people(self._look(_crop(image, tile)), tile, Box(0, 0, width, height), _HINT)[1]
        return [part.around(0.3, width, height) for part in parts]

    def _confirm(self, image: Image) -> list[Box]:
        """Look closer at the largest hint; the box moves to where somebody really is."""
        height, width = image.shape[:2]
        self._hints.sort(key=lambda box: box.area)
        hint = self._hints.pop()
        if any(hint.overlap(box) > 0.6 * hint.area for box in self._boxes):
            return []
        parts = _people(self._look(_crop(image, hint)), hint, Box(0, 0, width, height), _NEW)[1]
        return [part.around(0.3, width, height) for part in parts]


def _crop(image: Image, box: Box) -> Image:
    return image[box.top : box.bottom, box.left : box.right]


def _place(part: NDArray[np.int32], shape: tuple[int, ...], frame: Box) -> Box:
    across, down = frame.width / shape[1], frame.height / shape[0]
    left, top, width, height = (int(value) for value in part[:4])
    return Box(
        round(frame.left + left * across),
        round(frame.top + top * down),
        round(frame.left + (left + width) * across),
        round(frame.top + (top + height) * down),
    )


def _missed(whole: Map, seen: Map) -> NDArray[np.bool_]:
    """Those parts of the look at the whole of which closer looks saw less than two thirds."""
    count, labels = cv.connectedComponents((whole > 0.5).view(np.uint8))
    share = np.bincount(labels.ravel(), seen.ravel(), count) / np.bincount(labels.ravel(), minlength=count)
    missed = share < 0.67
    missed[0] = False
    result: NDArray[np.bool_] = cv.dilate(missed.view(np.uint8)[labels], np.ones((5, 5), np.uint8)) > 0
    return result


def _people(look: Map, box: Box, frame: Box, proof: Proof) -> tuple[NDArray[np.bool_], list[Box]]:
    """Keep those parts of a look that are people.

    Returns:
        A mask of the size of the look, and a box in the frame for each.
    """
    count, labels, stats, _ = cv.connectedComponentsWithStats((look > 0.5).view(np.uint8))
    sure = np.bincount(labels.ravel(), look.ravel(), count) / np.maximum(stats[:, 4], 1)
    # Sides of the box that are not sides of the frame: people do not end there.
    inner = np.zeros(look.shape, bool)
    inner[:, 0], inner[:, -1] = box.left > frame.left, box.right < frame.right
    inner[0] |= box.top > frame.top
    inner[-1] |= box.bottom < frame.bottom
    cut = np.bincount(labels[inner], minlength=count)
    long = np.maximum(stats[:, 2], stats[:, 3])
    keep = (long >= proof.size * max(look.shape)) & (sure >= proof.sure) & (cut <= proof.cut * long)
    keep[0] = False
    mask = cv.dilate(keep.view(np.uint8)[labels], np.ones((9, 9), np.uint8)) > 0
    return mask, [_place(stats[part], look.shape, box) for part in np.flatnonzero(keep)]


def _boxes(people: list[Box], before: list[Box], width: int, height: int) -> list[Box]:
    """Where to look in the next frame: people who stand together share a box, and boxes that still fit stay."""
    groups: list[Box] = []
    for person in sorted(people, key=lambda box: -box.area):
        for number, group in enumerate(groups):
            shared = group.union(person)
            near = group.around(0.15, width, height).overlap(person) > 0
            if near and max(shared.width / width, shared.height / height) < 0.5:
                groups[number] = shared
                break
            if group.overlap(person) > 0.7 * person.area:
                break
        else:
            groups.append(person)
    result = []
    for group in groups[:_MOST]:
        tight, wide = group.around(0.1, width, height), group.around(0.5, width, height)
        fits = [box for box in before if box.union(tight) == box and box.union(wide) == wide and box not in result]
        result.append(fits[0] if fits else group.around(0.28, width, height))
    return result


def _paste(result: Map, look: Map, box: Box, scale: float) -> None:
    left, top = round(box.left * scale), round(box.top * scale)
    right, bottom = max(left + 1, round(box.right * scale)), max(top + 1, round(box.bottom * scale))
    place = result[top:bottom, left:right]
    np.maximum(place, cv.resize(look, place.shape[::-1], interpolation=cv2.INTER_LINEAR), out=place)


def _tiles(width: int, height: int) -> list[Box]:
    """Overlapping squares of half the shorter side, larger where the frame is very long."""
    side = max(1, min(width, height) // 2, max(width, height) // 8)
    side = min(side, width, height)
    lefts, tops = (np.linspace(0, long - side, -(-4 * long // (3 * side))) for long in (width, height))
    return [Box(x, y, x + side, y + side) for x, y in product(lefts.astype(int).tolist(), tops.astype(int).tolist())]

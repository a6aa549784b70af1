"""`Behind`: what comes before a face stays before what is put on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melies.box import Box
from melies.faces import Face
from melies.frame import Image
from melies.imaging import blend
from melies.swapping.flat import Floats
from melies.swapping.front import Front
from melies.swapping.hands import Hands, draw
from melies.swapping.sight import over, unrolled

_BESIDE = 0.5
"""How far beside the face hands are before what is worn, in sizes of the face."""
_LEAST = 16
"""Pixels across a face below which nothing before it is looked for."""


class Behind:
    """Finds what comes before one face of a shot: hands, and things that differ from the face as it was."""

    def __init__(self) -> None:
        self._hands = Hands()
        self._front = Front()

    @contextmanager
    def put_on(self, image: NDArray[Any], seen: Image, face: Face, time: float) -> Iterator[None]:
        """Give back to what is before the face what is painted over it meanwhile.

        Args:
            image: `H×W×3` or `×4`, painted on.
            seen: `H×W×3`, what was filmed, uint8 or uint16.
            face: Where it is.
            time: In seconds.
        """
        found = self._step(seen, face, time)
        if found is None:
            yield
            return
        box, before = found
        part = image[box.slices]
        kept = np.ascontiguousarray(part[..., :3])
        yield
        part[..., :3] = blend(kept, np.ascontiguousarray(part[..., :3]), before)

    def _step(self, image: Image, face: Face, time: float) -> tuple[Box, Floats] | None:
        """A part of the picture and how much of each of its pixels is before the face, 0…1; None if nothing is."""
        height, width = image.shape[:2]
        left, top, right, bottom = map(int, face.box)
        near = Box(left, top, right + 1, bottom + 1).grown(1, width, height)
        if min(near.width, near.height) < _LEAST:
            return None
        wide = near.grown(round(_BESIDE * face.size), width, height)
        hands = self._hands.step(image, face, time)
        before = draw([hand - wide.corner for hand in hands], wide.width, wide.height) if hands else None
        points = face.points - np.array([near.left, near.top, 0], np.float32)
        hidden = None if before is None else np.ascontiguousarray(near.cut(before, wide))
        texture, _, trust = unrolled(image[near.slices], face.moved(points), hidden)
        things = self._front(texture, trust, time)
        if things.any():
            before = np.zeros((wide.height, wide.width), np.float32) if before is None else before
            inside = near.cut(before, wide)
            np.maximum(inside, over(things, points, near.width, near.height), out=inside)
        return None if before is None else (wide, before)

"""Ways from one picture to another: RIFE, optical flow, and mixing them where they are.

Each is a function that takes two pictures and returns a function of time, 0…1, which says what is to be seen then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Image
from melies.imaging import white_of
from melies.interpolation.mixing import Motion, opaque_colours
from melies.motion import Field, Flow, grey, trusted, warp

if TYPE_CHECKING:
    from melies.models.runtime import Session

cv: Any = cv2
Float = NDArray[np.float32]
Course = Callable[[float], Motion]
Method = Callable[[Image, Image], Course]

LARGEST = 1920 * 1088
"""Pixels in which motion is looked for at most; larger pictures are halved for that, as RIFE's authors do."""

MULTIPLE = 32
"""The network's sides must be multiples of this."""

ROUNDS = 3
"""How often a place between two pictures is looked up again in the field of one of them."""

SETTLED = 1.0
"""Pixels by which the last two looks may differ."""


def blended(first: Image, second: Image) -> Course:
    """Mix the pictures without looking for motion."""
    size = first.shape[:2]

    def at(time: float) -> Motion:
        return Motion(None, None, np.full(size, 1 - time, np.float32))

    return at


class Rife:
    """RIFE 4.6 (Huang et al., ECCV 2022): a network finds the motion to any moment.

    Args:
        session: The model `rife`.
        halvings: How often the pictures are halved for looking for motion, besides what keeps them small enough.
    """

    def __init__(self, session: Session, halvings: int = 0) -> None:
        self._session = session
        self._halvings = halvings

    def __call__(self, first: Image, second: Image) -> Course:
        """Return what the network says about two pictures of the same size."""
        smaller = [shrunk(opaque_colours(image), self._halvings) for image in (first, second)]
        height, width = smaller[0].shape[:2]
        given = dict(zip(("first", "second"), map(_planes, smaller), strict=True))

        def at(time: float) -> Motion:
            found = self._session.run({**given, "time": np.array([time], np.float32)})
            flow = found["flow"][0, :, :height, :width].transpose(1, 2, 0)
            to_first, to_second = (np.ascontiguousarray(flow[..., n : n + 2]) for n in (0, 2))
            return Motion(to_first, to_second, np.ascontiguousarray(found["mask"][0, 0, :height, :width]))

        return at


class OpticalFlow:
    """Motion by dense inverse search in both directions; what one picture hides is taken from the other.

    Args:
        halvings: As of `Rife`.
    """

    def __init__(self, halvings: int = 0) -> None:
        self._halvings = halvings

    def __call__(self, first: Image, second: Image) -> Course:
        """Find the motion both ways."""
        here, there = (grey(shrunk(opaque_colours(image), self._halvings)) for image in (first, second))
        flow = Flow()
        forward, backward = flow(here, there), flow(there, here)
        seen_there, seen_here = trusted(forward, backward), trusted(backward, forward)

        def at(time: float) -> Motion:
            onwards, sure, hidden = _between(forward, seen_there, -time)
            back, sure_back, hidden_back = _between(backward, seen_here, time - 1)
            # Where the field from the first picture is not sure of itself, that from the second may be.
            by_second = (~sure & sure_back)[..., None]
            moving = np.where(by_second, -back, onwards)
            lost = ~sure & ~sure_back
            to_first = np.float32(-time) * moving
            to_second = np.where(lost[..., None], np.float32(time - 1) * back, np.float32(1 - time) * moving)
            share = np.full(here.shape, 1 - time, np.float32)
            share[lost & hidden & ~hidden_back] = 1
            share[lost & hidden_back & ~hidden] = 0
            return Motion(to_first, to_second, cv.GaussianBlur(share, (5, 5), 1))

        return at


def _between(field: Field, seen: NDArray[np.bool_], step: float) -> tuple[Field, NDArray[np.bool_], NDArray[np.bool_]]:
    """Bring a field to the moment that is `-step` of the way along it.

    Returns:
        The field there; where it is to be trusted; and where it comes from something that the other picture hides.
    """
    here = field
    for _ in range(ROUNDS):
        before, here = here, warp(field, np.float32(step) * here)
    visible = warp(seen.astype(np.float32), np.float32(step) * here) > 0.5
    settled = np.abs(here - before).max(-1) < SETTLED
    return here, visible & settled, ~visible


def shrunk(image: Image, halvings: int) -> Image:
    """Halve a picture until it has no more than `LARGEST` pixels, and so many times more."""
    height, width = image.shape[:2]
    needed = 0
    while (height >> needed) * (width >> needed) > LARGEST:
        needed += 1
    halvings += needed
    if not halvings:
        return image
    size = max(1, width >> halvings), max(1, height >> halvings)
    return cast(Image, cv.resize(image, size, interpolation=cv2.INTER_AREA))


def _planes(image: Image) -> Float:
    """The network's input: 1×3×H×W, 0…1, filled up with its edges."""
    height, width = image.shape[:2]
    fill = (0, -height % MULTIPLE), (0, -width % MULTIPLE), (0, 0)
    planes = np.pad(image, fill, mode="edge").transpose(2, 0, 1)[None]
    given: Float = np.multiply(planes, np.float32(1 / white_of(image)), dtype=np.float32, order="C")
    return given

"""Colours carried along the motion from two key frames to the frames between them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.colouring.chroma import Chroma, Plane, cv
from melies.motion import Field, Flow, trusted, warp

_UNLIKE = 0.1
"""Difference of brightness at which what was followed is probably something else."""
_LEAST = np.float32(1e-3)
"""Trust in what was lost: it counts only where nothing near is known better."""


class Track:
    """Where each pixel of a frame was in a key frame, frame after frame, away from the key frame.

    The fields are joined before anything is fetched with them, so that colours are fetched once and stay sharp.

    Args:
        bright: `H×W` luma of the key frame, 0…1.
    """

    def __init__(self, bright: Plane) -> None:
        self._key = bright
        self.field: Field = np.zeros((*bright.shape, 2), np.float32)
        self.trust: Plane = np.ones_like(bright)

    def step(self, bright: Plane, back: Field, forth: Field) -> None:
        """Go on to the next frame.

        Args:
            bright: Its luma.
            back: From it to the frame before, on the way from the key frame.
            forth: From that one to it.
        """
        self.field = back + warp(self.field, back)
        followed = warp(self.trust, back) * trusted(back, forth)
        unlike = cv.blur(np.abs(warp(self._key, self.field) - bright), (5, 5))
        self.trust = followed * np.exp(-np.square(unlike * np.float32(1 / _UNLIKE)))

    def fetch(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Move what belongs to the key frame, `H×W×K`, to this frame; it may be smaller than the frames."""
        field = self.field
        height, width = values.shape[:2]
        if field.shape[:2] != (height, width):
            scale = np.array([width / field.shape[1], height / field.shape[0]], np.float32)
            field = cv.resize(field, (width, height), interpolation=cv2.INTER_AREA) * scale
        moved = [
            warp(np.ascontiguousarray(part), field) for part in np.array_split(values, -(-values.shape[2] // 4), 2)
        ]
        return np.dstack(moved)


class Motion:
    """The flow between neighbouring frames, both ways."""

    def __init__(self) -> None:
        self._flow = Flow("medium")

    def between(self, here: Plane, there: Plane) -> tuple[Field, Field]:
        """Return the fields from here to there and back; `H×W` luma, 0…1."""
        pair = [np.rint(bright * np.float32(255)).astype(np.uint8) for bright in (here, there)]
        return self._flow(*pair), self._flow(*reversed(pair))


def between(
    brights: Sequence[Plane], flows: Sequence[tuple[Field, Field]], first: Chroma, last: Chroma
) -> list[tuple[Chroma, Plane]]:
    """Colour the frames between two key frames.

    Args:
        brights: Luma of all frames, key frames included.
        flows: From each to the next, and back: one fewer.
        first: Colours of the first, `H×W×2`.
        last: Colours of the last.

    Returns:
        Colours and how far they can be trusted (0…1) for each but the key frames.
    """
    count = len(brights) - 1
    behind, ahead = Track(brights[0]), Track(brights[count])
    from_last = []
    for index in range(count - 1, 0, -1):
        ahead.step(brights[index], *flows[index])
        from_last.append((ahead.fetch(last), ahead.trust))
    result = []
    for index in range(1, count):
        onward, back = flows[index - 1]
        behind.step(brights[index], back, onward)
        colours, trust = from_last.pop()
        share = np.float32(index / count)
        old, new = np.maximum(behind.trust, _LEAST) * (1 - share), np.maximum(trust, _LEAST) * share
        mixed = behind.fetch(first) * old[..., None] + colours * new[..., None]
        result.append((mixed / (old + new)[..., None], old + new))
    return result

"""Finding the green or blue screen behind a subject: its colour at every place, steady through a shot."""

from __future__ import annotations

from collections import deque
from typing import Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Image
from melies.imaging import Float, Rgba, white_of

Kind = Literal["green", "blue"]

CHANNEL: dict[Kind, int] = {"green": 1, "blue": 2}

WINDOW = 8
"""Frames whose estimates are averaged; with what each of them needed itself, twice that many matter."""

_SIZE = 160
_GRID = 4
_BINS = 32


class Screen:
    """Watches the frames of a shot and tells the colour of the screen behind every pixel.

    The screen's hue is the most frequent among saturated greens or blues, those at the frame's border counting
    four times. Pixels near that hue, away from edges, then give a colour for each small area; areas that the
    subject hides take theirs from the frames before and from their surroundings (push-pull, after Gortler et
    al., "The Lumigraph", 1996).

    Args:
        kind: Which screen to look for; None chooses.
        colour: The screen's colour, where the user has named it.
    """

    def __init__(self, kind: Kind | None = None, colour: Rgba | None = None) -> None:
        self._colour: Float | None = None if colour is None else np.array(colour[:3], np.float32) / np.float32(255)
        self._kind = kind if self._colour is None else _kind_of(self._colour)
        self._votes: deque[dict[Kind, NDArray[np.float32]]] = deque(maxlen=WINDOW)
        self._seen: deque[tuple[Kind, Float]] = deque(maxlen=WINDOW)
        self.kind: Kind = self._kind or "green"

    def see(self, image: Image) -> Float | None:
        """Look at the next frame (`H×W×3`).

        Returns:
            The screen's colour on a coarse grid, `h×w×3` RGB of 0…1, to be enlarged to the frame; None as long
            as no screen has been seen.
        """
        small = _reduced(image)
        self._votes.append({kind: _votes(small, kind) for kind in CHANNEL if self._kind in (None, kind)})
        self.kind = max(self._votes[-1], key=lambda kind: sum(float(one[kind].sum()) for one in self._votes))
        reference = self._colour if self._colour is not None else self._reference()
        if reference is not None:
            self._seen.append((self.kind, _gather(small, self.kind, reference)))
        seen = [grid for kind, grid in self._seen if kind == self.kind]
        total = cast(Float, np.mean(seen, axis=0, dtype=np.float32)) if seen else None
        if total is not None and total[..., 3].max() > 0:
            return _filled(total)
        if self._colour is not None:
            return np.ascontiguousarray(self._colour[None, None])
        return None

    def _reference(self) -> Float | None:
        """The commonest hue of the chosen kind in the last frames, as a colour of full strength."""
        votes = cv2.GaussianBlur(np.sum([one[self.kind] for one in self._votes], axis=0), (0, 0), 1.0)
        # A screen that is less than a fiftieth of the frames is none.
        if votes.sum() < 0.02 * len(self._votes):
            return None
        first, second = np.unravel_index(int(votes.argmax()), votes.shape)
        reference = np.ones(3, np.float32)
        others = [channel for channel in range(3) if channel != CHANNEL[self.kind]]
        reference[others] = (np.array([first, second], np.float32) + 0.5) / _BINS
        return reference


def _kind_of(colour: Float) -> Kind:
    return "blue" if colour[2] > colour[1] else "green"


def _reduced(image: Image) -> Float:
    height, width = image.shape[:2]
    factor = min(1.0, _SIZE / max(height, width))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cast(Float, np.multiply(small, np.float32(1 / white_of(image)), dtype=np.float32))


def _relative(small: Float, kind: Kind) -> tuple[Float, Float]:
    """The key channel, and the other two divided by it (0…1 for colours that lean to the screen's)."""
    key = small[..., CHANNEL[kind]]
    others = np.delete(small, CHANNEL[kind], axis=2)
    return key, np.asarray(others / np.maximum(key, np.float32(1 / 255))[..., None], np.float32)


def _votes(small: Float, kind: Kind) -> NDArray[np.float32]:
    """How often each hue occurs among pixels that lean clearly to `kind`, as shares of the frame."""
    key, others = _relative(small, kind)
    strong = (others.max(axis=2) < 0.85) & (key > 0.12)
    weight = np.full(key.shape, 1, np.float32)
    border = max(1, min(key.shape) // 16)
    weight[border:-border, border:-border] = 0.25
    weight *= strong * (1 - others.max(axis=2))
    bins = np.minimum((others * _BINS).astype(np.int32), _BINS - 1)
    counts = np.bincount((bins[..., 0] * _BINS + bins[..., 1])[strong], weight[strong], _BINS * _BINS)
    return (counts.reshape(_BINS, _BINS) / weight.size).astype(np.float32)


def _gather(small: Float, kind: Kind, reference: Float) -> Float:
    """Sums of the colours of pixels that are surely screen, and how many they are, on the coarse grid."""
    key, others = _relative(small, kind)
    wanted = np.delete(reference, CHANNEL[kind]) / reference[CHANNEL[kind]]
    near = (np.abs(others - wanted).max(axis=2) < 0.16) & (others.max(axis=2) < 0.9) & (key > 0.08)
    # Pixels beside the subject mix both colours. Those beside dark hair keep the screen's hue and only get darker.
    brightest = cv2.dilate(cast(Float, key * near), np.ones((15, 15), np.uint8))
    near &= key > 0.8 * brightest
    sure = cv2.erode(near.view(np.uint8), np.ones((3, 3), np.uint8), borderValue=1)
    weighted = cv2.merge([*cv2.split(small * sure[..., None]), sure.astype(np.float32)])
    height, width = key.shape
    size = max(1, width // _GRID), max(1, height // _GRID)
    return cast(Float, cv2.resize(weighted, size, interpolation=cv2.INTER_AREA))


def _filled(sums: Float) -> Float:
    """Divide sums by their weights, taking from a coarser and coarser picture where there is little weight."""
    levels = [sums]
    while max(levels[-1].shape[:2]) > 1:
        height, width = levels[-1].shape[:2]
        half = (width + 1) // 2, (height + 1) // 2
        levels.append(cast(Float, cv2.resize(levels[-1], half, interpolation=cv2.INTER_AREA)))
    result: Float | None = None
    for level in reversed(levels):
        weight = level[..., 3:]
        colour = np.asarray(level[..., :3] / np.maximum(weight, 1e-6), np.float32)
        if result is not None:
            trust = np.minimum(np.float32(1), weight * 2)
            wide = cv2.resize(result, (level.shape[1], level.shape[0]), interpolation=cv2.INTER_LINEAR)
            colour = np.asarray(trust * colour + (1 - trust) * wide, np.float32)
        result = colour
    assert result is not None
    return cast(Float, cv2.GaussianBlur(result, (3, 3), 0))

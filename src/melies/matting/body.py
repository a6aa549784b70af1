"""MediaPipe's two pose networks: one finds bodies in a square, one cuts out the body that a square is set around.

Bazarevsky et al., "BlazePose: On-device Real-time Body Pose tracking" (2020). Besides the joints, both give the centre
of the hips and a point of the circle around the whole body, so each look says where the next one should be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import atan2, cos, hypot, pi, remainder, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Image
from melies.matting.scale import Map, cv, unit

Run = Callable[[NDArray[np.float32]], tuple[NDArray[np.float32], ...]]
"""A network: `1×S×S×3` to its outputs."""

_MARGIN = 1.25
"""How much wider than the circle around a body the square around it is; the network was trained with this."""
_FADE = 10
"""Width of the rim of a cut-out, in its pixels, in which it fades, so that nothing ends in a straight line."""


@dataclass(frozen=True, slots=True)
class Square:
    """A turned square in a picture.

    Attributes:
        x: Centre, in pixels from the left edge.
        y: Centre, in pixels from the top edge.
        radius: Half the side, in pixels.
        angle: How far it is turned clockwise, in radians.
    """

    x: float
    y: float
    radius: float
    angle: float = 0.0

    def scaled(self, factor: float) -> Square:
        """The same place in a picture that is `factor` times as large."""
        return Square(self.x * factor, self.y * factor, self.radius * factor, self.angle)

    def matrix(self, side: int) -> NDArray[np.float64]:
        """The affine map (2×3) from the picture's pixels to those of a cut-out of `side`×`side`."""
        scale = side / (2 * self.radius)
        turn = scale * np.array([[cos(self.angle), sin(self.angle)], [-sin(self.angle), cos(self.angle)]])
        shift = (side - 1) / 2 - turn @ (self.x - 0.5, self.y - 0.5)
        return np.column_stack([turn, shift])

    def cut(self, image: Image, side: int) -> NDArray[np.float32]:
        """Cut it out of an image, `side`×`side`×3, 0…1; black outside of the image."""
        # Twice as fine where much is made small, and averaged, against aliasing.
        fine = side * 2 if self.radius > side else side
        picture = cv.warpAffine(image, self.matrix(fine), (fine, fine))
        return unit(picture if fine == side else cv.resize(picture, (side, side), interpolation=cv2.INTER_AREA))

    def paste(self, mask: Map, width: int, height: int) -> Map:
        """Put a mask of this square where it belongs in a map of zeros."""
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        result: Map = cv.warpAffine(mask, self.matrix(mask.shape[0]), (width, height), flags=flags)
        return result

    def around(self, hips: tuple[float, float], rim: tuple[float, float], side: int) -> Square:
        """The square around a body whose hips and circle were found in this one's cut-out, in its pixels."""
        scale = 2 * self.radius / side
        (x, y), (right, down) = hips, (rim[0] - hips[0], rim[1] - hips[1])
        x, y = scale * (x - side / 2), scale * (y - side / 2)
        return Square(
            self.x + cos(self.angle) * x - sin(self.angle) * y,
            self.y + sin(self.angle) * x + cos(self.angle) * y,
            max(1.0, _MARGIN * scale * hypot(right, down)),
            remainder(self.angle + atan2(right, -down), 2 * pi),
        )

    def near(self, other: Square, share: float) -> bool:
        """Whether two squares are of about the same place and size."""
        large, small = max(self.radius, other.radius), min(self.radius, other.radius)
        return hypot(self.x - other.x, self.y - other.y) < share * large and small > (1 - share) * large


@dataclass(frozen=True, slots=True)
class Body:
    """What was seen in a square.

    Attributes:
        place: The square.
        presence: How likely somebody is in it, 0…1.
        mask: Where their body is in it, `256×256`, 0…1.
        following: The square around them, for the next look.
    """

    place: Square
    presence: float
    mask: Map
    following: Square

    @property
    def sure(self) -> float:
        """Mean opacity of what is more opaque than not, 0…1."""
        return float(self.mask.mean(where=self.mask > 0.5)) if self.mask.max() > 0.5 else 0.0


def cut_out(run: Run, picture: NDArray[np.float32], place: Square) -> Body:
    """Cut out the body around which a square is set.

    Args:
        run: The landmark network: landmarks, presence and mask.
        picture: What is in the square, `256×256×3`, 0…1.
        place: The square.
    """
    landmarks, presence, logits = run(picture[None])
    hips, rim = landmarks.reshape(39, 5)[33:35, :2].tolist()
    mask: Map = _FADING / (1 + np.exp(np.clip(-logits[0, ..., 0], np.float32(-30), np.float32(30))))
    return Body(place, float(presence.item()), mask, place.around(hips, rim, 256))


def detect(run: Run, picture: NDArray[np.float32], place: Square, least: float) -> list[tuple[float, Square]]:
    """Find bodies in a square.

    Args:
        run: The detector: boxes and scores of its 2254 anchors.
        picture: What is in the square, `224×224×3`, 0…1.
        place: The square.
        least: The score from which something counts, 0…1.

    Returns:
        The score of each and the square around it, best first; of two that are nearly the same, the better.
    """
    boxes, logits = run(picture[None] * 2 - 1)
    scores = 1 / (1 + np.exp(np.clip(-logits[0, :, 0], -30, 30)))
    found = []
    for anchor in np.argsort(-scores, kind="stable")[: np.count_nonzero(scores >= least)]:
        hips, rim = (boxes[0, anchor, 4:8].reshape(2, 2) + _ANCHORS[anchor]).tolist()
        found.append((float(scores[anchor]), place.around(hips, rim, 224)))
    return best(found)


def best(found: list[tuple[float, Square]]) -> list[tuple[float, Square]]:
    """Sort by score, and leave out what is nearly the same as something better."""
    result: list[tuple[float, Square]] = []
    for score, place in sorted(found, key=lambda one: -one[0]):
        if not any(place.near(other, 0.4) for _, other in result):
            result.append((score, place))
    return result


def _anchors() -> NDArray[np.float32]:
    """The centres, in pixels of 224, of the grids of 28 (twice), 14 (twice) and 7 (six times) cells a side."""
    grids = []
    for cells, times in ((28, 2), (14, 2), (7, 6)):
        y, x = (np.indices((cells, cells), np.float32) + np.float32(0.5)) * np.float32(224 / cells)
        grids.append(np.repeat(np.dstack([x, y]).reshape(-1, 2), times, axis=0))
    return np.concatenate(grids)


def _fading() -> Map:
    ramp = np.clip((np.minimum(np.arange(256), np.arange(256)[::-1]) / _FADE), 0, 1).astype(np.float32)
    return np.minimum.outer(ramp, ramp)


_ANCHORS = _anchors()
_FADING = _fading()

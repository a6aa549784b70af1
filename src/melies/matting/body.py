"""MediaPipe's two pose networks: one finds bodies in a square, one cuts out the body that a square is set around.

Bazarevsky et al., "BlazePose: On-device Real-time Body Pose tracking" (2020). Besides the joints, both give the centre
of the hips and a point of the circle around the whole body, so each look says where the next one should be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import atan2, hypot

import numpy as np
from numpy.typing import NDArray

from melies.matting.scale import Map
from melies.square import Square, anchors, best

Run = Callable[[NDArray[np.float32]], tuple[NDArray[np.float32], ...]]
"""A network: `1×S×S×3` to its outputs."""

_MARGIN = 1.25
"""How much wider than the circle around a body the square around it is; the network was trained with this."""
SAME = 0.4
"""How near two squares are, as `Square.near` says, that are around the same body."""
_FADE = 10
"""Width of the rim of a cut-out, in its pixels, in which it fades, so that nothing ends in a straight line."""


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
    return Body(place, float(presence.item()), mask, around(place, hips, rim, 256))


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
        found.append((float(scores[anchor]), around(place, hips, rim, 224)))
    return best(found, SAME)


def around(place: Square, hips: tuple[float, float], rim: tuple[float, float], side: int) -> Square:
    """The square around a body whose hips and circle were found in a square's cut-out, in its pixels."""
    scale = 2 * place.radius / side
    right, down = (end - start for start, end in zip(hips, rim, strict=True))
    radius = max(1.0, _MARGIN * scale * hypot(right, down))
    return place.inner([part - side / 2 for part in hips], scale, radius, atan2(right, -down))


def _fading() -> Map:
    ramp = np.clip((np.minimum(np.arange(256), np.arange(256)[::-1]) / _FADE), 0, 1).astype(np.float32)
    return np.minimum.outer(ramp, ramp)


_ANCHORS = anchors(224, (28, 2), (14, 2), (7, 6))
_FADING = _fading()

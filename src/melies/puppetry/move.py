"""`Move`: where the points of a portrait go at one moment, and the performer's face that sends them there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from melies.faces.anatomy import Points
from melies.frame import Image

Mouth = Literal["driver", "procedural"]


@dataclass(frozen=True)
class Move:
    """One moment of a performance, made ready for a portrait.

    Attributes:
        points: `478×3` float32, where the portrait's points go, in its pixels; retargeted and within limits.
        strength: How far all of it counts, 0…1: half moves the points half the way; the picture at 0 is the untouched
            portrait.
        mouth: What is seen between the portrait's lips when they open.
        driver: The performer's frame, `H×W×3` or `H×W×4`; None when only the motion is known.
        driver_points: `478×3`, the performer's face in that frame.
        neutral: A frame in which the performer's face is at rest; None when only the motion is known.
        neutral_points: `478×3`, the performer's face in that frame.
        covered: How far the performer's mouth is hidden, 0…1: it is drawn in place of theirs.
    """

    points: Points
    strength: float = 1.0
    mouth: Mouth = "driver"
    driver: Image | None = None
    driver_points: Points | None = None
    neutral: Image | None = None
    neutral_points: Points | None = None
    covered: float = 0.0

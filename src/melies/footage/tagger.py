"""What a whole picture is like: what ImageNet's thousand kinds it shows, and numbers that are near for similar ones.

Tan and Le, "EfficientNet" (ICML 2019), in its smallest variant for small devices, trained on the photographs of
Russakovsky et al., "ImageNet Large Scale Visual Recognition Challenge" (2015).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import cv2
import numpy as np
from numpy.typing import NDArray

from melies import models
from melies.frame import Image
from melies.matting.scale import cv

MODEL = "efficientnet-lite0"

_SIDE = 224
"""Side of the square that has as many pixels as the picture that the network is given."""
_MULTIPLE = 32


@dataclass(frozen=True, slots=True)
class Impression:
    """What the network says of a picture.

    Attributes:
        look: `1280` float32 of unit length; the dot product of two is their likeness, 1 for the same picture.
        chances: `1000` float32, how likely each of `words()` is; they sum to 1.
    """

    look: NDArray[np.float32]
    chances: NDArray[np.float32]

    def tags(self, least: float = 0.05) -> list[tuple[str, float]]:
        """The words that are at least so likely, the likeliest first."""
        order = np.argsort(-self.chances, kind="stable")[: np.count_nonzero(self.chances >= least)]
        return [(words()[index], float(self.chances[index])) for index in order]


def impression(image: Image) -> Impression:
    """Look at a picture once.

    Args:
        image: `H×W×3` uint8 RGB of any size and shape.
    """
    height, width = image.shape[:2]
    scale = _SIDE / np.sqrt(height * width)
    size = [max(_MULTIPLE, round(side * scale / _MULTIPLE) * _MULTIPLE) for side in (width, height)]
    picture = cv.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    picture = np.ascontiguousarray((picture.transpose(2, 0, 1)[None] - 127) / 128)
    made = models.load(MODEL).run({"image": picture})
    look = made["look"][0]
    return Impression(look / max(float(np.linalg.norm(look)), 1e-9), made["chances"][0])


def tags(image: Image, least: float = 0.05) -> list[tuple[str, float]]:
    """Say what a picture shows.

    Args:
        image: `H×W×3` uint8 RGB of any size and shape.
        least: The chance from which a word counts, 0…1.

    Returns:
        Words and their chances, the likeliest first.
    """
    return impression(image).tags(least)


def look(image: Image) -> NDArray[np.float32]:
    """Return numbers that are near each other for similar pictures, for search by picture.

    Args:
        image: `H×W×3` uint8 RGB of any size and shape.

    Returns:
        `1280` float32 of unit length; the dot product of two is their likeness.
    """
    return impression(image).look


@cache
def words() -> tuple[str, ...]:
    """Return ImageNet's thousand kinds, in the network's order."""
    text = (files("melies.models") / "data" / "imagenet-words.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())

"""The light that falls on a face, and giving it to another one."""

from __future__ import annotations

from functools import cache

import numpy as np

from melies.erasing.membrane import membrane
from melies.faces import OneEuro, anatomy
from melies.matting.scale import cv
from melies.swapping.flat import Floats, flat

SIDE = 64
"""Side of the unrolled face on which light is measured, in pixels."""

_BROAD = 7.0
"""How far light reaches, in those pixels: finer differences are the person's, not the light's."""
_RIM = 5
"""Width of the seam, in those pixels, along which both faces are brought to the same colour."""
_STEP = 0.15
"""The largest step along the seam that is taken away: more than that is no skin."""
_DARKEST = 0.02
_RANGE = 4.0
"""The most that light may brighten or darken."""
_CONTRAST = np.array([0.7, 0.4, 0.4], np.float32)
"""How much less contrast a face may get in Y, Cr and Cb; it never gets more."""


class Light:
    """What makes a texture look as if it stood in the light of a face, steadily over time.

    Colours are Y, Cr and Cb, each 0…1. Brightness is multiplied, so that what is finer than light keeps its contrast;
    colour is added. What is left of a step along the outline is taken away by a membrane that hangs from it, as in
    Pérez, Gangnet and Blake, "Poisson Image Editing" (SIGGRAPH 2003).
    """

    def __init__(self) -> None:
        self._steady = OneEuro(cutoff=1.0, beta=1.5)

    def __call__(self, texture: Floats, face: Floats, trust: Floats, time: float, share: float) -> Floats:
        """Return a gain and an addition, `SIDE×SIDE×6`: `texture * gain + addition` stands in the face's light.

        Args:
            texture: `SIDE×SIDE×3`: whose looks are wanted.
            face: The same, of the face that is seen.
            trust: `SIDE×SIDE×1`, 0…1: where both are bare and seen well.
            time: In seconds.
            share: How much of the difference is taken, 0…1.
        """
        skin, rim = _parts()
        weight = trust * skin
        wanted, had = _broad(face, weight), _broad(texture, weight)
        scale = _contrast(face - wanted, texture - had, weight, trust)
        gain = np.empty_like(face)
        gain[..., 0] = np.clip(wanted[..., 0] / had[..., 0], 1 / _RANGE, _RANGE)
        gain[..., 1:] = 1
        gain *= scale
        added = wanted - had * gain
        step = np.clip(face - texture * gain - added, -_STEP, _STEP) * weight
        near = cv.GaussianBlur(weight, (0, 0), 1.5)
        mean = cv.GaussianBlur(step, (0, 0), 1.5) / (near[..., None] + np.float32(1e-4))
        added += membrane(mean, (weight[..., 0] < 0.9) | (rim == 0))
        fields: Floats = np.asarray(self._steady(np.concatenate([gain, added], 2), time), np.float32)
        unchanged = np.array([1, 1, 1, 0, 0, 0], np.float32)
        return unchanged + np.float32(share) * (fields - unchanged)


def _broad(picture: Floats, weight: Floats) -> Floats:
    """Blur widely, counting only what has weight."""
    whole = cv.GaussianBlur(weight, (0, 0), _BROAD)[..., None] + np.float32(1e-4)
    mean = (picture * weight).sum((0, 1)) / max(float(weight.sum()), 1e-4)
    soft: Floats = (cv.GaussianBlur(picture * weight, (0, 0), _BROAD) + np.float32(1e-4) * mean) / whole
    return np.maximum(soft, np.float32(_DARKEST))


def _contrast(face: Floats, texture: Floats, skin: Floats, trust: Floats) -> Floats:
    """How much stronger details of the face are than those of the texture, `3`: in the skin, and in all its colour."""

    def ratio(weight: Floats) -> Floats:
        seen, had = ((np.square(part) * weight).sum((0, 1)) for part in (face, texture))
        compared: Floats = np.sqrt((seen + np.float32(1e-3)) / (had + np.float32(1e-3)))
        return compared

    return np.clip(np.minimum(ratio(skin), ratio(trust)), _CONTRAST, 1)


@cache
def _parts() -> tuple[Floats, Floats]:
    """Where there is skin (not eyes, brows or mouth), `SIDE×SIDE×1`, and the seam along the outline, `SIDE×SIDE`."""
    square = flat(SIDE)
    features = square.polygon(
        anatomy.LIPS_OUTER, anatomy.RIGHT_EYE, anatomy.LEFT_EYE, anatomy.RIGHT_BROW, anatomy.LEFT_BROW
    )
    features = cv.dilate(features, np.ones((3, 3), np.uint8))
    inside = square.inside.astype(np.uint8)
    inner = cv.erode(inside, np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8), borderValue=0)
    skin = (inside * (features == 0)).astype(np.float32)
    return skin[..., None], (inside - inner).astype(np.float32)

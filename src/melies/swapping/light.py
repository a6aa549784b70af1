"""The light that falls on a face, and giving it to another one."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from melies.erasing.membrane import membrane
from melies.faces import OneEuro
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
_DARKEST = 0.04
_RANGE = 4.0
"""The most that light may brighten or darken."""
_TINT = np.array([0.15, 0.02], np.float32)
"""How far Cr and Cb of a face's details may be from its skin's, as shares of their brightness."""
_CONTRAST = np.array([0.6, 0.4, 0.4], np.float32)
"""How much less contrast a face may get in Y, Cr and Cb than its light would give it."""
_SHADE, _SHINE = 0.08, 0.06
"""How much darker and brighter than what is around it skin may always be, in Y; more only if the face itself is."""
_GREY = np.array([0, 0.5, 0.5], np.float32)


class Light:
    """What makes a texture look as if it stood in the light of a face, steadily over time.

    Colours are Y, Cr and Cb, each 0…1. Brightness is multiplied, so that what is finer than light keeps its contrast,
    and colour with it: what is dark has little of it, whatever the light. Neither gets stronger than it was, or than
    the face has it. What is left of a step along the outline is taken away by a membrane that hangs from it, as in
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
        face, texture = face - _GREY, texture - _GREY
        wanted, had = _broad(face, weight), _broad(texture, weight)
        bright = wanted[..., :1]
        gain = np.clip(bright / had[..., :1], 1 / _RANGE, _RANGE)
        gain = gain * _contrast(face - wanted, texture - had, gain, weight, trust)
        details = (texture - had) * gain
        most = _extremes(face[..., :1] - wanted[..., :1], details[..., :1] > 0, weight)
        lit = np.empty_like(face)
        lit[..., :1] = bright + _within(details[..., :1], most + 4 * (1 - _blurred(skin, 1.0)))
        shade = np.clip(lit[..., :1], _DARKEST, 1) / bright  # in the dark there is less colour, too
        off = (texture - had * shade)[..., 1:] * gain[..., 1:]
        lit[..., 1:] = wanted[..., 1:] * shade + _within(off, _TINT * bright * shade)
        lit[..., 2] = np.minimum(lit[..., 2], np.maximum(wanted[..., 2], 0))  # no skin is blue
        step = np.clip(face - lit, -_STEP, _STEP) * weight
        mean = _blurred(step, 1.5) / (_blurred(weight, 1.5) + np.float32(1e-4))
        rest = membrane(mean, (weight[..., 0] < 0.9) | (rim == 0))
        rest[..., 1:] *= np.minimum(shade, 1)
        added = lit + rest - texture * gain + _GREY * (1 - gain)
        fields: Floats = np.asarray(self._steady(np.concatenate([gain, added], 2), time), np.float32)
        unchanged = np.array([1, 1, 1, 0, 0, 0], np.float32)
        return unchanged + np.float32(share) * (fields - unchanged)


def _broad(picture: Floats, weight: Floats) -> Floats:
    """Blur widely, counting only what has weight."""
    whole = _blurred(weight, _BROAD) + np.float32(1e-4)
    mean = (picture * weight).sum((0, 1)) / max(float(weight.sum()), 1e-4)
    soft: Floats = (_blurred(picture * weight, _BROAD) + np.float32(1e-4) * mean) / whole
    soft[..., 0] = np.maximum(soft[..., 0], np.float32(_DARKEST))
    return soft


def _blurred(picture: Floats, sigma: float) -> Floats:
    return np.atleast_3d(cv.GaussianBlur(picture, (0, 0), sigma))


def _within(values: Floats, most: Floats) -> Floats:
    """Bring values softly to less than this, either way."""
    limited: Floats = most * np.tanh(values / most)
    return limited


def _extremes(details: Floats, brighter: NDArray[np.bool_], weight: Floats) -> Floats:
    """How far from its surroundings the brightness of a face's skin gets, where it is brighter and where darker."""
    known = details[weight > 0.5]
    low, high = np.percentile(known, [4, 99]) if known.size else (0.0, 0.0)
    return np.where(brighter, max(_SHINE, float(high)), max(_SHADE, -float(low))).astype(np.float32)


def _contrast(face: Floats, texture: Floats, gain: Floats, skin: Floats, trust: Floats) -> Floats:
    """What to leave of a gain, `SIDE×SIDE×3`, so that details get no stronger than the face's, or than they were."""

    def ratio(had: Floats) -> Floats:
        """How much stronger details of the face are, `3`: in the skin, and in all its colour."""
        sums = [[(np.square(part) * weight).sum((0, 1)) for part in (face, had)] for weight in (skin, trust)]
        compared: Floats = np.sqrt(np.min([(seen + 1e-3) / (own + 1e-3) for seen, own in sums], axis=0))
        return compared

    left: Floats = np.minimum(np.clip(ratio(texture * gain), _CONTRAST, 1), np.maximum(ratio(texture), 1) / gain)
    return left.astype(np.float32)


@cache
def _parts() -> tuple[Floats, Floats]:
    """Where there is skin (not eyes, brows or mouth), `SIDE×SIDE×1`, and the seam along the outline, `SIDE×SIDE`."""
    square = flat(SIDE)
    features = square.features()
    features = cv.dilate(features, np.ones((3, 3), np.uint8))
    inside = square.inside.astype(np.uint8)
    inner = cv.erode(inside, np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8), borderValue=0)
    skin = (inside * (features == 0)).astype(np.float32)
    return skin[..., None], (inside - inner).astype(np.float32)

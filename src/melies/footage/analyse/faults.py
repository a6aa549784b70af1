"""What is wrong with a shot."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.footage.analyse._tones import bars, edges
from melies.footage.analyse.movement import RIM_STANDS, follow, standing
from melies.footage.label import Facet, Label
from melies.footage.material import Material
from melies.frame import Image
from melies.matting.scale import cv

FACETS = (
    Facet("faults", "many", "what is wrong with the picture",
          ("blurred", "overexposed", "underexposed", "noisy", "shaky", "flicker", "black", "frozen",
           "letterbox", "pillarbox")),
    Facet("sharpness", "number", "how steep the steepest edges are for their height: 0 blurred, 0.25 sharp"),
    Facet("noise", "number", "standard deviation of the noise", unit="of 255"),
)  # fmt: skip
_BLURRED = 0.16
_BURNT, _SUNK = 0.12, 0.55
"""Shares of the picture at white and in black."""
_DIM = 55
"""Code value that at least a twentieth of a picture should reach."""
_NOISY = 6.0
_SHAKY = 0.09
"""Trembling in half widths a second."""
_FLICKER = 0.035
"""How much the light comes and goes from one measurement to the next, as a share."""


def answer(material: Material) -> list[Label]:
    """See `Question`."""
    black = _black(material)
    if black:
        return black
    return [*_sharpness(material), *_exposure(material), *_noise(material), *_time(material), *_bars(material)]


def _sure(value: float, limit: float) -> float:
    """Confidence of something that is over its limit."""
    return round(min(0.95, 0.5 + 0.45 * (value / limit - 1)), 2)


def _black(material: Material) -> list[Label]:
    peak = max(float(np.quantile(still.image[::4, ::4], 0.995)) for still in material.stills)
    if peak > 24:
        return []
    return [Label("faults", "black", round(0.95 - peak / 60, 2), f"nothing is brighter than {peak:.0f} of 255")]


def _sharpness(material: Material) -> list[Label]:
    best = steepness(material.best.image)
    if not np.isfinite(best):
        return []
    why = f"the steepest edges rise by {best:.0%} of their height in a pixel"
    labels = [Label("sharpness", round(best, 3), 0.8, why)]
    if best < _BLURRED:
        labels.append(Label("faults", "blurred", _sure(_BLURRED, best), why, {"sharpness": round(best, 3)}))
    return labels


def steepness(image: Image) -> float:
    """How steep the steepest edges are, as a share of the contrast around them; minus infinity without edges."""
    slope, tall = edges(image)
    edge = tall > 40
    return float(np.quantile(slope[edge] / tall[edge], 0.97)) if edge.mean() > 0.01 else -np.inf


def _exposure(material: Material) -> list[Label]:
    pictures = material.bare
    burnt = float(np.mean([(picture.min(2) >= 250).mean() for picture in pictures]))
    sunk = float(np.mean([(picture.max(2) <= 20).mean() for picture in pictures]))
    bright = float(np.mean([np.quantile(picture, 0.95) for picture in pictures]))
    labels = []
    if burnt > _BURNT:
        why = f"{burnt:.0%} of the picture is white without drawing"
        labels.append(Label("faults", "overexposed", _sure(burnt, _BURNT), why, {"white": round(burnt, 3)}))
    if bright < _DIM or (sunk > _SUNK and bright < 2 * _DIM):
        why = f"{sunk:.0%} of the picture is black, and only a twentieth is brighter than {bright:.0f} of 255"
        sure = _sure(2 * _DIM, max(bright, _DIM))
        labels.append(Label("faults", "underexposed", sure, why, {"black": round(sunk, 3), "bright": round(bright)}))
    return labels


def _noise(material: Material) -> list[Label]:
    """Noise of the quietest parts: Immerkær's operator (1996) knows no edges that are straight."""
    grey = cv.cvtColor(material.best.image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    response = np.abs(cv.filter2D(grey, cv2.CV_32F, kernel)) * np.sqrt(np.pi / 2) / 6
    usual = (grey > 8) & (grey < 247)
    blocks = cv.resize(np.where(usual, response, np.nan), (16, 12), interpolation=cv2.INTER_AREA)
    blocks = blocks[np.isfinite(blocks)]
    if len(blocks) < 20:
        return []
    sigma = float(np.quantile(blocks, 0.2))
    why = f"the quietest parts of a still tremble by {sigma:.1f} of 255"
    labels = [Label("noise", round(sigma, 2), 0.7, why)]
    if sigma > _NOISY:
        labels.append(Label("faults", "noisy", _sure(sigma, _NOISY), why, {"noise": round(sigma, 2)}))
    return labels


def _time(material: Material) -> list[Label]:
    """What only shows as the shot runs."""
    motion = material.motion
    if len(motion.time) < 8:
        return []
    labels = []
    if motion.found.mean() > 0.5:
        shake = follow(motion).shake
        if shake > _SHAKY and standing(material) <= RIM_STANDS:
            why = f"the picture trembles by {shake / 2:.1%} of its width a second"
            labels.append(Label("faults", "shaky", _sure(shake, _SHAKY), why, {"shake": round(shake, 4)}))
    swing = _flicker(motion.luma)
    if swing > _FLICKER:
        why = f"the light comes and goes by {swing:.1%}"
        labels.append(Label("faults", "flicker", _sure(swing, _FLICKER), why, {"flicker": round(swing, 4)}))
    if motion.change.max() < 0.02:
        labels.append(Label("faults", "frozen", 0.8, "not a pixel changes through the shot"))
    return labels


def _flicker(luma: NDArray[np.float64]) -> float:
    """How far the light swings to and fro: what a line through each measurement's neighbours does not explain."""
    apart = luma[1:-1] - (luma[:-2] + luma[2:]) / 2
    return float(np.median(np.abs(apart)) / max(float(luma.mean()), 8.0))


def _bars(material: Material) -> list[Label]:
    """Even black bars that all stills have."""
    height, width = material.best.image.shape[:2]
    top, bottom, left, right = np.min([bars(still.image) for still in material.stills], 0)
    labels = []
    for word, first, second, side in (("letterbox", top, bottom, height), ("pillarbox", left, right, width)):
        if min(first, second) > 0.02 * side and abs(int(first) - int(second)) <= 0.01 * side + 2:
            share = float(first + second) / side
            why = f"{share:.0%} of the picture's {'height' if word == 'letterbox' else 'width'} are black bars"
            labels.append(Label("faults", word, 0.9, why, {"share": round(share, 3)}))
    return labels

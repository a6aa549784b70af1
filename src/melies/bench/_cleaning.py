"""Stretches of real footage, spoilt on purpose, for the benchmarks of what cleans them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

import melies
from melies.bench import Bench
from melies.effect import Effect
from melies.engine.chain import run_effect
from melies.frame import Frame, Image, VideoSpec
from melies.metrics import psnr

PLACES = {"bikes": 60, "carphone_pristine": 30}
"""Films, and the frame to begin at: within one shot, with something moving."""


def stretches(bench: Bench) -> list[list[Image]]:
    """Return five frames (three if quick) of each film."""
    count = 3 if bench.quick else 5
    films = ((melies.open(bench.footage(name)), start) for name, start in PLACES.items())
    return [[frame.image for frame in islice(film.frames(), start, start + count)] for film, start in films]


def noisy(images: Sequence[Image], sigma: float) -> list[Image]:
    """Add white noise of a standard deviation in code values, always the same."""
    return [spoilt(image + np.random.default_rng(i).normal(0, sigma, image.shape)) for i, image in enumerate(images)]


def spoilt(values: NDArray[Any]) -> Image:
    """Round and clip to code values of eight bits."""
    image: Image = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return image


def through(effect: Effect, images: Sequence[Image]) -> list[Image]:
    """Apply an effect to pictures as if they were a film of 25 frames per second."""
    tick = Fraction(1, 25)
    frames = (Frame(image.copy(), index, tick, 1) for index, image in enumerate(images))
    height, width = images[0].shape[:2]
    return [frame.image for frame in run_effect(effect, frames, VideoSpec(width, height, 1 / tick, tick))]


def fidelity(found: Sequence[Image], truth: Sequence[Image]) -> float:
    """Return the mean PSNR in decibels."""
    return float(np.mean([psnr(one, other) for one, other in zip(found, truth, strict=True)]))

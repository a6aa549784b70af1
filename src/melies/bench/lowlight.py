"""How much of a film that was darkened `lowlight` brings back, and whether it flickers."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from melies.bench import Bench, Result, benchmark
from melies.bench._cleaning import noisy, spoilt, stretches, through
from melies.effects.lowlight import Lowlight
from melies.frame import Image
from melies.metrics import ssim, warp_error

DARK = 0.15
NOISE = 2.0


@benchmark
def lowlight(bench: Bench) -> list[Result]:
    """Likeness to the bright film, and flicker, of darkened and noisy footage lifted by lowlight and by other means."""
    bright = stretches(bench)
    dark = [noisy([spoilt(DARK * image.astype(float)) for image in film], NOISE) for film in bright]
    ways = {
        "lowlight": [through(Lowlight(), film) for film in dark],
        "a gamma curve": [[spoilt(255 * (image / 255.0) ** 0.45) for image in film] for film in dark],
        "CLAHE": [[_equalised(image) for image in film] for film in dark],
        "left dark": dark,
    }
    likeness = {name: _likeness(films, bright) for name, films in ways.items()}
    flicker = {name: _flicker(films, bright) for name, films in ways.items()}
    own = _flicker(bright, bright)
    gain, more = likeness["lowlight"] - likeness["a gamma curve"], flicker["lowlight"] / own
    return [
        Result(
            "lowlight", "likeness (SSIM) to the bright film over that of a gamma curve", gain, "", ">= 0.05",
            gain >= 0.05, ", ".join(f"{name} {value:.2f}" for name, value in likeness.items()),
        ),
        Result(
            "lowlight", "flicker (warp error) / that of the bright film", more, "x", "<= 1.5", more <= 1.5,
            ", ".join(f"{name} {value / own:.1f}" for name, value in flicker.items()),
        ),
    ]  # fmt: skip


def _likeness(films: Sequence[Sequence[Image]], truth: Sequence[Sequence[Image]]) -> float:
    return float(
        np.mean([ssim(a, b) for one, other in zip(films, truth, strict=True) for a, b in zip(one, other, strict=True)])
    )


def _flicker(films: Sequence[Sequence[Image]], guides: Sequence[Sequence[Image]]) -> float:
    return float(np.mean([warp_error(film, guide) for film, guide in zip(films, guides, strict=True)]))


def _equalised(image: Image) -> Image:
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(4, (8, 8)).apply(lab[..., 0])
    made: Image = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
    return made

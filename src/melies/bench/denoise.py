"""How much nearer to the clean film `denoise` brings a noisy one."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from melies.bench import Bench, Result, benchmark
from melies.bench._cleaning import fidelity, noisy, stretches, through
from melies.cleaning.noise import level
from melies.cleaning.pictures import to_picture
from melies.effects.denoise import Denoise
from melies.frame import Image

WAYS = {
    "each frame alone": Denoise(temporal=0),
    "along time alone": Denoise(method="temporal"),
    "without a network": Denoise(method="fast"),
}


@benchmark
def denoise(bench: Bench) -> list[Result]:
    """PSNR of noisy footage cleaned by denoise, against OpenCV's non-local means at its best."""
    clean = stretches(bench)
    return [*(_against(clean, sigma) for sigma in ((25,) if bench.quick else (10, 25, 50))), _estimate(clean)]


def _against(clean: Sequence[Sequence[Image]], sigma: float) -> Result:
    spoilt = [noisy(film, sigma) for film in clean]

    def mean(effect: Denoise) -> float:
        return float(
            np.mean([fidelity(through(effect, film), truth) for film, truth in zip(spoilt, clean, strict=True)])
        )

    theirs = float(np.mean([_non_local_means(film, truth, sigma) for film, truth in zip(spoilt, clean, strict=True)]))
    ours = mean(Denoise())
    before = float(np.mean([fidelity(film, truth) for film, truth in zip(spoilt, clean, strict=True)]))
    rest = ", ".join(f"{name} {mean(effect):.1f}" for name, effect in WAYS.items())
    return Result(
        "denoise", f"PSNR over that of non-local means, noise of {sigma:g}", ours - theirs, "dB", ">= 3",
        ours - theirs >= 3, f"noisy {before:.1f}, non-local means {theirs:.1f}, denoise {ours:.1f}; {rest} dB",
    )  # fmt: skip


def _non_local_means(film: Sequence[Image], truth: Sequence[Image], sigma: float) -> float:
    """The PSNR of OpenCV's filter with that of several strengths which is best for the film."""
    strengths = (0.4 * sigma, 0.6 * sigma, 0.8 * sigma, sigma)
    cleaned = ([cv2.fastNlMeansDenoisingColored(image, None, h, h, 7, 21) for image in film] for h in strengths)
    return max(fidelity(pictures, truth) for pictures in cleaned)


def _estimate(clean: Sequence[Sequence[Image]]) -> Result:
    found = {sigma: [255 * level(to_picture(noisy(film[:1], sigma)[0])) for film in clean] for sigma in (5, 10, 25, 50)}
    worst = max(abs(value / sigma - 1) for sigma, values in found.items() for value in values)
    said = "; ".join(f"{sigma}: {', '.join(f'{value:.1f}' for value in values)}" for sigma, values in found.items())
    return Result(
        "denoise", "largest error of the measured noise level", 100 * worst, "%", "<= 15", worst <= 0.15, said
    )

"""How much nearer to the sharp film `deblur` brings a blurred one."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

import melies
from melies.bench import Bench, Result, benchmark
from melies.bench._cleaning import fidelity, spoilt, stretches, through
from melies.cleaning.deconvolve import kernel_of, with_kernel
from melies.cleaning.pictures import to_picture
from melies.effects.deblur import Deblur
from melies.effects.sharpen import Sharpen
from melies.frame import Image

SHUTTER = 0.5
SPEED = np.array([10.0, 3.0])
"""Pixels from frame to frame."""


@benchmark
def deblur(bench: Bench) -> list[Result]:
    """PSNR of footage blurred by shaking, motion and focus, mended by deblur, against unsharp masking."""
    sharp = stretches(bench)
    still, panned = _pan(bench)
    return [
        _line("shaking hands, each frame another way", sharp, [_shaken(film) for film in sharp], Deblur()),
        _line("a fast pan", [still], [panned], Deblur(method="deconvolve")),
        *(
            _line(what, [still[:1]], [[_blurred(still[0], kernel)]], Deblur(method="deconvolve", kernel=kernel))
            for what, kernel in (("a lens out of focus", "disk:2.5"), ("a known shake", "line:9@30"))
        ),
    ]


def _line(what: str, sharp: Sequence[Sequence[Image]], blurred: Sequence[Sequence[Image]], effect: Deblur) -> Result:
    def mean(films: Sequence[Sequence[Image]]) -> float:
        return float(np.mean([fidelity(film, truth) for film, truth in zip(films, sharp, strict=True)]))

    before, after = mean(blurred), mean([through(effect, film) for film in blurred])
    masked = mean([through(Sharpen(amount=1, radius=2), film) for film in blurred])
    gain = after - max(before, masked)
    return Result(
        "deblur", f"PSNR over that of unsharp masking: {what}", gain, "dB", ">= 1", gain >= 1,
        f"blurred {before:.1f}, unsharp masking {masked:.1f}, deblur {after:.1f} dB",
    )  # fmt: skip


def _blurred(image: Image, kernel: str) -> Image:
    blur, _ = with_kernel(kernel_of(kernel))
    return spoilt(255 * blur(to_picture(image)))


def _shaken(film: Sequence[Image]) -> list[Image]:
    """Blur each frame along a line of its own, of 1 to 12 pixels: short ones are more frequent."""
    random = np.random.default_rng(0)
    return [_blurred(image, f"line:{1 + 11 * random.random() ** 1.5}@{random.random() * 180}") for image in film]


def _pan(bench: Bench) -> tuple[list[Image], list[Image]]:
    """A camera that moves over one large picture: as it is at each frame, and as a shutter sees it."""
    large = next(melies.open(bench.footage("bigbuckbunny"), start=4).frames()).image

    def at(moment: float) -> Image:
        x, y = -np.array([100.0, 100.0]) - SPEED * moment
        moved: Image = cv2.warpAffine(large, np.array([[1, 0, x], [0, 1, y]]), (640, 360), flags=cv2.INTER_CUBIC)
        return moved

    moments = range(3 if bench.quick else 5)
    shares = np.linspace(-SHUTTER / 2, SHUTTER / 2, 16)
    panned = [spoilt(np.mean([at(moment + share).astype(float) for share in shares], axis=0)) for moment in moments]
    return [at(moment) for moment in moments], panned

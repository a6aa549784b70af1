"""Enlarging: likeness to the truth against bicubic, steadiness, and memory at 4K."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melies.bench import Bench, Result, apply, benchmark, frames, installed, missing
from melies.frame import Frame, Image

PAPER = {2: 2.7, 4: 1.7}
"""What SPAN's paper gains over bicubic on its hardest set, B100, in decibels: 32.2 to 29.6, and 27.6 to 26.0."""

FRAMES = 12


@benchmark
def upscale(bench: Bench) -> list[Result]:
    """Likeness (PSNR and SSIM of the luma) of pictures made small and enlarged again, against bicubic."""
    if not installed("skimage"):
        return missing("upscale", "scikit-image")
    pictures = {**_stills(), **{name: next(_film(bench, name)) for name in ("bikes", "carphone_pristine")}}
    pictures["bigbuckbunny"] = next(_film(bench, "bigbuckbunny"))
    results = []
    for scale in (2, 4):
        for model in _models(scale):
            results.append(_compared(model, scale, pictures))
    return results


@benchmark
def upscale_steady(bench: Bench) -> list[Result]:
    """Flicker (warp error against the truth's motion) of enlarged films, with and without --steady."""
    from melies.metrics import psnr, warp_error

    results = []
    for model in ("span", "animevideov3"):
        before, after, lost, lines = [], [], [], []
        for name in ("bikes", "carphone_pristine", "bigbuckbunny"):
            truth = list(islice(_film(bench, name), FRAMES))
            films = [_enlarged(model, truth, steady) for steady in (0.0, 0.7)]
            flicker = [255 * warp_error(film, truth) for film in films]
            likeness = [np.mean([psnr(*pair, luma=True) for pair in zip(film, truth, strict=True)]) for film in films]
            before.append(flicker[0])
            after.append(flicker[1])
            lost.append(likeness[0] - likeness[1])
            lines.append(f"{name} {flicker[0]:.2f} -> {flicker[1]:.2f} ({255 * warp_error(truth):.2f} in the truth)")
        ratio = sum(after) / sum(before)
        results.append(
            Result(
                "upscale-steady", f"{model} ×4: flicker with --steady 0.7 / without", ratio, "x",
                "<= 0.7", ratio <= 0.7, f"{'; '.join(lines)}; PSNR {-np.mean(lost):+.2f} dB",
            )
        )  # fmt: skip
    return results


@benchmark
def upscale_memory(bench: Bench) -> list[Result]:
    """Memory while enlarging 960×540 to 3840×2160, and whether it grows with the film."""
    film, out = bench.clip((960, 540), 1), bench.out("large.mp4")

    def enlarge(seconds: float, *words: str) -> list[str | Path]:
        save = ["--no-sound", "--preset", "ultrafast", "--end", str(seconds)]
        return apply(*save, film, out, "upscale", "--scale", "4", *words)

    results = []
    for words in (["--model", "span"], ["--model", "span", "--steady", "0.7"]):
        ((seconds, peak),) = bench.best(enlarge(0.25, *words), rounds=1)
        results.append(
            Result(
                "upscale-memory", f"peak memory to 4K, {' '.join(words)}", peak / 1e9, "GB", "< 1.5", peak < 1.5e9,
                f"{frames(out)} frames in {seconds:.0f} s",
            )
        )  # fmt: skip
    ask = ["--model", "fast", "--steady", "0.7"]
    (_, short), (_, long) = bench.best(enlarge(0.4, *ask), enlarge(1.6, *ask), rounds=1)
    results.append(
        Result(
            "upscale-memory", f"the same for {frames(out)} frames / for a quarter of them, {' '.join(ask)}",
            long / short, "x", "<= 1.1", long <= 1.1 * short, f"{short / 1e9:.2f} and {long / 1e9:.2f} GB",
        )
    )  # fmt: skip
    return results


def _stills() -> dict[str, Image]:
    data: Any = import_module("skimage.data")
    return {"astronaut": data.astronaut(), "cat": data.chelsea(), "coffee": data.coffee()}


def _film(bench: Bench, name: str) -> Iterator[Image]:
    """Frames of real footage from the second second on; the largest film is halved, to the size of the others."""
    import melies
    from melies.upscaling.resample import resample

    for frame in melies.open(bench.footage(name), start=1).frames():
        height, width = frame.image.shape[:2]
        halves = 2 if width > 1000 else 1
        yield _even(resample(frame.image, width // halves, height // halves))


def _even(image: NDArray[Any]) -> Image:
    """Cut a picture to sides that can be quartered."""
    return image[: image.shape[0] // 4 * 4, : image.shape[1] // 4 * 4]


def _models(scale: int) -> list[str]:
    """The models worth comparing at a scale; the slow ones where the user has pulled them."""
    from melies.models import registry, store

    pulled = [name for name in ("x4plus-anime", "x4plus") if store.status(registry.find(name)) != "missing"]
    return ["fast", "span", *(["animevideov3", *pulled] if scale == 4 else [])]


def _compared(model: str, scale: int, pictures: dict[str, Image]) -> Result:
    from melies.metrics import psnr, ssim
    from melies.upscaling.enlarger import Enlarger
    from melies.upscaling.resample import resample

    gains, likeness, lines = [], [], []
    for name, whole in pictures.items():
        truth = _even(whole)
        height, width = truth.shape[:2]
        if "plus" in model:
            truth = truth[height // 8 * 4 - 64 :, width // 8 * 4 - 64 :][:128, :128]
            height, width = truth.shape[:2]
        small = resample(truth, width // scale, height // scale)
        made = Enlarger(model, (width // scale, height // scale), (width, height), many=False)(small)
        # Papers leave as many pixels as the scale out at the border.
        inner = slice(scale, -scale), slice(scale, -scale)
        ours, plain = (np.ascontiguousarray(image[inner]) for image in (made, resample(small, width, height)))
        right = np.ascontiguousarray(truth[inner])
        gains.append(psnr(ours, right, luma=True) - psnr(plain, right, luma=True))
        likeness.append(ssim(ours, right) - ssim(plain, right))
        lines.append(f"{name} {psnr(plain, right, luma=True):.2f} -> {psnr(ours, right, luma=True):.2f}")
    gain, wanted = float(np.mean(gains)), PAPER[scale] if model == "span" else 0.0 if model == "fast" else None
    return Result(
        "upscale", f"{model} ×{scale}: PSNR above bicubic", gain, "dB",
        "-" if wanted is None else f">= {wanted}", None if wanted is None else gain >= wanted,
        f"SSIM {np.mean(likeness):+.3f}; {', '.join(lines)}",
    )  # fmt: skip


def _enlarged(model: str, truth: list[Image], steady: float) -> list[Image]:
    """Make a film small and enlarge it four times, as the effect does."""
    from melies.effects.upscale import Upscale
    from melies.frame import VideoSpec
    from melies.testing import run
    from melies.upscaling.resample import resample

    height, width = truth[0].shape[0] // 4, truth[0].shape[1] // 4
    tick = Fraction(1, 25)
    frames = [Frame(resample(image, width, height), index, tick, 1) for index, image in enumerate(truth)]
    spec = VideoSpec(width, height, 1 / tick, tick, frames=len(frames))
    return [frame.image for frame in run(Upscale(model=model, scale=4, steady=steady), frames, spec)]

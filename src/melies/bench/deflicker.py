"""Flicker before and after `deflicker`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from melies.bench import Bench, Result, benchmark
from melies.clip import open as open_clip
from melies.effect import Effect
from melies.engine.chain import run_effect
from melies.engine.shots import mark_shots
from melies.frame import Frame, Image

Spoil = Callable[[Image, int], Image]

FILMS = ("bikes", "carphone_pristine")


def shots_of(bench: Bench, name: str, seconds: float) -> tuple[list[Frame], list[Image]]:
    """Return the first frames of a film with their cuts marked, and their pictures."""
    frames = list(mark_shots(open_clip(bench.footage(name), end=seconds).frames()))
    return frames, [frame.image for frame in frames]


def applied(effect: Effect, bench: Bench, name: str, frames: Sequence[Frame], images: Sequence[Image]) -> list[Image]:
    """Return what an effect makes of the frames with other pictures in them."""
    spoiled = (frame.with_image(image) for frame, image in zip(frames, images, strict=True))
    spec = open_clip(bench.footage(name)).spec
    return [frame.image for frame in run_effect(effect, spoiled, spec)]


@benchmark
def deflicker(bench: Bench) -> list[Result]:
    """Flicker that was added to real films (exposure, colours, tone curve, bands), before and after."""
    from melies.effects.deflicker import Deflicker
    from melies.metrics import brightness_flicker, warp_error
    from melies.restoring import ageing

    def curve(image: Image, index: int) -> Image:
        power = 1 + 0.25 * np.random.default_rng(index).standard_normal()
        return np.asarray(np.rint(255 * (image / 255) ** power), np.uint8)

    kinds: dict[str, tuple[Spoil, Deflicker]] = {
        "exposure": (ageing.flicker, Deflicker()),
        "each colour": (lambda image, index: ageing.flicker(image, index, colours=True), Deflicker()),
        "tone curve": (curve, Deflicker()),
        "bands": (ageing.bands, Deflicker(mode="local")),
    }
    results = []
    for film in FILMS:
        frames, truth = shots_of(bench, film, 1.2 if bench.quick else 2.4)
        for kind, (spoil, effect) in kinds.items():
            bad = [spoil(image, index) for index, image in enumerate(truth)]
            good = applied(effect, bench, film, frames, bad)
            before, after = warp_error(bad, truth), warp_error(good, truth)
            ratio = before / after
            mean = f"mean brightness {brightness_flicker(bad):.4f} and {brightness_flicker(good):.4f}"
            results.append(
                Result(
                    "deflicker", f"flicker of {kind} ({film}), warp error before / after", ratio, "x",
                    ">= 2", ratio >= 2, f"{before:.4f} and {after:.4f} (film: {warp_error(truth):.4f}); {mean}",
                )
            )  # fmt: skip
    return results

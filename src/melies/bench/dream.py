"""How long a dream takes, and whether what is dreamt is what was asked for."""

from __future__ import annotations

import time

import numpy as np

from melies.bench import Bench, Result, benchmark
from melies.footage.tagger import impression, words
from melies.generators.dream import Dream

KINDS = ("goldfish", "coral reef", "jellyfish", "strawberry")


@benchmark
def dream(bench: Bench) -> list[Result]:
    """Seconds a frame at 512×288 with the defaults, and how often the network sees the kind that was dreamt of."""
    made = Dream(size="512x288", prompts="a coral reef", guide="text", fps=25, duration=0.4, seed=7).frames()
    next(made)  # the first picture takes all steps, and networks are loaded
    start = time.perf_counter()
    count = sum(1 for _ in made)
    seconds = (time.perf_counter() - start) / count
    right = [_seen(kind) == kind for kind in KINDS]
    return [
        Result("dream", "a frame of 512×288, cadence 2", seconds, "s", detail=f"mean of {count} after the first"),
        Result(
            "dream", "kinds that another size of the picture is taken for, of those dreamt of", float(np.mean(right)),
            "share", detail=f"{', '.join(KINDS)}: the fourth key picture from clouds, by EfficientNet-Lite0 itself",
        ),
    ]  # fmt: skip


def _seen(kind: str) -> str:
    setting = {"size": "384x216", "fps": 10, "duration": 0.4, "cadence": 1, "seed": 7, "zoom": "0:(1)"}
    image = [frame.image for frame in Dream(prompts=kind, guide="class", **setting).frames()][-1]
    return words()[int(impression(image).chances.argmax())]

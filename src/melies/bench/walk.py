"""How fast patterns of random networks and growth are made at full size."""

from __future__ import annotations

import time
from itertools import islice

import numpy as np

from melies.bench import Bench, Result, benchmark
from melies.effect import Generator
from melies.generators.cppn import Cppn
from melies.generators.growth import Growth
from melies.models import runtime
from melies.walking.cppn import VOCABULARIES

SIZE = (1920, 1080)
WANTED = 10.0


@benchmark
def walk(bench: Bench) -> list[Result]:
    """Patterns of random networks and growth: frames a second at 1920x1080 with two threads, and whether loops meet."""
    count = 4 if bench.quick else 12
    results = []
    with runtime.options(threads=2):
        for vocabulary in VOCABULARIES:
            fps, spent = _speed(Cppn(size=SIZE, vocabulary=vocabulary, duration=60), count)
            results.append(
                Result(
                    "walk", f"cppn {vocabulary}, 1920x1080", fps, "fps", ">= 10", fps >= WANTED,
                    f"{spent:.3f} s of processor time a frame",
                )
            )  # fmt: skip
        fps, spent = _speed(Growth(size=SIZE, duration=60), count)
        detail = f"{spent:.3f} s of processor time a frame, 12 steps"
        results.append(Result("walk", "growth coral, 1920x1080", fps, "fps", detail=detail))
    loop = Cppn(size=(320, 180), loop=True, flow=0.5, duration=5)
    gap = _apart(loop, loop.count or 0, 0)
    step = _apart(loop, 1, 0)
    results.append(
        Result(
            "walk", "a loop: frame N against frame 0", gap, "", "0", gap == 0, f"frame 1 against frame 0: {step:.2f}"
        )
    )
    return results


def _speed(generator: Generator, count: int) -> tuple[float, float]:
    """The best frame a second, and the least processor time for one, after a first frame that prepares all."""
    frames = generator.make()
    next(frames)
    clocks = [(time.perf_counter(), time.process_time())]
    clocks += [(time.perf_counter(), time.process_time()) for _ in islice(frames, count)]
    took = np.diff(clocks, axis=0).min(axis=0)
    return float(1 / took[0]), float(took[1])


def _apart(generator: Cppn, one: int, other: int) -> float:
    pictures = [generator.picture(index, generator.spec).astype(np.float64) for index in (one, other)]
    return float(np.abs(pictures[0] - pictures[1]).mean())

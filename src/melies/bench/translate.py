"""How quickly `translate` runs with what is shipped, and how much steadying takes from the flicker."""

from __future__ import annotations

import time
from itertools import islice
from pathlib import Path

import numpy as np

import melies
from melies.bench import Bench, Result, benchmark
from melies.effects.translate import Translate
from melies.engine.chain import run_effect
from melies.engine.shots import mark_shots
from melies.frame import Frame, VideoSpec
from melies.metrics import warp_error
from melies.models.convert import cyclegan

SHIPPED = ("day2dusk", "dusk2day")
FRAMES = 24
_SIZE = (640, 360)


@benchmark
def translate(bench: Bench) -> list[Result]:
    """Frames a second at 640×360, and the temporal error with and without steadying."""
    results = [_speed(bench, model) for model in SHIPPED]
    fickle = _untrained(bench.out("untrained.onnx"))
    for film in ("bikes", "carphone_pristine"):
        results.append(_flicker(bench, film, str(fickle), "an untrained generator of CycleGAN's"))
    return [*results, _flicker(bench, "bikes", "day2dusk", "day2dusk")]


def _speed(bench: Bench, model: str) -> Result:
    frames, spec = _film(bench.clip(_SIZE, 1, "bikes"))
    began, used = time.perf_counter(), time.process_time()
    made = list(run_effect(Translate(model=model), iter(frames), spec))
    seconds, cores = time.perf_counter() - began, time.process_time() - used
    rate = len(made) / seconds
    return Result(
        "translate", f"{model}, steadied, 640×360", rate, "fps", ">= 10", rate >= 10,
        f"{1000 * cores / len(made):.0f} ms of a core for each frame",
    )  # fmt: skip


def _flicker(bench: Bench, film: str, model: str, name: str) -> Result:
    frames, spec = _film(bench.footage(film))
    source = [frame.image for frame in frames]
    plain, steady = (
        warp_error((frame.image for frame in run_effect(Translate(model=model, steady=s), iter(frames), spec)), source)
        for s in (0, 1)
    )
    # The film's own error stays: it is the film's noise, and where motion was not found exactly.
    own = warp_error(source)
    ratio = (plain - own) / max(steady - own, 1e-4)
    return Result(
        "translate", f"temporal error that {name} adds to that of {film}, without / with --steady", ratio, "x",
        ">= 2", ratio >= 2, f"in all {plain:.4f} and {steady:.4f} (film: {own:.4f})",
    )  # fmt: skip


def _film(path: Path) -> tuple[list[Frame], VideoSpec]:
    clip = melies.open(path, end=2)
    return list(islice(mark_shots(clip.frames()), FRAMES)), clip.spec.replace(frames=FRAMES)


def _untrained(path: Path) -> Path:
    """Write a generator with random weights: what it makes of a thing depends on where that is, as with any network."""
    rng = np.random.default_rng(0)
    shapes = cyclegan.Layout(blocks=6, width=16).shapes
    weights = {name: rng.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape) for name, shape in shapes.items()}
    path.write_bytes(cyclegan.convert({name: value.astype(np.float32) for name, value in weights.items()}))
    return path

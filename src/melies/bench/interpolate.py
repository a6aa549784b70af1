"""Frames between frames: likeness to those that were left out of real films, speed, and memory at 4K."""

from __future__ import annotations

import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np

from melies.bench import TOOLS, Bench, Result, apply, benchmark, frames, installed, measure, missing
from melies.frame import Frame, Image

Model = Literal["rife", "flow", "blend"]

LONGEST = 640
"""Pixels to which films are reduced for comparing pictures."""

TRIPLETS = 12
"""Frames of each film that are left out and made again."""

MOVING = 1.0
"""Pixels that the mean point moves between the frames around one that is left out, where something is to be gained."""


class Triplet(NamedTuple):
    """Three frames of one shot."""

    first: Image
    truth: Image
    second: Image


@benchmark
def interpolate(bench: Bench) -> list[Result]:
    """Likeness (PSNR, SSIM) of frames that were left out of real films and made again, against blending."""
    from melies.metrics import psnr, ssim

    films = [bench.footage(name) for name in ("bigbuckbunny", "bikes", "carphone_pristine")]
    results, gains = [], []
    for path in [*films, *bench.films]:
        triplets = list(_triplets(path, 6 if bench.quick else TRIPLETS))
        moving = np.array([_motion(triplet) >= MOVING for triplet in triplets])
        likeness: dict[Model, np.ndarray] = {}
        for model in get_args(Model):
            made = [_made(model, triplet) for triplet in triplets]
            pairs = [(image, triplet.truth) for image, triplet in zip(made, triplets, strict=True)]
            likeness[model] = np.array([(psnr(*pair), ssim(*pair)) for pair in pairs])
        gain = likeness["rife"][:, 0] - likeness["blend"][:, 0]
        gains += list(gain[moving])
        lines = [f"{model} {both.mean(0)[0]:.2f} dB {both.mean(0)[1]:.3f}" for model, both in likeness.items()]
        results.append(
            Result("interpolate", f"{path.stem}: rife above blending, all frames", float(gain.mean()), "dB", "-", None,
                   f"{', '.join(lines)}; where it moves ({moving.sum()} of {len(triplets)}) "
                   f"{gain[moving].mean() if moving.any() else 0:+.2f} dB")
        )  # fmt: skip
    whole = float(np.mean(gains))
    results.append(
        Result("interpolate", "rife above blending where something moves", whole, "dB", ">= 3", whole >= 3,
               f"{len(gains)} frames whose neighbours are {MOVING:g} pixel and more apart")
    )  # fmt: skip
    return results


@benchmark
def interpolate_speed(bench: Bench) -> list[Result]:
    """Seconds for a new frame of 640×360, and RIFE against the same weights in ncnn."""
    film = bench.clip((640, 360), 1)
    ask: list[str | Path] = ["--no-sound", "--preset", "ultrafast", "--end", "0.5", film]
    words = {
        model: apply(*ask, bench.out(f"{model}.mp4"), "interpolate", "--model", model) for model in get_args(Model)
    }
    words["rife --fast"] = [*apply(*ask, bench.out("fast.mp4"), "interpolate"), "--fast"]
    measured = dict(zip(words, bench.best(*words.values()), strict=True))
    count = frames(bench.out("rife.mp4")) // 2
    bare = measured["blend"][0]
    results = [
        Result("interpolate-speed", f"a new frame of 640×360, {name}", (seconds - bare) / count * 1000, "ms", "-", None,
               f"{count} frames; blending, decoding and encoding, {bare:.1f} s, are taken off")
        for name, (seconds, _) in measured.items() if name != "blend"
    ]  # fmt: skip
    return results + _against_ncnn(bench, film)


def _against_ncnn(bench: Bench, film: Path) -> list[Result]:
    for package in ("ncnn", "onnx"):
        if not installed(package):
            return missing("interpolate-speed", package)
    rounds = "2" if bench.quick else "8"
    words = subprocess.check_output([sys.executable, str(TOOLS / "rife_ncnn.py"), str(film), rounds], text=True).split()
    ours, theirs, likeness = map(float, words)
    ratio = theirs / ours
    return [
        Result("interpolate-speed", "speed of RIFE 4.6 / the same weights in ncnn", ratio, "x", ">= 1", ratio >= 1,
               f"640×384: {ours:.0f} and {theirs:.0f} ms; the frames agree to {likeness:.0f} dB")
    ]  # fmt: skip


@benchmark
def interpolate_memory(bench: Bench) -> list[Result]:
    """Memory for making frames of 3840×2160, and whether it grows with the film."""
    film, out = bench.out("4k.mp4"), bench.out("large.mp4")
    save = ["--no-sound", "--preset", "ultrafast"]
    size = ["--width", "3840", "--height", "2160"]
    measure(apply(*save, "--start", "1.5", "--end", "1.84", bench.footage(), film, "resize", *size))
    results = []
    for words in (["--model", "rife"], ["--model", "rife", "--fast"], ["--model", "flow"]):
        ask = ["interpolate", *words]
        (_, short), (seconds, long) = bench.best(
            apply(*save, "--end", "0.16", film, out, *ask), apply(*save, film, out, *ask), rounds=1
        )
        what, count, growth = " ".join(words), frames(out), long / short
        results += [
            Result("interpolate-memory", f"peak memory at 4K, {what}", long / 1e9, "GB", "< 3", long < 3e9,
                   f"{count} frames in {seconds:.0f} s"),
            Result("interpolate-memory", f"peak of {count} frames / of half as many, {what}", growth, "x", "<= 1.1",
                   growth <= 1.1),
        ]  # fmt: skip
    return results


def _triplets(path: Path, count: int) -> Iterator[Triplet]:
    """Frames of a film with their neighbours, spread evenly, none over a cut."""
    import melies
    from melies.engine.shots import mark_shots
    from melies.imaging import fit

    found: deque[Image] = deque(maxlen=3)
    every: list[Triplet] = []
    for frame in mark_shots(melies.open(path, end=20).source.frames()):
        if frame.cut:
            found.clear()
        height, width = frame.image.shape[:2]
        scale = min(1.0, LONGEST / max(width, height))
        found.append(fit(frame.image[..., :3], round(width * scale), round(height * scale), "stretch"))
        if len(found) == 3:
            every.append(Triplet(*found))
    for number in np.linspace(0, len(every) - 1, min(count, len(every))):
        yield every[int(number)]


def _motion(triplet: Triplet) -> float:
    from melies.motion import Flow, grey

    field = Flow()(grey(triplet.first), grey(triplet.second))
    return float(np.hypot(field[..., 0], field[..., 1]).mean())


def _made(model: Model, triplet: Triplet) -> Image:
    """Make the middle frame of three from the other two, as the effect does."""
    from melies.effects.interpolate import Interpolate
    from melies.frame import VideoSpec
    from melies.testing import run

    tick = Fraction(1, 25)
    given = [Frame(image.copy(), index, tick, 1) for index, image in enumerate((triplet.first, triplet.second))]
    height, width = triplet.first.shape[:2]
    spec = VideoSpec(width, height, 1 / tick, tick, frames=2)
    return run(Interpolate(times=2, model=model), given, spec)[1].image

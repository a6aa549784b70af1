"""How fast films are read, in how little memory, and how surely camera moves are named."""

from __future__ import annotations

import sys
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import melies
from melies.bench import Bench, Result, benchmark, frames, measure
from melies.bench._moves import Take, film
from melies.footage.analyse import movement
from melies.footage.material import Material, Still
from melies.footage.shot import Shot
from melies.footage.sway import Sway
from melies.frame import Image, VideoSpec

cv: Any = cv2

SIZE = (1280, 720)
SMALL = (320, 180)
_READ = """
import sys, time
from melies.footage.read import read
shots = sum(1 for path in sys.argv[2:] for _ in read(path))
open(sys.argv[1], "w").write(str(time.process_time()))
"""
_MOVES = ("pan left", "pan right", "tilt up", "tilt down", "push in", "pull out", "roll left", "roll right")
_SPEEDS = (0.02, 0.05, 0.15, 0.4)


def reading(told: Path, *paths: Path) -> list[str | Path]:
    """The command that reads films, with every question that is put unasked.

    Args:
        told: Where it writes how many seconds of processor time it took.
        paths: The films.
    """
    return [sys.executable, "-c", _READ, told, *paths]


@benchmark
def footage_speed(bench: Bench) -> list[Result]:
    """Reading 1280×720 with all questions, as a multiple of real time at 25 frames a second, and in processor time."""
    results = []
    told = bench.out("processor.txt")
    for name, times in (("bikes", 4), ("bigbuckbunny", 6)):
        path = bench.clip(SIZE, times, name)
        ((seconds, _),) = bench.best(reading(told, path))
        count = frames(path)
        ratio, cost = count / 25 / seconds, 1000 * float(told.read_text()) / count
        what, note = (
            f"{name} at 1280×720, everything but the transcript",
            f"{count} frames in {seconds:.1f} s",
        )
        results += [
            Result("footage-speed", what, ratio, "x real time", ">= 8", ratio >= 8, note),
            # What two cores may spend on a frame at 8 × 25 frames a second; a busy machine does not change that.
            Result("footage-speed", f"{what}: processor time", cost, "ms a frame", "<= 10", cost <= 10, note),
        ]
    return results


@benchmark
def footage_memory(bench: Bench) -> list[Result]:
    """Memory for a long film beside a short one, and for many films beside few."""
    short, long = (bench.clip((640, 360), times, "bikes") for times in (2, 8))
    few, many = [short] * 2, [short] * 6
    results, told = [], bench.out("processor.txt")
    for what, less, more in (("a film of 80 s / of 20 s", [short], [long]), ("6 films / 2 films", few, many)):
        (_, before), (_, after) = measure(reading(told, *less)), measure(reading(told, *more))
        results.append(
            Result(
                "footage-memory", f"peak for {what}", after / before, "x", "<= 1.1", after / before <= 1.1,
                f"{before >> 20} and {after >> 20} MB",
            )
        )  # fmt: skip
    return results


@benchmark
def footage_movement(bench: Bench) -> list[Result]:
    """Camera moves over real pictures, with things that walk through, that are named rightly."""
    scenes = _scenes(bench)
    right: Counter[str] = Counter()
    total: Counter[str] = Counter()
    wrong = []
    rng = np.random.default_rng(0)
    for move in ("static", "handheld", *_MOVES):
        for name, scene in scenes.items():
            for speed in _SPEEDS[:1] if bench.quick else _SPEEDS:
                take = _take(rng, move, speed)
                said = named(scene, scenes["taxi"][0], take)
                total[move] += 1
                right[move] += said == move
                if said != move:
                    wrong.append(f"{move} at {take.speed:g} of {name}: {said or 'nothing'}")
    share = right.total() / total.total()
    each = ", ".join(f"{move} {right[move]}/{total[move]}" for move in total)
    return [
        Result(
            "footage-movement", f"moves named rightly, of {total.total()}", 100 * share, "%", ">= 95", share >= 0.95,
            f"{each}. Wrong: {'; '.join(wrong) or 'none'}",
        )
    ]  # fmt: skip


def _take(rng: np.random.Generator, move: str, speed: float) -> Take:
    moves = move not in ("static", "handheld")
    return Take(
        move,
        speed if moves else 0.0,
        seconds=1.0 if speed > 0.3 else float(rng.choice([1.5, 2.5, 4])),
        rate=float(rng.choice([12.5, 24, 25, 30])),
        noise=float(rng.choice([0, 1.5, 4])),
        walkers=int(rng.integers(0, 4)),
        trembling=float(rng.choice([2, 4, 8])) if move == "handheld" else 0.0,
        seed=int(rng.integers(1 << 20)),
    )


def _scenes(bench: Bench) -> dict[str, list[Image]]:
    """Stills of real films, and a street on which cars drive."""
    bikes = [frame.image for frame in melies.open(bench.footage("bikes")).frames()]
    bunny = next(melies.open(bench.footage("bigbuckbunny")).frames()).image
    stills = {"bunny": bunny, "taxi": bikes[70], "street": bikes[150], "wall": bikes[225]}
    return {name: [still] for name, still in stills.items()} | {"traffic": bikes[138:184]}


def named(scenes: list[Image], other: Image, take: Take) -> str | None:
    """What is said of the movement in a take."""
    sway = Sway((256, 144))
    for index, image in enumerate(film(scenes, other, take, SMALL)):
        time = index / take.rate
        if time - sway.time >= 0.075:
            small = cv.resize(image, (256, 144), interpolation=cv2.INTER_AREA)
            sway.add(time, cv.cvtColor(small, cv2.COLOR_RGB2GRAY))
    shot = Shot(Path("take"), 1, Fraction(0), Fraction(take.seconds), 0, 1, Fraction(25))
    spec = VideoSpec(*SMALL, Fraction(25), Fraction(1, 25))
    material = Material(shot, spec, (Still(0.0, image, 1.0),), sway.motion())
    labels = [label for label in movement.answer(material) if label.facet == "movement"]
    return str(labels[0].value) if labels else None

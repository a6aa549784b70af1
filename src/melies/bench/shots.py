"""How surely the shots of films are found that were cut together in a known way, and how fast."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from melies.bench import Bench, Result, benchmark, frames, installed, measure, missing
from melies.bench._edited import CUT, Edited, Join, Reel, film_reel, still_reel
from melies.footage.detect import Detector, detect
from melies.footage.shot import Shot, Transition
from melies.models import registry, store

SIZE = 320, 180
SHOTS = 16
"""Shots of a film."""
BIKES = (0, 30, 76, 137, 187, 242)
"""Where the shots of the film bikes begin."""
STILLS = ("astronaut", "cat", "coffee", "rocket", "retina", "immunohistochemistry", "hubble_deep_field")
RATES = (Fraction(25), Fraction(24000, 1001), Fraction(30000, 1001), Fraction(24), Fraction(60000, 1001))
COLOURS = (0, 0, 0), (255, 255, 255)


@dataclass
class Tally:
    """What was found of what there is.

    Attributes:
        there: How many boundaries of each kind there are.
        found: How many of them were found.
        named: How many of those were also said to be of their kind.
        wrong: How many of each kind were reported where there is none.
        off: Frames by which the middles of blends were missed.
    """

    there: dict[str, int] = field(default_factory=dict)
    found: dict[str, int] = field(default_factory=dict)
    named: dict[str, int] = field(default_factory=dict)
    wrong: dict[str, int] = field(default_factory=dict)
    off: list[int] = field(default_factory=list)

    def add(self, film: Edited, shots: list[Shot]) -> None:
        """Count one film: a cut must be found at the very frame, the middle of a blend within it."""
        left = {shot.first: shot.transition for shot in shots[1:]}
        for first, join in zip(film.firsts[1:], film.joins, strict=True):
            self._count(self.there, join.kind)
            reach = join.blend // 2 + 1 if join.blend else 0
            near = [index for index in left if abs(index - first) <= reach]
            if near:
                index = min(near, key=lambda index: abs(index - first))
                self._count(self.found, join.kind)
                if left.pop(index) == join.kind:
                    self._count(self.named, join.kind)
                if join.blend:
                    self.off.append(abs(index - first))
        for kind in left.values():
            self._count(self.wrong, kind)

    def f1(self, kind: Transition) -> float:
        """Harmonic mean of recall and precision."""
        found, wrong = self.found.get(kind, 0), self.wrong.get(kind, 0)
        return 2 * found / max(1, self.there.get(kind, 0) + found + wrong)

    def told(self, kind: Transition) -> str:
        """Say what stands behind the number."""
        counts = (counted.get(kind, 0) for counted in (self.found, self.there, self.named, self.wrong))
        return "{} of {} found, {} of them as such, {} where there is none".format(*counts)

    @staticmethod
    def _count(counts: dict[str, int], kind: str) -> None:
        counts[kind] = counts.get(kind, 0) + 1


@benchmark
def shots(bench: Bench) -> list[Result]:
    """Cuts, dissolves and fades found again in films made of footage and moving stills, among flashes and pans."""
    reels = list(_reels(bench))
    films = []
    for seed in range(3 if bench.quick else 15):
        film = edited(reels, seed)
        films.append((film, film.save(bench.out(f"edited-{seed}.mp4"))))
    results = []
    for detector in _detectors():
        tally = Tally()
        for film, path in films:
            tally.add(film, detect(path, detector))
        results += _told(detector, tally)
    return results


@benchmark
def shots_speed(bench: Bench) -> list[Result]:
    """How many times faster than it plays a film of 1280×720 is searched for shots, beside PySceneDetect."""
    film = bench.clip((1280, 720), 6)
    length = frames(film) / 25
    ours: list[str | Path] = [sys.executable, "-m", "melies", "shots", film, "--json"]
    if not installed("scenedetect"):
        return missing("shots-speed", "scenedetect-headless")
    code = "import sys, scenedetect; scenedetect.detect(sys.argv[1], scenedetect.AdaptiveDetector())"
    theirs: list[str | Path] = [sys.executable, "-c", code, film]
    measure(ours)
    (mine, memory), (other, _) = bench.best(ours, theirs)
    detail = f"{mine:.1f} s for {length:.0f} s, at most {memory / 2**20:.0f} MB; PySceneDetect's adaptive {other:.1f} s"
    return [
        Result("shots-speed", "seconds of 720p searched in a second", length / mine, "x"),
        Result("shots-speed", "time of PySceneDetect / ours", other / mine, "x", detail=detail),
    ]


def edited(reels: list[tuple[str, Reel]], seed: int) -> Edited:
    """Cut a film together at random: half of its joins are cuts, three of ten dissolves, two of ten fades."""
    random = np.random.default_rng(seed)
    order = [int(random.integers(len(reels)))]
    while len(order) < SHOTS:
        following = int(random.integers(len(reels)))
        if reels[following][0] != reels[order[-1]][0]:
            order.append(following)
    joins = [_join(random) for _ in range(SHOTS - 1)]
    lengths = [int(random.integers(40, 110)) for _ in order]
    rate = RATES[seed % len(RATES)]
    film = Edited([reels[number][1] for number in order], lengths, joins, rate)
    middles = [first + length // 2 for first, length in zip(film.firsts, lengths, strict=True)]
    film.flashes = frozenset(
        middle + late for middle in middles if random.random() < 0.15 for late in range(int(random.integers(1, 3)))
    )
    return film


def _join(random: np.random.Generator) -> Join:
    kinds: tuple[Transition, ...] = ("cut", "dissolve", "fade")
    kind = kinds[int(random.choice(3, p=[0.5, 0.3, 0.2]))]
    if kind == "cut":
        return CUT
    blend = int(random.integers(4, 40) if kind == "dissolve" else random.integers(14, 50))
    return Join(kind, blend, COLOURS[int(random.integers(2))])


def _reels(bench: Bench) -> Iterator[tuple[str, Reel]]:
    """Reels by the name of what they show: packaged films, stills over which a camera moves, films of the user's."""
    bikes = bench.footage("bikes")
    for begin, end in pairwise(BIKES):
        yield "bikes", film_reel(bikes, SIZE, begin, end)
    for name in ("bigbuckbunny", "carphone_pristine"):
        yield name, film_reel(bench.footage(name), SIZE)
    for path in bench.films:
        yield path.name, film_reel(path, SIZE, end=200)
    random = np.random.default_rng(5)
    data: Any = import_module("skimage.data")
    for name in STILLS:
        still = np.ascontiguousarray(getattr(data, name)()[..., :3])
        for speed in (0.003, 0.012):
            x, y = random.uniform(0.1, 0.9, 2)
            right, down = random.uniform(-speed, speed, 2)
            seen, grow = random.uniform(0.35, 0.8), random.uniform(-0.004, 0.004)
            yield name, still_reel(still, SIZE, (x, y, seen), (right, down, grow))


def _detectors() -> list[Detector]:
    ready = store.status(registry.find("transnet")) != "missing"
    return ["adaptive", "content", "transnet"] if ready else ["adaptive", "content"]


def _told(detector: Detector, tally: Tally) -> list[Result]:
    target = 0.95 if detector == "adaptive" else None
    results = []
    for kind in ("cut", "dissolve", "fade"):
        wanted = target if kind == "cut" else None
        value = tally.f1(kind)
        results.append(
            Result(
                "shots", f"F1 of {kind}s, {detector}", value, "", "-" if wanted is None else f">= {wanted:g}",
                None if wanted is None else value >= wanted, tally.told(kind),
            )
        )  # fmt: skip
    if tally.off:
        off = float(np.mean(tally.off))
        results.append(Result("shots", f"middles of blends are off by, {detector}", off, "frames"))
    return results

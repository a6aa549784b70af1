"""The catalogue: memory that does not grow with the number of clips, and how quickly shots are written and read."""

from __future__ import annotations

import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np

from melies.bench import Bench, Result, benchmark, measure
from melies.footage.catalogue import LOOK, VECTOR, Catalogue, File
from melies.footage.label import Label
from melies.footage.record import Record
from melies.footage.shot import Shot
from melies.media.synthetic import write_clip

FEW, MANY = (50, 500), (10, 60)
"""Clips in the smaller and the larger folder; the second pair for --quick."""
GROWTH = 1.15
FILMS, SHOTS = 200, 50


@benchmark
def catalogue(bench: Bench) -> list[Result]:
    """Memory of melies index over many clips, and how quickly shots are written and read."""
    return [*_indexing(bench), *_table(bench)]


def _indexing(bench: Bench) -> list[Result]:
    small, large = MANY if bench.quick else FEW
    seen = []
    for count in (small, large):
        folder = _clips(bench.out(f"clips-{count}"), count)
        command: list[str | Path] = [sys.executable, "-m", "melies", "index", "--quiet", folder]
        first, again = measure(command), measure(command)
        seen.append((first, again))
    (few, _), (many, nothing) = seen
    growth = many[1] / few[1]
    peaks = f"{few[1] / 2**20:.0f} and {many[1] / 2**20:.0f} MB"
    return [
        Result(
            "catalogue", f"peak memory of index over {large} clips / over {small}", growth, "x", f"<= {GROWTH}",
            growth <= GROWTH, peaks,
        ),
        Result("catalogue", "clips of 0.5 s read", large / many[0], "clips/s", detail=f"{many[0]:.0f} s for {large}"),
        Result("catalogue", f"looking through {large} clips that are known", nothing[0], "s", detail="with its start"),
    ]  # fmt: skip


def _clips(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        write_clip(folder / f"{number:05d}.mp4", frames=12, rate=24, metadata={"title": str(number)})
    return folder


def _table(bench: Bench) -> list[Result]:
    folder = bench.out("table")
    folder.mkdir()
    films = FILMS // 10 if bench.quick else FILMS
    with Catalogue.open(folder, create=True) as opened:
        began = time.perf_counter()
        for number in range(films):
            (folder / f"{number}.mp4").touch()
            opened.add(File(Path(f"{number}.mp4"), f"{number:016x}", 1, 1), _shots(number))
        writing = time.perf_counter() - began
    with Catalogue.open(folder) as opened:
        began = time.perf_counter()
        read = sum(1 for _ in opened.records())
        reading = time.perf_counter() - began
    return [
        Result(
            "catalogue", f"shots written, {SHOTS} a film", films * SHOTS / writing, "shots/s", detail=f"{films} films"
        ),
        Result("catalogue", "shots read with their vectors", read / reading, "shots/s"),
    ]


def _shots(film: int) -> list[Record]:
    random = np.random.default_rng(film)
    rate = Fraction(25)
    return [
        Record(
            f"{film:016x}-{50 * number:06d}",
            Shot(Path("film.mp4"), number + 1, Fraction(2 * number), Fraction(2 * number + 2), 50 * number, 50, rate),
            (Label("energy", float(random.random()), 0.9, "made up", {"rest": 1.0}),),
            vector=random.normal(size=VECTOR).astype(np.float32),
            look=random.normal(size=LOOK).astype(np.float32),
        )
        for number in range(SHOTS)
    ]

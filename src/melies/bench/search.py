"""How quickly a very large catalogue is searched, and how much its index misses."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from melies.bench import Bench, Result, benchmark
from melies.footage.analyse import facets
from melies.footage.catalogue import Catalogue, File
from melies.footage.label import Facet, Label
from melies.footage.record import Record, Word
from melies.footage.search import wish
from melies.footage.search_index import CELLS, REFINE, find, refresh
from melies.footage.shot import Shot
from melies.footage.terms import parse

SHOTS, QUICK = 1_000_000, 20_000
FILM = 5000
"""Shots that are written at once."""
TOPICS = 4000
"""Things that shots are about; their vectors lie around these, as those of real texts do."""
ROUNDS = 5
ANSWERS = 500
"""Different answers to each question."""

QUERIES = (
    "close-up of a smiling woman, backlit, slow push in",
    "two people talking, interior, at night",
    "a dog on a beach",
    "wide shot, exterior, pan left, no cars",
    "car in the street at dusk, 3 to 5 seconds",
    "someone drinking coffee",
    "extreme close-up, low key",
    'says "mother"',
    "handheld, two people, bicycle",
    "rocket launch",
)


@benchmark
def search(bench: Bench) -> list[Result]:
    """Search over a catalogue of a million synthetic shots (20,000 with --quick)."""
    shots = QUICK if bench.quick else SHOTS
    folder = bench.out("footage")
    folder.mkdir()
    with Catalogue.open(folder, create=True) as catalogue:
        writing, _ = timed(lambda: fill(catalogue, shots))
        indexing, _ = timed(lambda: refresh(catalogue))
    with Catalogue.open(folder) as catalogue:
        spans = latencies(catalogue)
        found = recall(catalogue)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    middle, late = (float(np.percentile(spans, share)) * 1e3 for share in (50, 95))
    detail = f"{len(QUERIES)} queries, {ROUNDS} times each; the query's words are read and embedded in this too"
    return [
        Result("search", f"{shots:,} shots: 95th percentile of a search", late, "ms", "< 100", late < 100, detail),
        Result("search", f"{shots:,} shots: median of a search", middle, "ms"),
        Result("search", f"{shots:,} shots: share of the 20 nearest that the vector index finds", found, ""),
        Result("search", f"{shots:,} shots: making the indices", indexing, "s"),
        Result(
            "search", f"{shots:,} shots: writing", shots / writing, "shots/s", detail=f"{most} MB of memory at most"
        ),
    ]


def latencies(catalogue: Catalogue) -> list[float]:
    """Return how long each search takes, in seconds; the first round, which opens files, is left out."""
    spans = []
    for turn in range(ROUNDS + 1):
        for query in QUERIES:
            seconds, _ = timed(lambda query=query: find(catalogue, wish(parse(query))))  # type: ignore[misc]
            if turn:
                spans.append(seconds)
    return spans


def recall(catalogue: Catalogue, times: int = 30) -> float:
    """Return how many of the 20 nearest vectors the index finds, on average, for vectors that are not in it."""
    shares = []
    for asked in _around(_topics()[:times], np.random.default_rng(7)):
        query = catalogue.table.search(asked, "vector").distance_type("cosine").select(["id", "_distance"]).limit(20)
        exact = {row["id"] for row in query.bypass_vector_index().to_list()}
        query = catalogue.table.search(asked, "vector").distance_type("cosine").select(["id", "_distance"]).limit(20)
        near = {row["id"] for row in query.nprobes(CELLS).refine_factor(REFINE).to_list()}
        shares.append(len(near & exact) / len(exact))
    return float(np.mean(shares))


def timed(work: Callable[[], object]) -> tuple[float, object]:
    """Do something and return how many seconds it took, and its result."""
    begin = time.perf_counter()
    made = work()
    return time.perf_counter() - begin, made


def fill(catalogue: Catalogue, shots: int) -> None:
    """Write invented shots into a catalogue, film by film."""
    random, topics = np.random.default_rng(0), _topics()
    answers = [_answers(facet, random) for facet in facets().values()]
    for film in range(-(-shots // FILM)):
        name = f"{film:016x}"
        path = Path(f"{name}.mp4")
        (catalogue.folder / path).touch()
        records = list(_records(name, min(FILM, shots - film * FILM), random, topics, answers))
        catalogue.add(File(path, name, 0, 0), records)


def _records(
    film: str,
    count: int,
    random: np.random.Generator,
    topics: NDArray[np.float32],
    answers: Sequence[Sequence[tuple[Label, ...]]],
) -> Iterator[Record]:
    vectors = _around(topics[random.integers(0, len(topics), count)], random)
    lengths = random.integers(10, 200, count).tolist()
    said = np.minimum(random.zipf(1.3, (count, 8)), len(_WORDS)).tolist()
    chosen = [random.integers(0, len(some), count).tolist() for some in answers]
    for number in range(count):
        start = Fraction(number * 3)
        shot = Shot(Path(film), number + 1, start, start + Fraction(lengths[number], 25), number * 75, 75, Fraction(25))
        labels = tuple(chain.from_iterable(some[of[number]] for some, of in zip(answers, chosen, strict=True)))
        words = tuple(Word(_WORDS[word - 1], number * 3.0, number * 3.0, 0.9) for word in said[number])
        yield Record(f"{film}-{number * 75:06d}", shot, labels, (), words, (), vectors[number])


_WORDS = ["the", "a", "mother", "house", "river", *(f"word{number}" for number in range(20_000))]


def _answers(facet: Facet, random: np.random.Generator) -> list[tuple[Label, ...]]:
    """Some answers, each as likely, of which every fifth is none; making one for every shot would take most time."""
    return [_labels(facet, random) if number % 5 else () for number in range(ANSWERS)]


def _labels(facet: Facet, random: np.random.Generator) -> tuple[Label, ...]:
    sures = iter((0.5 + random.random(2) / 2).tolist())
    if facet.kind in ("number", "count"):
        return (Label(facet.name, float(random.integers(0, 6)), next(sures), "invented"),)
    values = random.choice(facet.values, 2 if facet.kind == "many" else 1) if facet.values else ()
    return tuple(Label(facet.name, str(value), next(sures), "invented") for value in values)


def _topics() -> NDArray[np.float32]:
    return _around(np.zeros((TOPICS, 384), np.float32), np.random.default_rng(1))


def _around(centres: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """Vectors of length 1 near others of length 1: their scalar product with these is about 0.7."""
    noise = random.standard_normal(centres.shape).astype(np.float32) / np.sqrt(np.float32(centres.shape[1]))
    made: NDArray[np.float32] = centres + noise
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return made

"""How much a swapped face is the other's, and whether it still does what the performer does.

Also what of the things before it is kept, how calm it is, and how fast.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import melies
from melies import faces
from melies.bench import Bench, Result, benchmark
from melies.bench._faces import portraits
from melies.bench._passing import KINDS, overlap
from melies.effects.swap import Swap
from melies.errors import MeliesError
from melies.faces.anatomy import LEFT_EYE, RIGHT_EYE
from melies.frame import Image
from melies.metrics import warp_error
from melies.puppetry.parts import gape, opening
from melies.swapping.swapper import Settings, Swapper

cv: Any = cv2

MOST = 120
"""Frames of a film that are swapped."""
EVERY = 4
"""Of those, how many are looked at again."""
_STILL = 0.02
"""Standard deviation of an opening, as a share of its width, below which nothing moves that could be compared."""
SIZES = ((640, 360), (1280, 720))

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Played:
    """What a swap did to a film: means over its frames, and correlations with the film itself."""

    before: float
    after: float
    left: float
    mouth: float
    eyes: float
    flicker: float
    slide: float


@benchmark
def swap(bench: Bench) -> list[Result]:
    """Identity, expression, things before faces, steadiness and speed; MELIES_PORTRAITS may name a folder of faces."""
    films = bench.films or (bench.footage("carphone_pristine"),)
    results = []
    for film in films:
        for source in portraits():
            played = _play(film, source, 40 if bench.quick else MOST)
            results += _lines(f"{source.stem} on {film.stem}", played)
        results += [_before(film, kind) for kind in KINDS]
    return [*results, *(_speed(bench, size) for size in SIZES)]


def _play(film: Path, source: Path, most: int) -> Played:
    picture = next(melies.open(source).frames()).image[..., :3]
    shown = faces.find(picture, 1)
    if not shown:
        raise MeliesError(f"There is no face in {source}.")
    wanted = faces.embed(picture, shown[0])
    clip = melies.open(film)
    frames = list(islice(clip.source.frames(), most))
    made = list(Swap(source=[str(source)]).apply(iter(frames), clip.spec))
    far, moves = [], []
    for old, new in list(zip(frames, made, strict=True))[::EVERY]:
        was, now = faces.find(old.image, 1), faces.find(new.image, 1)
        if was and now:
            her, him = faces.embed(new.image, now[0]), faces.embed(old.image, was[0])
            far.append((faces.distance(him, wanted), faces.distance(her, wanted), faces.distance(her, him)))
            moves.append([*_expression(was[0]), *_expression(now[0])])
    if len(far) < 2:
        raise MeliesError(f"There is hardly a face in {film}.")
    numbers = np.array(moves)
    images, results = ([frame.image[..., :3] for frame in film] for film in (frames, made))
    calm = max(warp_error(images), 1e-6)
    before, after, left = map(float, np.mean(far, 0))
    return Played(
        before=before,
        after=after,
        left=left,
        mouth=_together(numbers[:, 0], numbers[:, 2]),
        eyes=_together(numbers[:, 1], numbers[:, 3]),
        flicker=warp_error(results) / calm,
        slide=warp_error(results, images) / calm,
    )


def _expression(face: faces.Face) -> tuple[float, float]:
    """How far the mouth is open, and the eyes."""
    return gape(face.points), (opening(face.points, RIGHT_EYE) + opening(face.points, LEFT_EYE)) / 2


def _together(one: Numbers, other: Numbers) -> float:
    """How well two courses go together, -1…1; 1 where the first hardly moves and the second does not much either."""
    if one.std() < _STILL:
        return float(other.std() < 2 * _STILL)
    return float(np.corrcoef(one, other)[0, 1])


def _lines(label: str, played: Played) -> list[Result]:
    nearer = played.before - played.after
    return [
        Result(
            "swap", f"{label}: nearer to the source", nearer, "", ">= 0.1", nearer >= 0.1,
            f"distance {played.after:.2f} after, {played.before:.2f} before; {played.left:.2f} away from the performer",
        ),
        Result(
            "swap", f"{label}: the mouth goes with the performer's", played.mouth, "", ">= 0.8", played.mouth >= 0.8,
            "correlation of its opening, found again in the result",
        ),
        Result(
            "swap", f"{label}: the eyes go with the performer's", played.eyes, "", ">= 0.7", played.eyes >= 0.7,
            "correlation of their opening, found again in the result",
        ),
        Result(
            "swap", f"{label}: flicker against the film's own", played.flicker, "x", "<= 1.1", played.flicker <= 1.1,
            "mean difference of neighbouring frames, each along its own film's motion, where that is trusted",
        ),
        Result(
            "swap", f"{label}: the same along the film's motion", played.slide, "x", "-", None,
            "more than flicker where the new skin slides over the old one",
        ),
    ]  # fmt: skip


def _before(film: Path, kind: str) -> Result:
    kept, frames = overlap(film, kind)
    return Result(
        "swap", f"{film.stem}: a {kind} that passes before the face is kept", kept, "", ">= 0.6", kept >= 0.6,
        f"what is found before the face and what is there: both over either, median of {frames} frames",
    )  # fmt: skip


def _speed(bench: Bench, size: tuple[int, int]) -> Result:
    """Milliseconds for a frame with one face: following it, and swapping it."""
    frames = islice(melies.open(bench.clip(size, 1, "carphone_pristine")).frames(), 20 if bench.quick else 60)
    images = [frame.image for frame in frames]
    looks = Swap(source=[str(portraits()[0])])._looks()
    tracker, swapper, settings = faces.Tracker(), Swapper(), Settings()
    follow, replace = [], []
    for index, image in enumerate(images):
        began = time.perf_counter()
        seen = tracker.step(image)
        middle = time.perf_counter()
        for face in seen[:1]:
            swapper.step(image, face, index / 30, looks, settings)
        follow.append(middle - began)
        replace.append(time.perf_counter() - middle)
    each = 1000 * float(np.median(follow) + np.median(replace))
    return Result(
        "swap", f"a frame of {size[0]}×{size[1]}", each, "ms", "<= 40", each <= 40,
        f"{1000 * float(np.median(follow)):.1f} for following the face and {1000 * float(np.median(replace)):.1f} for "
        f"swapping it, {_size(images[0]):.0f} pixels wide and high",
    )  # fmt: skip


def _size(image: Image) -> float:
    found = faces.find(image, 1)
    return found[0].size if found else 0.0

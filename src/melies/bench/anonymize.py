"""How many faces anonymize covers, and what can still be told of those that it covered."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from math import nan
from pathlib import Path

import numpy as np

import melies
from melies import faces
from melies.bench import Bench, Result, benchmark
from melies.effects.anonymize import Anonymize
from melies.errors import ModelError
from melies.faces import centerface, nets
from melies.faces.identity import SAME
from melies.frame import Image
from melies.square import Square

MARK = (255, 0, 255)
EVERY = 6
"""Every so many frames the faces are counted."""
FRAMES = 120
LEAST = 40
"""Pixels that a face must have to be told from others."""
WHOLE = 0.95
"""Share of a face that must be hidden for it to count as covered."""


@benchmark
def anonymize(bench: Bench) -> list[Result]:
    """Faces covered, of those that a thorough search finds; whether they are still found and known afterwards."""
    results = []
    for film in bench.films or (bench.footage("carphone_pristine"),):
        results += _film(film, 40 if bench.quick else FRAMES)
    return results


def _film(film: Path, count: int) -> list[Result]:
    seen = hidden = found = 0
    apart: list[float] = []
    for before, marked, blurred in _samples(film, count):
        for place in _places(before):
            seen += 1
            hidden += _hidden(marked, place) >= WHOLE
        for face in faces.find(before):
            if face.size >= LEAST:
                apart.append(faces.distance(faces.embed(before, face), faces.embed(blurred, face)))
        found += len(faces.find(blurred))
    if not seen:
        return [Result("anonymize", f"{film.name}: no face was found in it", nan, "")]
    share = hidden / seen
    lines = [
        Result("anonymize", f"faces covered, {film.name}", share, "", ">= 0.98", share >= 0.98, f"{hidden} of {seen}"),
        Result("anonymize", f"faces found afterwards, {film.name}", found / seen, "", "<= 0.02", found <= 0.02 * seen),
    ]
    if apart:
        least = float(np.percentile(apart, 5))
        lines.append(
            Result(
                "anonymize",
                f"distance to who it was, {film.name}",
                least,
                "",
                f">= {SAME}",
                least >= SAME,
                f"the nearest twentieth of {len(apart)}; below {SAME} is one person, mean {np.mean(apart):.2f}",
            )
        )
    return lines


def _samples(film: Path, count: int) -> Iterator[tuple[Image, Image, Image]]:
    """Some frames as they were, with the covers in one colour, and blurred."""
    clip = melies.open(film)
    mark = Anonymize(cover="fill", colour="#{:02x}{:02x}{:02x}".format(*MARK))
    clips = (clip, clip.apply(mark), clip.apply(Anonymize()))
    for index, frames in enumerate(islice(zip(*(one.frames() for one in clips), strict=True), count)):
        if index % EVERY == 0:
            before, marked, blurred = (frame.image[..., :3] for frame in frames)
            yield before, marked, blurred


def _places(image: Image) -> list[Square]:
    """The faces of a picture by the strongest finder at hand."""
    try:
        return [place for _, place in centerface.detect(image)]
    except ModelError:
        return [nets.around(face.points) for face in faces.find(image, thorough=True)]


def _hidden(marked: Image, place: Square) -> float:
    """Which share of a face, from brows to chin, has the mark's colour."""
    y, x = np.indices(marked.shape[:2])
    right, down = x + 0.5 - place.x, y + 0.5 - place.y
    sine, cosine = np.sin(place.angle), np.cos(place.angle)
    across, along = cosine * right + sine * down, cosine * down - sine * right
    inside = np.square(across / 0.5) + np.square(along / 0.6) < place.radius**2
    return float((marked[inside] == MARK).all(-1).mean()) if inside.any() else 1.0

"""How recognisable what `paint` paints is, how steady, and how long it takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from melies.bench import Bench, Result, benchmark
from melies.clip import open as open_clip
from melies.effects.paint import Paint
from melies.engine.chain import run_effect
from melies.frame import Frame, Image

BEGINNINGS = (0.0, 2.2, 6.2, 8.5)
"""Seconds into the film where half a second each is painted: four shots of a city."""


@benchmark
def paint(bench: Bench) -> list[Result]:
    """What a segmenter recognises in paintings of real layouts, flicker, and speed.

    What is recognised is measured on two folders of pictures of the same names, in the same order: `--film LAYOUTS`, in
    CamVid's colours or numbers, and `--film PHOTOS`.
    """
    results = _flicker(bench)
    if len(bench.films) == 2:
        results += _recognised(*bench.films)
    return results


def _flicker(bench: Bench) -> list[Result]:
    """Paint streets in real footage, resized to 640×360, with and without `--steady`."""
    from melies.effects.resize import Resize
    from melies.metrics import warp_error

    errors: dict[float, list[float]] = {0.0: [], Paint.model_fields["steady"].default: []}
    fits = Resize(width=640, height=360, fit="cover")
    count, seconds = 0, 0.0
    for begin in BEGINNINGS[: 1 if bench.quick else None]:
        clip = open_clip(bench.footage("bikes"), start=begin, end=begin + 0.5).apply(fits)
        frames = list(clip.frames())
        for steady, found in errors.items():
            began = time.perf_counter()
            made = [
                frame.image for frame in run_effect(Paint(origin="footage", steady=steady), iter(frames), clip.spec)
            ]
            seconds, count = seconds + time.perf_counter() - began, count + len(made)
            found.append(warp_error(made, [frame.image for frame in frames]))
    before, after = (float(np.mean(found)) for found in errors.values())
    rate, ratio = count / seconds, before / after
    return [
        Result("paint", "footage painted, warp error without / with --steady", ratio, "x", ">= 2", ratio >= 2,
               f"{before:.4f} and {after:.4f}"),
        Result("paint", "footage painted, 640×360", rate, "fps", ">= 10", rate >= 10),
    ]  # fmt: skip


def _recognised(layouts: Path, photos: Path) -> list[Result]:
    """Let the segmenter look at photographs and at paintings of their layouts."""
    from melies.metrics import warp_error
    from melies.painting.footage import Segmenter
    from melies.painting.layout import labels_of
    from melies.painting.score import Confusion
    from melies.painting.tables import UNKNOWN

    segmenter = Segmenter()
    palette = segmenter.palette
    scores = {name: Confusion(len(palette.classes), palette.classes.index(UNKNOWN)) for name in ("real", "painted")}
    painted: list[Image] = []
    taken: list[Image] = []
    for layout, photo, made in zip(_frames(layouts), _frames(photos), _painted(layouts), strict=True):
        labels = labels_of(layout.image, palette)
        height, width = labels.shape
        for name, image in (("real", photo.image), ("painted", made.image)):
            scores[name].add(labels, segmenter(np.ascontiguousarray(image[..., :3]), width, height))
        painted.append(made.image)
        taken.append(photo.image)
    results = []
    for name, score in scores.items():
        ious = zip(palette.classes, score.ious, strict=True)
        detail = ", ".join(f"{title} {iou:.2f}" for title, iou in ious if not np.isnan(iou))
        detail = f"{score.accuracy:.0%} of the pixels; {detail}"
        results.append(Result("paint", f"mean IoU of the segmenter, {name} frames", score.mean_iou, "", detail=detail))
    share = scores["painted"].mean_iou / scores["real"].mean_iou
    flicker = f"photographs {warp_error(taken):.4f}"
    return [
        *results,
        Result("paint", "the same, painted / real", share, "x", ">= 0.7", share >= 0.7),
        Result("paint", "consecutive frames painted, warp error", warp_error(painted, taken), "", detail=flicker),
    ]


def _frames(folder: Path) -> Iterator[Frame]:
    return open_clip(folder).source.frames()


def _painted(layouts: Path) -> Iterator[Frame]:
    clip = open_clip(layouts)
    return run_effect(Paint(steady=0), clip.source.frames(), clip.spec)

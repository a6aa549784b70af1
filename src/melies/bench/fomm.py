"""The engine fomm of puppet: how fast it is, and how well it makes a person's frames out of their first one."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import melies
from melies.bench import Bench, Result, benchmark
from melies.faces import Face, Tracker, find
from melies.frame import Image
from melies.metrics import psnr
from melies.models.convert import fomm as converter
from melies.puppetry import fomm as engine
from melies.puppetry.fomm import Fomm, Source
from melies.puppetry.move import Move

MODEL = "MELIES_FOMM"
"""Environment variable with a checkpoint, or the folder of a training."""
HELD_OUT = 0.15
"""Share of a film, its end, that is made: what `melies train puppet` does not train on."""
MOST = 60
"""Most frames of a film that are made."""


@benchmark
def fomm(bench: Bench) -> list[Result]:
    """Frames a second of puppet --engine fomm as published, and self-reenactment by the model in MELIES_FOMM."""
    results = [_speed(bench)]
    named = os.environ.get(MODEL)
    if not named:
        what = f"self-reenactment not measured: set {MODEL} to a checkpoint or the folder of a training"
        return [*results, Result("fomm", what, float("nan"), "")]
    networks = engine.load(Path(named))
    for film in bench.films or (bench.footage("carphone_pristine"),):
        results += _reenacted(film, networks)
    return results


def _speed(bench: Bench) -> Result:
    """The published size takes as long with any weights, and these are random."""
    rng = np.random.default_rng(0)
    weights = {
        name: np.ones(shape, np.float32)
        if len(shape) < 2
        else (rng.standard_normal(shape, np.float32) / np.float32(np.sqrt(np.prod(shape[1:]))))
        for name, shape in converter.Layout().keys().items()
    }
    for name, content in converter.convert(weights).items():
        bench.out(f"{name}.onnx").write_bytes(content)
    networks = engine.load(bench.folder)
    frame = next(melies.open(bench.footage("carphone_pristine")).frames()).image
    points = find(frame, 1)[0].points
    source, player = Source(frame, points, networks), Fomm(networks)
    move = Move(points, driver=frame, driver_points=points)
    player.render(source, move)
    seconds = []
    for _ in range(1 if bench.quick else 5):
        began = time.perf_counter()
        player.render(source, move)
        seconds.append(time.perf_counter() - began)
    detail = "256×256, as the public models; Avatarify names < 1 fps on a processor, 33 fps on a GTX 1080 Ti"
    return Result("fomm", "frames a second at the published size", 1 / min(seconds), "fps", detail=detail)


def _reenacted(film: Path, networks: engine.Networks) -> list[Result]:
    """Make the end of a film out of its first frame, and compare with leaving that one as it is."""
    frames = [frame.image for frame in melies.open(film).frames()]
    tracker = Tracker(1)
    faces = [tracker.step(image) for image in frames]
    first, chosen = frames[0], range(round(len(frames) * (1 - HELD_OUT)), len(frames))
    rest = faces[0][0].points
    source, player = Source(first, rest, networks), Fomm(networks)
    made, copied = [], []
    for index in chosen[:: max(1, len(chosen) // MOST)]:
        if faces[index]:
            points = faces[index][0].points
            move = Move(rest, driver=frames[index], driver_points=points, neutral=first, neutral_points=rest)
            made.append(_compared(player.render(source, move), frames[index], faces[index][0], source))
            copied.append(_compared(first, frames[index], faces[index][0], source))
    ours, copies = np.nanmean(made, axis=0), np.nanmean(copied, axis=0)
    lines = []
    for name, unit, mine, copy, better in zip(
        ("L1", "PSNR", "AKD"), ("", "dB", "px"), ours, copies, (ours < copies) ^ (False, True, False), strict=True
    ):
        what = f"{name} of the head, made from the first frame ({film.name})"
        wanted = f"{'>' if name == 'PSNR' else '<'} {copy:.4g}"
        detail = f"{copy:.4g} if the first frame stays"
        lines.append(Result("fomm", what, float(mine), unit, wanted, bool(better), detail))
    return lines


def _compared(made: Image, wanted: Image, face: Face, source: Source) -> NDArray[np.float64]:
    """L1 of 0…1, PSNR, and how far landmarks are off (AKD), in 256ths of the head's square."""
    side = 256
    pictures = [source.place.cut(image, side) for image in (made, wanted)]
    codes = [np.rint(picture * 255).astype(np.uint8) for picture in pictures]
    seen = find(made, 1)
    away = np.linalg.norm(seen[0].points[:, :2] - face.points[:, :2], axis=1).mean() if seen else np.nan
    scale = side / (2 * source.place.radius)
    return np.array([np.abs(pictures[0] - pictures[1]).mean(), psnr(*codes), scale * away])

"""How near colours come to the true ones that were taken away from a film, and how steady they are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import melies
from melies.bench import Bench, Result, benchmark
from melies.colouring.chroma import Chroma, chroma, join, luma
from melies.effects.colorize import Colorize
from melies.effects.grade import Grade
from melies.effects.resize import Resize
from melies.frame import Image
from melies.metrics import warp_error

_FILMS = {"carphone_pristine": ("0",), "bigbuckbunny": ("1",), "bikes": ("0.6", "2", "4")}
"""Films, and the seconds at which a frame of each is a reference: one frame for each shot."""
_END = {"carphone_pristine": 2, "bigbuckbunny": 2, "bikes": 5}
_STEADY = 16
"""Frames over which flicker is compared."""


@benchmark
def colorize(bench: Bench) -> list[Result]:
    """Colours after one frame of each shot, against grey and against a transfer by brightness, and their flicker."""
    results = []
    for name, times in _FILMS.items():
        path = bench.footage(name)
        film = melies.open(path, end=_END[name]).apply(Resize(width=320))
        truth = [frame.image for frame in film.frames()]
        effect = Colorize(reference=[f"{path}@{time}" for time in times])
        grey = film.apply(Grade(saturation=0))
        found = [frame.image for frame in grey.apply(effect).frames()]
        shown = [next(melies.open(path, start=time).apply(Resize(width=320)).frames()).image for time in times]
        plain = [np.zeros_like(chroma(image)) for image in truth]
        moved = [_by_brightness(shown, image) for image in truth]
        own, none, other = (_likeness(colours, truth) for colours in (map(chroma, found), plain, moved))
        results += [
            Result(
                "colorize", f"colours of {name} after {len(times)} frame(s): nearer than grey", own - none, "dB",
                ">= 4", own - none >= 4, f"{own:.1f} dB; grey {none:.1f}",
            ),
            Result(
                "colorize", f"colours of {name}: nearer than a transfer by brightness", own - other, "dB",
                ">= 2", own - other >= 2, f"transfer by brightness {other:.1f} dB",
            ),
        ]  # fmt: skip
        if len(times) == 1:
            ours, real = (warp_error(map(_only_colour, film), truth) for film in (found, truth))
            results.append(
                Result(
                    "colorize", f"flicker of {name}'s colours / that of the true ones", ours / real, "x",
                    "<= 1", ours <= real, f"{ours * 1e3:.2f} and {real * 1e3:.2f} ‰",
                )
            )  # fmt: skip
    return [*results, _beside_frame_by_frame(bench)]


def _beside_frame_by_frame(bench: Bench) -> Result:
    """Compare flicker with every frame coloured by itself, after a reference of something else, which leaves doubts."""
    film = melies.open(bench.footage("carphone_pristine"), start=1, end=2)
    truth = [frame.image for frame in film.frames()][:_STEADY]
    grey = list(film.apply(Grade(saturation=0)).frames())[:_STEADY]
    effect = Colorize(reference=[f"{bench.footage('bigbuckbunny')}@1"])
    found = [frame.image for frame in effect.apply(iter(grey), film.spec)]
    alone = [next(iter(effect.apply(iter([frame]), film.spec))).image for frame in grey]
    ours, theirs = (warp_error(map(_only_colour, frames), truth) for frames in (found, alone))
    return Result(
        "colorize", "flicker after a reference of another scene / that of every frame by itself", ours / theirs, "x",
        "<= 0.7", ours <= 0.7 * theirs, f"{ours * 1e3:.2f} and {theirs * 1e3:.2f} ‰",
    )  # fmt: skip


def _only_colour(image: Image) -> Image:
    """The same colours at one brightness."""
    colours = chroma(image)
    return join(np.full(colours.shape[:2], 0.5, np.float32), colours, image.dtype)


def _likeness(found: Iterator[Chroma] | list[Chroma], truth: list[Image]) -> float:
    """PSNR of colour alone, B - Y and R - Y in units of white."""
    errors = [np.square(colours - chroma(image)).mean() for colours, image in zip(found, truth, strict=True)]
    return float(-10 * np.log10(np.mean(errors)))


def _by_brightness(shown: list[Image], image: Image) -> Chroma:
    """Give each pixel the mean colour that its brightness has in the references (after Welsh et al., 2002)."""
    bright, target = np.concatenate([luma(one).ravel() for one in shown]), luma(image)
    colours = np.concatenate([chroma(one).reshape(-1, 2) for one in shown])
    matched = (bright - bright.mean()) * (target.std() / bright.std()) + target.mean()
    levels = np.clip(np.rint(matched * 63), 0, 63).astype(int)
    counts = np.bincount(levels, minlength=64)
    means = [np.bincount(levels, colours[:, axis], 64) / np.maximum(counts, 1) for axis in (0, 1)]
    known = np.flatnonzero(counts)
    return np.stack([np.interp(target * 63, known, mean[known]) for mean in means], -1).astype(np.float32)

"""How well what stood behind something is put back, on real footage before which something was put."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

import melies
from melies.bench import Bench, Result, apply, benchmark
from melies.frame import Frame, Image
from melies.metrics import psnr, ssim, warp_error

cv: Any = cv2

FRAMES = 24
SIZE = 640, 360
RATE = 25
"""Frames per second of bigbuckbunny."""

Hole = NDArray[np.uint8]


@dataclass(frozen=True)
class _Case:
    """Footage, and what is put before it.

    Attributes:
        what: For people.
        name: The film.
        start: Where it begins, in seconds.
        pan: How many pixels the view moves to the right in each frame.
        hole: The frame's number and size to what is covered, 255 where it is.
        target: How many decibels better than inpainting each frame should be, if anything is wanted.
    """

    what: str
    name: str
    start: float
    pan: float
    hole: Callable[[int, int, int], Hole]
    target: float | None


def _passing(index: int, height: int, width: int) -> Hole:
    hole = np.zeros((height, width), np.uint8)
    place = int(width * (0.1 + 0.8 * index / (FRAMES - 1))), int(height * 0.55)
    return cast(Hole, cv.ellipse(hole, place, (int(width * 0.07), int(height * 0.3)), 0, 0, 360, 255, -1))


def _corner(_: int, height: int, width: int) -> Hole:
    hole = np.zeros((height, width), np.uint8)
    hole[int(height * 0.1) : int(height * 0.25), int(width * 0.65) : int(width * 0.93)] = 255
    return hole


CASES = (
    _Case("something passes, bikes (the view moves a little)", "bikes", 7.9, 0, _passing, 4),
    _Case("something passes, bigbuckbunny (still view, moving animal)", "bigbuckbunny", 0, 0, _passing, 4),
    _Case("something passes, bigbuckbunny (panning view)", "bigbuckbunny", 0, 5.3, _passing, 4),
    _Case("a logo, bigbuckbunny (panning view)", "bigbuckbunny", 0, 5.3, _corner, None),
    _Case("a logo, bigbuckbunny (still view: nothing is revealed)", "bigbuckbunny", 0, 0, _corner, None),
)


@benchmark
def erase(bench: Bench) -> list[Result]:
    """What was behind something that is erased, against the truth and against inpainting each frame; and the speed."""
    return [*itertools.chain.from_iterable(_compared(bench, case) for case in CASES), *_speed(bench)]


def _compared(bench: Bench, case: _Case) -> list[Result]:
    from melies.erasing.filler import Filler

    truth = list(_views(bench, case))
    height, width = truth[0].image.shape[:2]
    holes = [case.hole(index, height, width) for index in range(len(truth))]
    covered = [frame.with_image(_cover(frame.image, hole)) for frame, hole in zip(truth, holes, strict=True)]
    spec = melies.open(bench.footage(case.name)).spec.replace(width=width, height=height)
    with Filler(spec, round(2 * spec.rate), 0) as filler:
        ours = [frame.image for frame in filler.run(iter(zip(covered, holes, strict=True)))]
    telea = [cv.inpaint(frame.image, hole, 5, cv2.INPAINT_TELEA) for frame, hole in zip(covered, holes, strict=True)]
    images = [frame.image for frame in truth]
    own, other = (_likeness(found, images, holes) for found in (ours, telea))
    still = warp_error(images)
    flicker = [max(0.0, warp_error(found, images) - still) for found in (ours, telea)]
    gain = own[0] - other[0]
    return [
        Result(
            "erase", f"PSNR in the hole − Telea's: {case.what}", gain, "dB",
            "-" if case.target is None else f">= {case.target:g}", None if case.target is None else gain >= case.target,
            f"{own[0]:.1f} and {other[0]:.1f} dB; SSIM {own[1]:.3f} and {other[1]:.3f}",
        ),
        Result(
            "erase", f"flicker added / Telea's: {case.what}", flicker[0] / max(flicker[1], 1e-9), "x",
            "-" if case.target is None else "< 0.5", None if case.target is None else flicker[0] < 0.5 * flicker[1],
            f"warp error {flicker[0]:.5f} and {flicker[1]:.5f} above the original's",
        ),
    ]  # fmt: skip


def _views(bench: Bench, case: _Case) -> Iterator[Frame]:
    """The footage, at its own size or as a smaller view that moves over it."""
    clip = melies.open(bench.footage(case.name), start=case.start)
    for index, frame in enumerate(itertools.islice(clip.frames(), FRAMES)):
        if case.pan:
            move = np.array([[1, 0, -20 - case.pan * index], [0, 1, -100 - 0.3 * index]])
            yield frame.with_image(cv.warpAffine(frame.image, move, SIZE, flags=cv2.INTER_CUBIC))
        elif frame.image.shape[1] > SIZE[0]:
            yield frame.with_image(cv.resize(frame.image, SIZE, interpolation=cv2.INTER_AREA))
        else:
            yield frame


def _cover(image: Image, hole: Hole) -> Image:
    """Put stripes over a picture."""
    stripes = (np.indices(hole.shape).sum(0) // 6 % 2 * 120 + 60).astype(np.uint8)
    covered = image.copy()
    covered[hole > 0] = np.dstack([stripes, np.full_like(stripes, 200), 255 - stripes])[hole > 0]
    return covered


def _likeness(found: list[Image], truth: list[Image], holes: list[Hole]) -> tuple[float, float]:
    """Mean PSNR of the pixels in the hole, and mean SSIM of the box around it."""
    scores = []
    for one, other, hole in zip(found, truth, holes, strict=True):
        x, y, across, down = cv.boundingRect(hole)
        box = slice(y, y + down), slice(x, x + across)
        scores.append((psnr(one[hole > 0][None], other[hole > 0][None]), ssim(one[box], other[box])))
    means = np.mean(scores, axis=0)
    return float(means[0]), float(means[1])


def _speed(bench: Bench) -> list[Result]:
    """A hole of 15 % in the middle of a small film, and how much memory a large one takes."""
    results = []
    for size, seconds, limit in ((SIZE, 2, 1.0), ((1920, 1080), 1, None)):
        mask = np.zeros((size[1], size[0]), np.uint8)
        mask[int(size[1] * 0.3) : int(size[1] * 0.72), int(size[0] * 0.32) : int(size[0] * 0.68)] = 255
        path = bench.out("mask.png")
        cv.imwrite(str(path), mask)
        clip = bench.clip(size, 1)
        erased = apply("--end", str(seconds), clip, bench.out("erased.mp4"), "erase", "--mask", path)
        ((took, peak),) = bench.best(erased, rounds=1)
        each = took / (seconds * RATE)
        results.append(
            Result(
                "erase", f"time for a frame of {size[0]}×{size[1]}, 15 % erased", each, "s",
                "-" if limit is None else f"< {limit:g}", None if limit is None else each < limit,
                f"peak memory {peak / 1e6:.0f} MB",
            )
        )  # fmt: skip
    return results

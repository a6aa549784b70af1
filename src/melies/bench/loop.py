"""Whether the best-loop finder finds what is known to repeat."""

from __future__ import annotations

import numpy as np

import melies
from melies.bench import Bench, Result, apply, benchmark, measure
from melies.metrics import psnr


@benchmark
def seamless(bench: Bench) -> list[Result]:
    """A stretch of real footage that is played three times over in the middle of others: is it found?"""
    lead, part, tail, film, found = (bench.out(f"{name}.mkv") for name in ("lead", "part", "tail", "film", "found"))
    source, save = bench.footage("bigbuckbunny"), ["--codec", "ffv1", "--no-sound"]
    small = ["resize", "--width", "480"]
    for target, start, end in ((lead, "0", "1"), (part, "2", "3.6"), (tail, "4", "5")):
        measure(apply(*save, "--start", start, "--end", end, source, target, *small))
    thrice = bench.out("thrice.mkv")
    measure(apply(*save, part, thrice, "loop", "--times", "3"))
    measure(apply(*save, thrice, film, "concat", "--before", str(lead), "--after", str(tail)))
    seconds, peak = measure(apply(*save, film, found, "seamless"))
    frames, want, whole = ([frame.image for frame in melies.open(path).frames()] for path in (found, part, film))
    last = next(index for index, image in enumerate(whole) if np.array_equal(image, frames[-1]))
    wrap = psnr(whole[last + 1], frames[0])
    periods = len(frames) / len(want)
    met = periods in (1, 2) and wrap > 40
    return [
        Result(
            "seamless", "length of the loop found / of the stretch that repeats", periods, "x", "1 or 2", met,
            f"the frame after its last is its first to {wrap:.1f} dB; {seconds:.1f} s, {peak / 1e6:.0f} MB",
        )
    ]  # fmt: skip

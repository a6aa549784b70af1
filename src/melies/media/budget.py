"""A file no larger than was asked for: what is given up for it, and how much.

Effects are never run again: animations are made anew from the lossless segments, films from the finished file.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from melies.errors import UseError
from melies.frame import Frame
from melies.imaging import resize
from melies.media.encode import Encoder, Segment, packets
from melies.media.output import Plan
from melies.sizes import say

log = logging.getLogger("melies")

_RUNGS = 25
"""Steps from what was asked for down to the least that is still a film."""

_LEAST = 0.15
"""The smallest scale that is tried, and the fewest frames a second, colours and quality of an animation."""
_SLOWEST = Fraction(8)
_FEWEST = 24
_POOREST = 15

_RANGE = 150.0
"""How many times smaller the least is, about."""

_TRIES = 6

_THIN = {"h264": 0.03, "h265": 0.02, "vp9": 0.02, "av1": 0.015}
"""Bits for each pixel below which a smaller picture looks better than a poorer one."""

_SLIMMEST = 1000.0
"""Bits a second below which encoders refuse to work."""


def check(plan: Plan, most: int | None) -> None:
    """Refuse a budget where nothing can be given up.

    Raises:
        UseError: It is asked for pictures, for sound alone, or for a codec that has one size only.
    """
    if most is not None and plan.kind != "animation" and plan.codec not in _THIN:
        raise UseError(
            f"--max-size cannot be kept by {plan.path.name}: {plan.codec or plan.kind} cannot be made smaller.",
            f"Write a .gif, .webp, .apng, or a film with {', '.join(_THIN)}.",
        )


def fit_animation(plan: Plan, most: int, made: Path, write: Callable[[Plan, Path], None], keep_rate: bool) -> None:
    """Find the best animation that is small enough: size, rate and colours (or quality) go down together.

    Args:
        plan: How `made` was written.
        most: Bytes.
        made: The finished file, which is too large; replaced.
        write: Writes an animation as a plan says.
        keep_rate: Whether the frame rate is as somebody asked for.

    Raises:
        UseError: Not even the smallest one fits.
    """
    low, high = 0, _RUNGS
    trial, smallest = made.with_suffix(".trial"), made.stat().st_size
    best: Plan | None = None
    known = {0: smallest, _RUNGS - 1: smallest / _RANGE}
    while high - low > 1 and not (best and known[high] > 0.9 * most):
        rung = min(max(_expected(known, low, min(high, _RUNGS - 1), most), low + 1), high - 1)
        squeezed = _squeezed(plan, rung / (_RUNGS - 1), keep_rate)
        write(squeezed, trial)
        known[rung] = trial.stat().st_size
        smallest = min(smallest, trial.stat().st_size)
        if known[rung] <= most:
            high, best = rung, squeezed
            trial.replace(made)
        else:
            low = rung
    trial.unlink(missing_ok=True)
    if best is None:
        raise _impossible(plan, most, f"the smallest that was made has {_at_most(smallest)}")
    log.warning("To keep %s within %s it is %s (from %s).", plan.path.name, say(most), _words(best), _words(plan))


def _expected(known: dict[int, float], low: int, high: int, most: int) -> int:
    """The rung between two at which the size should be just small enough: sizes fall by a ratio from rung to rung."""
    fall = math.log(known[low] / known[high]) if known[low] > known[high] else 1.0
    return low + math.ceil((high - low) * math.log(known[low] / most) / fall)


def _squeezed(plan: Plan, share: float, keep_rate: bool) -> Plan:
    """What is left after giving up a share, 0…1, of what can be."""
    spec, scale = plan.spec, _LEAST**share
    width, height = (max(1, round(side * scale)) for side in plan.size)
    rate = spec.rate
    if not keep_rate and rate > _SLOWEST:
        rate = Fraction(float(rate) * float(_SLOWEST / rate) ** share).limit_denominator(10)
    options = dict(plan.options)
    if plan.codec == "webp":
        quality = int(options["quality"])
        options = {"quality": str(round(quality + (min(quality, _POOREST) - quality) * share))}
    colours = round(plan.colours * (_FEWEST / plan.colours) ** share)
    return replace(
        plan,
        spec=spec.replace(width=width, height=height, rate=rate),
        size=(width, height),
        options=options,
        colours=colours,
        squeezed=True,
    )


def _words(plan: Plan) -> str:
    """Say how large, fast and rich an animation is."""
    words = [f"{plan.size[0]}×{plan.size[1]}", f"{float(plan.spec.rate):.3g} fps"]
    if plan.codec == "gif":
        words.append(f"{plan.colours} colours")
    if plan.codec == "webp":
        words.append(f"quality {plan.options['quality']}")
    return ", ".join(words)


def fit_film(
    plan: Plan,
    most: int,
    made: Path,
    segments: Sequence[Segment],
    frames: Callable[[], Iterable[Frame]],
    write: Callable[[Plan, Sequence[Segment], Path], None],
    threads: int,
) -> None:
    """Encode a finished film again at the bit rate that its size allows, smaller where that leaves too few bits.

    Args:
        plan: How `made` was written.
        most: Bytes.
        made: The finished file, which is too large; replaced.
        segments: What it was made from, beside it.
        frames: Reads the pictures of `made`.
        write: Puts a film together from segments.
        threads: Cores for the encoder; all if 0.

    Raises:
        UseError: The budget is too small.
    """
    pts, _, duration, _ = max(segments[-1].stamps)
    seconds = (pts + duration) * Fraction(segments[-1].time_base)
    pictures = sum(packet.size for segment in segments for packet, _ in packets(segment, made.parent))
    rest = made.stat().st_size - pictures
    trial, fitting, smallest = made.with_suffix(".trial"), made.with_suffix(".fitting"), made.stat().st_size
    width, height = plan.size
    least = max(_SLIMMEST, _LEAST**2 * width * height * float(plan.spec.rate) * _THIN[plan.codec])
    target = float((most * 0.97 - rest) * 8 / seconds)
    best: Plan | None = None
    for tries in range(_TRIES):
        # The last try is the least that is still a film.
        target = least if best is None and tries == _TRIES - 1 else max(target, least)
        squeezed = _at_rate(plan, target)
        shown = frames() if squeezed.size == plan.size else _scaled(frames(), squeezed.size)
        segment = _encoded(squeezed, made.parent, len(segments), segments[0].time_base, shown, threads)
        write(squeezed, [segment], trial)
        size = trial.stat().st_size
        smallest = min(smallest, size)
        if size <= most:
            again = best is None and size < 0.9 * most
            trial.replace(fitting)
            best = squeezed
            if not again:
                break
            # Encoders use less than they may on short films: there is room for one better try.
            target *= 0.97 * (most - rest) / (size - rest)
        elif best is not None or target <= least:
            break
        else:
            target *= 0.95 * max(0.1, (most - rest) / (size - rest))
    trial.unlink(missing_ok=True)
    if best is None:
        why = f"; all but its pictures takes {say(rest)}" if rest > most / 2 else ""
        raise _impossible(plan, most, f"the smallest that was made has {_at_most(smallest)}{why}")
    fitting.replace(made)
    words = f"{best.size[0]}×{best.size[1]} at {int(best.options['b']) / 1000:.0f} kbit/s"
    log.warning("To keep %s within %s its picture is %s.", plan.path.name, say(most), words)


def _at_rate(plan: Plan, target: float) -> Plan:
    """The plan for so many bits a second."""
    width, height = plan.size
    pixels = target / float(plan.spec.rate) / _THIN[plan.codec]
    scale = min(1.0, (pixels / (width * height)) ** 0.5)
    if scale < 1:
        width, height = (max(16, 2 * round(side * scale / 2)) for side in plan.size)
    options = {key: value for key, value in plan.options.items() if key not in ("crf", "b", "qp")}
    options["b"] = str(round(target))
    if plan.codec in ("h264", "h265"):
        options |= {"maxrate": str(round(1.5 * target)), "bufsize": str(round(2 * target))}
    spec = plan.spec if scale == 1 else plan.spec.replace(width=width, height=height)
    return replace(plan, options=options, size=(width, height), spec=spec)


def _scaled(frames: Iterable[Frame], size: tuple[int, int]) -> Iterator[Frame]:
    for frame in frames:
        yield frame.with_image(resize(frame.image, *size))


def _encoded(plan: Plan, folder: Path, index: int, base: str, frames: Iterable[Frame], threads: int) -> Segment:
    name = f"{index:06d}.mkv"
    encoder = Encoder(plan, folder / name, Fraction(base), threads)
    stamps = None
    try:
        for frame in frames:
            encoder.add(frame)
        stamps = encoder.finish()
    finally:
        if stamps is None:
            encoder.abandon()
    return Segment(index, name, encoder.frames, base, stamps)


def _at_most(size: int) -> str:
    """Say a size rounded up, so that a budget of what was said can be kept."""
    digit: int = 10 ** max(0, len(str(size)) - 3)
    return say(-(-size // digit) * digit)


def _impossible(plan: Plan, most: int, why: str) -> UseError:
    return UseError(
        f"{plan.path.name} cannot be made as small as {say(most)}: {why}.",
        "Raise --max-size, write less of it with --start and --end, or leave out the sound with --no-sound.",
    )

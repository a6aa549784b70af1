"""Speed of `style` at 640×360, and how much it flickers with and without `--steady`."""

from __future__ import annotations

import time
from itertools import islice

from melies.bench import Bench, Result, benchmark
from melies.clip import open as open_clip
from melies.engine.shots import mark_shots
from melies.frame import Frame, VideoSpec

FPS = 10.0
RATIO = 2.0
SKIPPED = 4
FILMS = ("bikes", "carphone_pristine")


@benchmark
def style(bench: Bench) -> list[Result]:
    """Frames a second of 640×360 with the shipped styles, steadied; warp error without and with `--steady`."""
    from melies.effects.style import Style
    from melies.engine.chain import run_effect
    from melies.metrics import warp_error
    from melies.styling.looks import styles

    results = []
    usual = Style().steady
    names = list(styles())
    frames, spec = _frames(bench, "bigbuckbunny", 12 if bench.quick else 40, (640, 360))
    for name in ("auvers", "engraving"):
        fps = max(_speed(name, frames, spec) for _ in range(1 if bench.quick else 3))
        what = f"{name} at {spec.width}×{spec.height}, steadied, without reading and writing the film"
        results.append(Result("style", what, fps, "frames/s", f">= {FPS:g}", fps >= FPS))
    for film in FILMS:
        frames, spec = _frames(bench, film, 12 if bench.quick else 24)
        source = [frame.image for frame in frames]
        for name in names[:1] if bench.quick else names:
            loose, firm = (
                warp_error([f.image for f in run_effect(Style(style=name, steady=steady), iter(frames), spec)], source)
                for steady in (0.0, usual)
            )
            ratio = loose / firm
            detail = f"{255 * loose:.2f} and {255 * firm:.2f} of 255; the film itself {255 * warp_error(source):.2f}"
            what = f"flicker of {name} ({film}): warp error without / with --steady"
            results.append(Result("style", what, ratio, "x", f">= {RATIO:g}", ratio >= RATIO, detail))
    return results


def _frames(bench: Bench, film: str, count: int, size: tuple[int, int] | None = None) -> tuple[list[Frame], VideoSpec]:
    """Return the first frames of a film, at a size, with their cuts marked."""
    from melies.effects.resize import Resize

    clip = open_clip(bench.footage(film))
    if size:
        clip = clip.apply(Resize(width=size[0], height=size[1]))
    frames = list(islice(mark_shots(clip.frames()), count))
    return frames, clip.spec.replace(frames=len(frames))


def _speed(name: str, frames: list[Frame], spec: VideoSpec) -> float:
    """Frames a second, the first ones aside, which wait for the network to be loaded."""
    from melies.effects.style import Style

    begun = 0.0
    for count, _ in enumerate(Style(style=name).apply(iter(frames), spec), 1):
        if count == SKIPPED:
            begun = time.perf_counter()
    return (len(frames) - SKIPPED) / (time.perf_counter() - begun)

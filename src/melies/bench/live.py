"""How late a show's pictures are, above all when its effect is slower than the camera, and whether its memory grows."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from melies.bench import Bench, Result, benchmark
from melies.effect import Effect
from melies.frame import Frame, VideoSpec
from melies.live.desk import Desk
from melies.live.show import Show
from melies.live.sinks import Seen, Sink
from melies.live.sources import Pattern, Played, Source

MINUTES = "MELIES_LIVE_MINUTES"
"""Environment variable: how long the slow show runs; half a minute if it is not set."""

SLOWER = 3
"""How many camera pictures come while the effect works on one."""

BOUND, GROWTH = 2.5, 16.0


class Slow(Effect):
    """Takes its time, whatever the machine."""

    seconds: float = 0.12
    """for each picture"""

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Wait, and change every picture."""
        for frame in frames:
            time.sleep(self.seconds)
            yield frame.with_image(255 - frame.image)


class Nowhere(Sink):
    """Counts a picture as shown."""

    def show(self, frame: Frame, seen: Seen) -> None:
        """See it."""
        seen()


@benchmark
def live(bench: Bench) -> list[Result]:
    """An effect three times slower than its film: is latency bounded, memory flat? Minutes: MELIES_LIVE_MINUTES."""
    minutes = float(os.environ.get(MINUTES, "0.1" if bench.quick else "0.5"))
    film = bench.films[0] if bench.films else bench.footage("carphone_pristine")
    source = Played(film)
    own = SLOWER / float(source.rate)
    show, late, held = _play(source, 60 * minutes, Slow(seconds=own))
    ratio = max(late) / own
    quarter = max(1, len(held) // 4)
    growth = (float(np.median(held[-quarter:])) - float(np.median(held[quarter : 2 * quarter]))) / 1e6
    told = f"{minutes:g} minutes of {film.name}, {show.numbers.shown} shown, {show.numbers.dropped} dropped"
    quick, _, _ = _play(Pattern(), 5)
    figures = quick.numbers.plain()
    return [
        Result(
            "live", "95 % of latencies / time of an effect 3x slower than the camera", ratio, "x", f"<= {BOUND:g}",
            ratio <= BOUND, f"the worst of any ten seconds; {told}",
        ),
        Result(
            "live", "memory gained from the second to the last quarter", growth, "MB", f"<= {GROWTH:g}",
            growth <= GROWTH, f"{held[-1] / 1e6:.0f} MB at the end",
        ),
        Result(
            "live", "latency without an effect, 640x480 at 30 fps", figures["latency_ms"], "ms", "<= 20",
            figures["latency_ms"] <= 20, f"95 % {figures['latency_p95_ms']:.0f} ms, {figures['fps']:.1f} fps",
        ),
    ]  # fmt: skip


def _play(source: Source, seconds: float, *effects: Effect) -> tuple[Show, list[float], list[int]]:
    """Run a show; return it, its 95 % latencies taken now and then, and the bytes it held."""
    late: list[float] = []
    held: list[int] = []
    with Show(source, Desk(effects), [Nowhere()], seconds=seconds) as show:
        due = 0.0

        def look() -> None:
            nonlocal due
            held.append(_memory())
            if show.numbers.shown >= 20 and time.monotonic() >= due:
                late.append(show.numbers.latency(0.95))
                due = time.monotonic() + 5

        show.ticking.append(look)
        show.run()
    return show, late or [show.numbers.latency(0.95)], held


def _memory() -> int:
    """Return the bytes that this process holds; elsewhere than on Linux, the most it ever held."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

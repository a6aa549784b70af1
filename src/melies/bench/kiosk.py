"""Whether the memory of a kiosk grows over thousands of pictures, and how soon it is back after it was killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from melies.bench import Bench, Result, benchmark
from melies.effect import Effect, Generator
from melies.effects.feedback import Feedback
from melies.errors import MeliesError
from melies.frame import Frame
from melies.generators.cppn import Cppn
from melies.generators.growth import Growth
from melies.kiosk.drawn import Ticks, on_stage
from melies.live.desk import Desk
from melies.live.kiosk import held
from melies.live.show import Show
from melies.live.sinks import Seen, Sink
from melies.live.sources import Folder, Source

SETTLED = 200
GROWTH, BACK = 4.0, 15.0
SIZE = (96, 64)


class Counted(Sink):
    """Counts pictures, notes what is held after `SETTLED` of them, and ends the show after the last."""

    def __init__(self, last: int) -> None:
        self.show_: Show | None = None
        self.count, self.last = 0, last
        self.before = self.after = 0

    def show(self, frame: Frame, seen: Seen) -> None:
        """See it."""
        seen()
        self.count += 1
        if self.count == SETTLED:
            self.before = held()
        if self.count == self.last and self.show_ is not None:
            self.after = held()
            self.show_.stop()


@benchmark
def kiosk(bench: Bench) -> list[Result]:
    """An installation: memory gained between picture 200 and 5000, and seconds until it is back after kill -9."""
    last = 1000 if bench.quick else 5000
    films = bench.folder / "films"
    films.mkdir(exist_ok=True)
    for number in (1, 2):
        (films / f"{number}.mp4").write_bytes(bench.clip(SIZE, 1, "carphone_pristine").read_bytes())
    small = {"size": SIZE, "fps": Fraction(200)}
    cppn = Cppn(**small, layers=3, width=6, react=["zoom=1+0.5*sin(t)"])
    shows: list[tuple[str, Source, Sequence[Effect]]] = [
        ("cppn with a formula, and feedback", *_drawn(cppn), ),
        ("growth", *_drawn(Growth(**small, cells=32, pace=200, tear=2))),
        ("two films in turn, and feedback", Folder(films, rate=Fraction(200)), [Feedback(zoom=1.02)]),
    ]  # fmt: skip
    results = [_memory(name, source, effects, last) for name, source, effects in shows]
    return [*results, _back()]


def _drawn(generator: Generator) -> tuple[Source, Sequence[Effect]]:
    spec = generator.spec
    return Ticks(spec.rate, (spec.width, spec.height)), [on_stage(generator), Feedback(zoom=1.02)]


def _memory(name: str, source: Source, effects: Sequence[Effect], last: int) -> Result:
    sink = Counted(last)
    with Show(source, Desk(effects), [sink], tireless=True) as show:
        sink.show_ = show
        show.run()
    gained = (sink.after - sink.before) / 1e6
    figures = show.numbers.plain()
    return Result(
        "kiosk", f"memory gained from picture {SETTLED} to {last}: {name}", gained, "MB", f"<= {GROWTH:g}",
        gained <= GROWTH, f"{sink.after / 1e6:.0f} MB at the end, {figures['fps']:.0f} pictures a second",
    )  # fmt: skip


def _back() -> Result:
    """Kill the process that plays, and wait for the next picture; on Linux, where it can be found."""
    name = "from kill -9 to the next picture"
    if not Path("/proc/self/task").exists():
        return Result("kiosk", f"not measured on this system: {name}", float("nan"), "")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["kiosk", "cppn", "--size", "96x64", "--to", "stream", "--port", str(port), "--quiet"]
    parent = subprocess.Popen([sys.executable, "-m", "melies", *words], stderr=subprocess.DEVNULL)
    try:
        os.kill(_playing(parent, port), signal.SIGKILL)
        began = time.monotonic()
        _playing(parent, port)
        seconds = time.monotonic() - began
    finally:
        parent.terminate()
        parent.wait()
    return Result(
        "kiosk", name, seconds, "s", f"<= {BACK:g}", seconds <= BACK, "cppn; a pause of a second is part of it"
    )


def _playing(parent: subprocess.Popen[bytes], port: int) -> int:
    """Wait until a picture is shown, and return the number of the process that shows it."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/numbers.json", timeout=2) as answer:
                if b'"shown": 0,' not in answer.read():
                    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text()
                    return int(children.split()[0])
        except OSError:
            time.sleep(0.02)
    raise MeliesError("The kiosk showed nothing for a minute.", "Look at what it says: melies kiosk cppn --to stream")

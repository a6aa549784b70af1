"""What a render says while it runs: a bar in a terminal, plain lines elsewhere, JSON events for machines.

People read stderr, machines read stdout; one of the two stays empty.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO

import click

if TYPE_CHECKING:
    from melies.engine.progress import Progress

EVERY = 5.0
"""Seconds between two plain lines."""


class Report(Protocol):
    """How a render speaks."""

    def progress(self, event: Progress) -> None:
        """Tell how far it is."""

    def note(self, level: int, text: str) -> None:
        """Tell something; `level` is one of `logging`'s."""

    def done(self, output: Path) -> None:
        """Tell that the output is there."""

    def close(self) -> None:
        """Leave the screen tidy, also after a failure."""


class Lines:
    """Plain lines, one every few seconds: for logs, pipes and CI."""

    def __init__(self) -> None:
        self._began = self._said = time.monotonic()
        self._frames = 0

    def progress(self, event: Progress) -> None:
        """Tell how far it is, if nothing was said for a while."""
        self._keep(event)
        now = time.monotonic()
        if now - self._said >= EVERY:
            self._said = now
            self._show(event)

    def note(self, level: int, text: str) -> None:
        """Write one line on stderr."""
        if level >= logging.WARNING:
            text = f"{click.style('warning:', fg='yellow')} {text}"
        say(text, err=True)

    def done(self, output: Path) -> None:
        """Tell what was made, of how many frames and how fast."""
        took = time.monotonic() - self._began
        words = [str(output), count(self._frames), clock(took)]
        if self._frames > 1 and took > 0:
            words.append(f"{self._frames / took:.1f} fps")
        self.close()
        say(" · ".join(words), err=True)

    def close(self) -> None:
        """Nothing is open."""

    def _keep(self, event: Progress) -> None:
        if event.phase == "render":
            self._frames = event.frames

    def _show(self, event: Progress) -> None:
        say(" · ".join(describe(event)), err=True)


class Quiet(Lines):
    """Only warnings."""

    def progress(self, event: Progress) -> None:
        """Say nothing."""

    def done(self, output: Path) -> None:
        """Say nothing."""


class Bar(Lines):
    """A bar that is redrawn in place and leaves no trace."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Screen

        self._screen = Screen(
            BarColumn(bar_width=24, complete_style="cyan", finished_style="cyan"),
            TextColumn("{task.description}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._screen.add_task("starting", total=None)
        self._screen.start()

    def progress(self, event: Progress) -> None:
        """Redraw the bar."""
        self._keep(event)
        busiest = max(event.loads.items(), key=lambda stage: stage[1], default=None)
        words = describe(event)
        if busiest:
            words.append(f"[dim]{busiest[0]} {busiest[1]:.0%}[/dim]")
        self._screen.update(
            self._task,
            total=event.total,
            completed=event.frames,
            description=" · ".join(words),
        )

    def note(self, level: int, text: str) -> None:
        """Write above the bar."""
        mark = "[yellow]warning:[/yellow] " if level >= logging.WARNING else ""
        from rich.markup import escape

        self._screen.console.print(mark + escape(text), highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Take the bar away."""
        self._screen.stop()


class Json:
    """Events on stdout, one object a line."""

    def progress(self, event: Progress) -> None:
        """Tell everything that is known."""
        self._write("progress", **facts(event))

    def note(self, level: int, text: str) -> None:
        """Tell warnings apart from the rest."""
        self._write("warning" if level >= logging.WARNING else "info", message=text)

    def done(self, output: Path) -> None:
        """Tell that the output is there."""
        self._write("done", output=str(output))

    def close(self) -> None:
        """Nothing is open."""

    def _write(self, event: str, **data: Any) -> None:
        say(json.dumps({"event": event, **data}))


class QuietJson(Json):
    """Events without progress."""

    def progress(self, event: Progress) -> None:
        """Say nothing."""


@contextmanager
def reporting(*, as_json: bool, quiet: bool, verbose: bool) -> Iterator[Report]:
    """Give a report fit for where the output goes, and send what `melies` logs through it."""
    report: Report
    if as_json:
        report = QuietJson() if quiet else Json()
    elif quiet:
        report = Quiet()
    else:
        report = Bar() if sys.stderr.isatty() else Lines()
    with relayed(report, verbose=verbose):
        yield report


@contextmanager
def relayed(report: Report, *, verbose: bool) -> Iterator[None]:
    """Send what `melies` logs through a report, and close that at the end."""
    relay = _Relay(report)
    logger = logging.getLogger("melies")
    level = logger.level
    logger.addHandler(relay)
    logger.setLevel(logging.DEBUG if verbose else logging.WARNING)
    try:
        yield
    finally:
        report.close()
        logger.removeHandler(relay)
        logger.setLevel(level)


class _Relay(logging.Handler):
    """Hands what is logged to a report."""

    def __init__(self, report: Report) -> None:
        super().__init__()
        self._report = report

    def emit(self, record: logging.LogRecord) -> None:
        self._report.note(record.levelno, record.getMessage())


def say(text: str, err: bool = False) -> None:
    """Write a line; when nobody reads any more, be silent from then on and stop.

    Raises:
        click.exceptions.Exit: Nobody reads. It is no failure of the render, which would be reported in vain.
    """
    try:
        click.echo(text, err=err)
    except BrokenPipeError:
        hush(sys.stderr if err else sys.stdout)
        raise click.exceptions.Exit(1) from None


def hush(stream: TextIO) -> None:
    """Send what is written from now on nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def facts(event: Progress) -> dict[str, Any]:
    """Return a progress event as plain data."""
    rounded = {"seconds": round(event.seconds, 3), "fps": round(event.fps, 2)}
    left = None if event.left is None else round(event.left, 1)
    return asdict(event) | rounded | {"left": left, "loads": {k: round(v, 2) for k, v in event.loads.items()}}


def describe(event: Progress) -> list[str]:
    """Put a progress event into a few words."""
    if event.phase == "choose":
        return [f"choosing shots · {event.frames} of {event.total}"]
    if event.phase != "render":
        return ["finishing"]
    words = []
    if event.total:
        words.append(f"{min(1.0, event.frames / event.total):.0%}")
    words += [count(event.frames), f"{event.fps:.1f} fps"]
    if event.left is not None:
        words.append(f"{clock(event.left)} left")
    return words


def count(frames: int) -> str:
    """Return `1 frame`, `240 frames`."""
    return f"{frames} frame{'' if frames == 1 else 's'}"


def clock(seconds: float) -> str:
    """Return `0:07`, `12:34` or `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"

"""`melies train`: teach a network on material of one's own."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from melies.cli.options import options_of, values

if TYPE_CHECKING:
    from melies.train import Progress, Trainer

EVERY = 10.0
"""Seconds between two plain lines."""


class TrainCommand(click.Command):
    """One trainer with its options: its own first, then those that all have."""

    def __init__(self, trainer: type[Trainer]) -> None:
        from melies.schema import summary
        from melies.train import Trainer as Base

        self.trainer = trainer
        options = options_of(trainer)
        shared = set(Base.model_fields)
        super().__init__(
            trainer.name(),
            params=[*sorted(options, key=lambda option: option.name in shared), *_flags()],
            callback=self._run,
            help=f"{summary(trainer)}.",
            short_help=summary(trainer),
            options_metavar="--out FOLDER [OPTIONS]",
        )

    def _run(self, resume: bool, export_only: bool, as_json: bool, quiet: bool, **given: Any) -> None:
        from melies import train
        from melies.cli.report import reporting

        chosen = values(self.trainer, given)
        if resume or export_only:
            chosen = {**train.begun(self.trainer, Path(chosen.get("out", ""))), **chosen}
        trainer = self.trainer(**chosen)
        # What a trainer has found in its material is worth a line.
        with reporting(as_json=as_json, quiet=quiet, verbose=not quiet), _interruptible() as stop:
            screen = _screen(as_json, quiet)
            try:
                if export_only:
                    screen.tell(train.export(trainer))
                else:
                    for progress in train.run(trainer, resume=resume, stopped=stop.is_set):
                        screen.tell(progress)
            finally:
                screen.close()


def _flags() -> list[click.Option]:
    return [
        click.Option(["--resume"], is_flag=True, help="Go on with the run in --out; only limits need be given again."),
        click.Option(
            ["--export-only"], is_flag=True, help="Write the ONNX files of the run in --out, without training."
        ),
        click.Option(["--json", "as_json"], is_flag=True, help="Report as JSON, one object a line."),
        click.Option(["-q", "--quiet"], is_flag=True, help="Say nothing unless something is wrong."),
    ]


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Let the first Ctrl-C end the training in good order; the second one is as anywhere."""
    stop = threading.Event()

    def interrupted(number: int, frame: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        click.echo("stopping after this step; Ctrl-C again to leave at once", err=True)

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


class _Lines:
    """Plain lines, one every few seconds, and one for each file that is finished."""

    def __init__(self) -> None:
        self._said = 0.0

    def tell(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._said >= EVERY or progress.files:
            self._said = now
            self._say(" · ".join(_words(progress)))
        for file in progress.files:
            self._say(f"wrote {file}")

    def close(self) -> None:
        """Nothing is open."""

    def _say(self, text: str) -> None:
        from melies.cli.report import say

        say(text, err=True)


class _Quiet(_Lines):
    def tell(self, progress: Progress) -> None:
        """Say nothing."""


class _Bar(_Lines):
    """A bar that is redrawn in place."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Screen

        bar = BarColumn(bar_width=24, complete_style="cyan", finished_style="cyan")
        text = TextColumn("{task.description}", markup=False)
        self._screen = Screen(bar, text, console=Console(stderr=True), transient=True)
        self._task = self._screen.add_task("starting", total=None)
        self._screen.start()

    def tell(self, progress: Progress) -> None:
        words = " · ".join(_words(progress))
        total = None if progress.share is None else 1.0
        self._screen.update(self._task, total=total, completed=progress.share or 0.0, description=words)
        lines = [f"wrote {file}" for file in progress.files]
        if progress.measured and lines:
            lines.insert(0, words)
        for line in lines:
            self._screen.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        self._screen.stop()


class _Json(_Lines):
    """Every few seconds, and for each file, one object on stdout."""

    def tell(self, progress: Progress) -> None:
        from melies.cli.report import say

        now = time.monotonic()
        if now - self._said < EVERY and not progress.files:
            return
        self._said = now
        facts = {
            "event": "progress",
            "step": progress.step,
            "share": progress.share,
            "seconds": round(progress.seconds, 1),
            "left": None if progress.left is None else round(progress.left, 1),
            "losses": dict(progress.losses),
            "measured": dict(progress.measured),
            "files": [str(file) for file in progress.files],
        }
        say(json.dumps(facts))


def _screen(as_json: bool, quiet: bool) -> _Lines:
    if quiet:
        return _Quiet()
    if as_json:
        return _Json()
    return _Bar() if sys.stderr.isatty() else _Lines()


def _words(progress: Progress) -> list[str]:
    from melies.cli.report import clock

    words = [] if progress.share is None else [f"{progress.share:.0%}"]
    words.append(f"step {progress.step}")
    words += [f"{name} {value:.4g}" for name, value in progress.losses.items()]
    words += [f"[{name} {value:.4g}]" for name, value in progress.measured.items()]
    if progress.left is not None:
        words.append(f"{clock(progress.left)} left")
    return words


class Train(click.Group):
    """The group of all trainers."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all trainers."""
        from melies import train

        return list(train.every())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Make the command of a trainer; an unknown one is refused with the nearest names."""
        from melies import train

        if cmd_name not in train.names() and (ctx.resilient_parsing or cmd_name.startswith("-")):
            return None
        return TrainCommand(train.find(cmd_name))


@click.command(
    cls=Train,
    no_args_is_help=True,
    subcommand_metavar="NAME --out FOLDER [OPTIONS]",
    epilog="""\b
    melies train puppet --clips talks/ --out run --minutes 60
    melies train puppet --out run --resume --minutes 60""",
)
def command() -> None:
    """Teach a network on films of your own; what comes out is ONNX, which effects run without PyTorch.

    Ctrl-C ends a training in good order: it can be resumed, and its ONNX files are written.
    """

"""`melies train`: teach a network on material of one's own."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from melies.cli.options import options_of, values
from melies.cli.training import screen_for
from melies.cli.words import Strict

if TYPE_CHECKING:
    from melies.train import Trainer


class TrainCommand(click.Command):
    """One trainer with its options: its own first, then those that all have."""

    def __init__(self, trainer: type[Trainer]) -> None:
        from melies.schema import summary
        from melies.train import Trainer as Base

        self.trainer = trainer
        options = options_of(trainer)
        shared = [field.alias or name for name, field in Base.model_fields.items()]
        order = {name: place for place, name in enumerate(shared)}
        super().__init__(
            trainer.name(),
            params=[*sorted(options, key=lambda option: order.get(str(option.name), -1)), *_flags()],
            callback=self._run,
            help="\n\n".join(filter(None, (f"{summary(trainer)}.", trainer.advice))),
            epilog="\b\n" + "\n".join(f"    melies {line}" for line in trainer.examples) if trainer.examples else None,
            short_help=summary(trainer),
            options_metavar="--out FOLDER [OPTIONS]",
        )

    def _run(self, resume: bool, export_only: bool, as_json: bool, quiet: bool, pictures: bool, **given: Any) -> None:
        from melies import train
        from melies.cli.report import relayed
        from melies.errors import UseError

        chosen = values(self.trainer, given)
        if resume or export_only:
            if "out" not in chosen:
                raise UseError(f"{self.trainer.name()} needs the option --out.", "Name the folder of the run.")
            chosen = {**train.to_go_on(self.trainer, Path(chosen["out"])), **chosen}
        trainer = self.trainer(**chosen)
        screen = screen_for(as_json=as_json, quiet=quiet, pictures=pictures)
        # What a trainer has found in its material is worth a line.
        with relayed(screen, verbose=not quiet), _interruptible() as stop:
            if export_only:
                screen.tell(train.export(trainer))
                return
            for progress in train.run(trainer, resume=resume, stopped=stop.is_set):
                screen.tell(progress)


def _flags() -> list[click.Option]:
    return [
        click.Option(["--resume"], is_flag=True, help="Go on with the run in --out; only limits need be given again."),
        click.Option(
            ["--export-only"], is_flag=True, help="Write the ONNX files of the run in --out, without training."
        ),
        click.Option(
            ["--pictures/--no-pictures"],
            default=True,
            help="Show previews in the terminal, as small coloured blocks.  [default yes]",
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


class Train(Strict):
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
    melies train style --style harvest.jpg --photos photos/ --out run --minutes 60 --name harvest
    melies train style --out run --resume --minutes 60
    melies apply in.mp4 out.mp4 style harvest""",
)
def command() -> None:
    """Teach a network on pictures and films of your own; what comes out is ONNX, which effects run without PyTorch.

    Everything of a run lies in the folder --out: a page with its curves (curves.html), previews, checkpoints, and the
    finished network with a card that says what it learned from. With --name it is also kept among your own models, and
    effects know it by that name.

    Look at the first previews, after a quarter of a minute: what goes wrong is seen soon. Ctrl-C ends a training in
    good order: it can be resumed, and its ONNX files are written. A run that was killed goes on from its last
    checkpoint as if nothing had happened: --resume.
    """

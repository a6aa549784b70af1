"""`melies live`: a camera, effects, and where the result goes, until somebody ends it."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from melies.cli.apply import Apply, StepCommand
from melies.cli.options import options_of, values

if TYPE_CHECKING:
    from melies.effect import Effect
    from melies.live.numbers import Numbers
    from melies.live.options import LiveOptions
    from melies.live.show import Show
    from melies.media.output import SaveOptions

SAVED = ("codec", "quality", "preset", "overwrite")
"""What of `SaveOptions` makes sense for a film that is written while it happens."""

EVERY = 5.0
"""Seconds between two events."""


class LiveEffect(StepCommand):
    """An effect on a stage: a field that has `--choices` need not be given."""

    def __init__(self, effect: type[Effect]) -> None:
        super().__init__(effect)
        self.effect = effect
        self.callback = self._make

    def _make(self, **given: Any) -> Effect:
        from melies.live.options import first_choices

        parent = click.get_current_context().parent
        chosen = list(parent.params.get("choices") or ()) if parent else []
        return self.effect(**{**first_choices(chosen, self.effect.name()), **values(self.effect, given)})


class Live(Apply):
    """Effects, and options that may stand anywhere."""

    places = 0

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Make the command of an effect."""
        from melies.effect import Effect

        command = super().get_command(ctx, cmd_name)
        if isinstance(command, StepCommand) and issubclass(command.step, Effect):
            return LiveEffect(command.step)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the words as they were typed, for a process that is to do the same."""
        ctx.meta["melies.words"] = list(args)
        return super().parse_args(ctx, args)

    def groups(self) -> dict[str, list[click.Option]]:
        """Return the general options under their headings."""
        if not hasattr(self, "_headings"):
            from melies.live.options import GROUPS
            from melies.media.output import SaveOptions

            self._headings = {heading: options_of(model) for heading, model in GROUPS.items()}
            self._headings["Writing"] = options_of(SaveOptions, leave_out=set(SaveOptions.model_fields) - set(SAVED))
            self._headings["Running"] = super().groups()["Running"]
        return self._headings


Opening = Callable[["LiveOptions", "SaveOptions", Callable[[str], None]], "AbstractContextManager[Show]"]
"""Opens a show as options say."""


def perform(
    opening: Opening,
    given: Mapping[str, Any],
    words: list[str],
    model: type[LiveOptions] | None = None,
    command: str = "live",
) -> int:
    """Run the show that the command line describes, or watch over the process that does; return the exit status.

    Args:
        opening: Opens it.
        given: The general options that were given.
        words: What was typed behind the command.
        model: What the options are read into.
        command: Its name.

    Raises:
        MeliesError: It cannot be done.
    """
    from melies.live import kiosk
    from melies.live.options import LiveOptions
    from melies.live.start import check
    from melies.media.output import SaveOptions
    from melies.models import runtime

    options: LiveOptions = _read(model or LiveOptions, given, command)
    kept = {key: given[key] for key in SAVED if given[key] is not None}
    saving = _read(SaveOptions, {"preset": "veryfast", **kept}, command)
    with _telling(given) as say:
        check(options)
        if options.kiosk and kiosk.PULSE not in os.environ:
            return kiosk.watch([sys.executable, "-m", "melies", command, *words], **options.watching)
        with kiosk.logged(options.log), runtime.options(device=given["device"], threads=given["threads"]):
            try:
                with opening(options, saving, say) as show:
                    if given["as_json"]:
                        show.ticking.append(_events(show.numbers))
                    try:
                        show.run()
                    finally:
                        _sum_up(show.numbers, given)
            except KeyboardInterrupt:
                pass  # The usual end of a show: what was written is complete.
    return 0


def _read(model: Any, given: Mapping[str, Any], command: str) -> Any:
    from pydantic import ValidationError

    from melies.errors import UseError
    from melies.explain import explain

    try:
        return model(**values(model, given))
    except ValidationError as error:
        raise UseError(explain(error, model), f"See: melies {command} --help") from None


@contextmanager
def _telling(given: Mapping[str, Any]) -> Iterator[Callable[[str], None]]:
    """Send what is logged, and what people should know, where they look."""
    from melies.cli import report

    quiet, as_json = given["quiet"], given["as_json"]
    with report.reporting(as_json=as_json, quiet=True, verbose=given["verbose"]) as told:
        yield lambda text: None if quiet else told.note(logging.INFO, text)


def _events(numbers: Numbers) -> Callable[[], None]:
    """Return a function that prints the figures every few seconds."""
    said = time.monotonic()

    def tick() -> None:
        nonlocal said
        if time.monotonic() - said >= EVERY:
            said = time.monotonic()
            click.echo(json.dumps({"event": "numbers", **numbers.plain()}))

    return tick


def _sum_up(numbers: Numbers, given: Mapping[str, Any]) -> None:
    if given["as_json"]:
        click.echo(json.dumps({"event": "done", **numbers.plain()}))
    elif numbers.shown and not given["quiet"]:
        click.echo(" · ".join((f"{numbers.shown} pictures", *numbers.lines())), err=True)


def _start(steps: list[Effect], **given: Any) -> None:
    from melies.live.start import opened

    leave(perform(partial(opened, steps), given, click.get_current_context().meta["melies.words"]))


def leave(status: int) -> None:
    """End the command with an exit status."""
    if status:
        raise click.exceptions.Exit(status)


@click.command(
    "live",
    cls=Live,
    chain=True,
    invoke_without_command=True,
    result_callback=_start,
    subcommand_metavar="[EFFECT [OPTIONS]]...",
    epilog="""\b
    melies live matte --background beach.jpg
    melies live --camera synthetic --to stream
    melies live matte --to window --to virtual-camera --osc 9000
    melies live --recipe stage.yaml --kiosk --log stage.log""",
)
def command(**given: Any) -> None:
    """Send a camera through effects and show what comes out, until somebody ends it.

    Options after an effect are that effect's; the general ones below may stand anywhere. While it runs, keys in the
    window, or lines typed in the terminal, change everything: h lists them.
    """

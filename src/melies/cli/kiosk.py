"""`melies kiosk`: a generator, films or a camera, and effects, played without end on the whole screen."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from melies.cli.dream import Dream
from melies.cli.live import Live, LiveEffect, leave, perform
from melies.cli.options import options_of

if TYPE_CHECKING:
    from melies.effect import Reactive


class Kiosk(Live, Dream):
    """A generator, effects, and options that may stand anywhere."""

    places = 0

    def groups(self) -> dict[str, list[click.Option]]:
        """Return the general options under their headings."""
        if not hasattr(self, "_offered"):
            from melies.kiosk.options import GROUPS, NOT_OFFERED

            own = {heading: options_of(model, leave_out=NOT_OFFERED) for heading, model in GROUPS.items()}
            usual = super().groups()
            self._offered = {**own, "Writing": usual["Writing"], "Running": usual["Running"]}
        return self._offered

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all generators, and then of all effects."""
        from melies import effects

        return list(dict.fromkeys([*super().list_commands(ctx), *effects.every()]))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Make the command of a generator or an effect; what is called like both is the effect where films are read."""
        from melies import effects, generators
        from melies.errors import UseError
        from melies.suggest import did_you_mean

        known = [*generators.names(), *effects.names()]
        if not (cmd_name in known or ctx.resilient_parsing or cmd_name.startswith("-")):
            raise UseError(f"There is no generator or effect {cmd_name!r}.{did_you_mean(cmd_name, known)}")
        if ctx.params.get("input") is not None and cmd_name in effects.names():
            return LiveEffect(effects.find(cmd_name))
        return super().get_command(ctx, cmd_name)


def _start(steps: list[Reactive], **given: Any) -> None:
    from melies.kiosk.options import KioskOptions
    from melies.kiosk.start import opened

    words = click.get_current_context().meta["melies.words"]
    leave(perform(partial(opened, steps), given, words, KioskOptions, "kiosk"))


@click.command(
    "kiosk",
    cls=Kiosk,
    chain=True,
    invoke_without_command=True,
    no_args_is_help=True,
    result_callback=_start,
    subcommand_metavar="[GENERATOR [OPTIONS]] [EFFECT [OPTIONS]]...",
    epilog="""\b
    melies kiosk cppn --audio mic --react "zoom=1+bass*0.3" --open "Mon-Fri 09:00-18:00"
    melies kiosk --input films/ feedback --window
    melies kiosk --recipe show.yaml --osc 9000 --max-memory 2GB --log show.log""",
)
def command(**given: Any) -> None:
    """Play a generator, films or a camera without end on the whole screen, and let nothing stop it.

    Options after a generator or an effect belong to it; the general ones below may stand anywhere. Ends with q or Esc
    in the window, unless --locked, or with Ctrl-C.
    """

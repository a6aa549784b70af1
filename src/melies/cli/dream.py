"""`melies dream`: frames from nothing, the effects they go through, and what they become."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from melies.cli.apply import Apply, StepCommand
from melies.cli.words import Options, lookup

if TYPE_CHECKING:
    from melies.effect import Reactive

_FIRST = "melies.dream.first"
"""Under this name a context keeps its first step."""


class Dream(Apply):
    """`OUT GENERATOR` and then effects; general options may stand anywhere."""

    places = 1

    def groups(self) -> dict[str, list[click.Option]]:
        """Return the general options under their headings; nothing is read."""
        return {heading: group for heading, group in super().groups().items() if heading != "Reading"}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all generators."""
        from melies import generators

        return list(generators.every())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Make the command of a generator or an effect; what is called like both is the generator where it is first."""
        from melies import effects, generators

        if cmd_name in effects.names() and _FIRST in ctx.meta:
            return super().get_command(ctx, cmd_name)
        if step := self._step(cmd_name):
            return step
        if ctx.resilient_parsing or cmd_name.startswith("-"):
            return None
        if cmd_name not in effects.names():
            generators.find(cmd_name)  # refuses it
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of the next step, and note that there has been one."""
        found = super().resolve_command(ctx, args)
        ctx.meta[_FIRST] = found[0]
        return found

    def _options(self, name: str) -> Options:
        effect = super()._step(name)
        return {**super()._options(name), **(lookup(effect.params) if effect else {})}

    def _step(self, name: str) -> StepCommand | None:
        from melies import generators

        return StepCommand(generators.find(name)) if name in generators.names() else super()._step(name)


def _dream(steps: list[Reactive], output: str, **given: Any) -> None:
    from pathlib import Path

    from melies import generators
    from melies.cli.general import render
    from melies.effect import Effect, Generator
    from melies.errors import UseError
    from melies.recipe import Recipe

    names = ", ".join(generators.names())
    if output in generators.names():
        raise UseError(
            f"{output!r} is a generator; the name of the film to write is missing before it.",
            f"Such as: melies dream out.mp4 {output}",
        )
    generator, rest = (steps[0], steps[1:]) if steps else (None, [])
    if not isinstance(generator, Generator):
        raise UseError("What makes the frames is missing.", f"Name a generator after the film: {names}.")
    effects = [step for step in rest if isinstance(step, Effect)]
    if len(effects) < len(rest):
        raise UseError("Two generators are named; one makes the frames.", "Only effects can follow it.")
    if generator.spec.frames is None:
        raise UseError(f"{generator.name()} never ends, so no film can be made of it.", "Give it a --duration.")
    render(Recipe(generator=generator, output=Path(output), effects=tuple(effects)), given)


@click.command(
    cls=Dream,
    chain=True,
    invoke_without_command=True,
    no_args_is_help=True,
    result_callback=_dream,
    subcommand_metavar="GENERATOR [OPTIONS] [EFFECT [OPTIONS]]...",
    epilog="""\b
    melies dream test.mp4 bars --duration 5
    melies dream test.mp4 bars --duration 5 fade""",
)
@click.argument("output", metavar="OUT", type=click.Path())
def command(**given: Any) -> None:
    """Make a film from nothing, with a generator, and send it through effects.

    Options after a generator or an effect belong to it; the general ones below may stand anywhere.
    """

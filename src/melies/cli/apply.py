"""`melies apply`: a film, the effects it goes through, and what it becomes."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from melies.cli.general import General
from melies.cli.options import options_of, values
from melies.cli.words import Options, lookup, match, must_be_value, wants_value

if TYPE_CHECKING:
    from melies.effect import Effect, Reactive


class StepCommand(click.Command):
    """One effect or generator with its options; running it makes it, and the command that it belongs to uses it."""

    def __init__(self, step: type[Reactive]) -> None:
        from melies.schema import summary

        self.step = step
        about = summary(step)
        super().__init__(
            step.name(),
            params=[*options_of(step)],
            callback=lambda **given: step(**values(step, given)),
            help=f"{about}." if about else None,
            short_help=about,
            options_metavar="[OPTIONS]",
        )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, suggesting general options too when a name is unknown."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            general = lookup(ctx.parent.command.get_params(ctx.parent)) if ctx.parent else {}
            known = {*lookup(self.get_params(ctx)), *general}
            raise click.NoSuchOption(error.option_name, possibilities=sorted(known), ctx=ctx) from None

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the effect's options and, when Tab is pressed, those general ones that may follow it."""
        own = super().get_params(ctx)
        if not (ctx.resilient_parsing and ctx.parent):
            return own
        taken = lookup(own)
        general = lookup(ctx.parent.command.get_params(ctx.parent))
        return [*own, *{option for word, option in general.items() if word not in taken}]


class Apply(General, click.Group):
    """`IN OUT` and then effects; general options may stand anywhere.

    An option after an effect belongs to that effect if the effect has one of that name, and otherwise to
    the whole command. Some effects have a value that may follow their name as it is, such as `translate day2dusk`.
    """

    places = 2
    """Words before the first effect."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all effects."""
        from melies import effects

        return list(effects.every())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Make the command of an effect; an unknown one is refused with the nearest names."""
        from melies import effects

        if cmd_name not in effects.names() and (ctx.resilient_parsing or cmd_name.startswith("-")):
            return None
        _refuse_recipe(cmd_name)
        return StepCommand(effects.find(cmd_name))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Bring the general options to the front, where click looks for them."""
        return super().parse_args(ctx, self._sorted(ctx, args))

    def _sorted(self, ctx: click.Context, args: Sequence[str]) -> list[str]:
        general = lookup(self.get_params(ctx))
        own: Options = {}
        front: list[str] = []
        names: list[str] = []
        rest: list[str] = []
        step = ""
        words = deque(args)
        literal = False
        while words:
            word = words.popleft()
            if word == "--" and len(names) < self.places:
                literal = True
            elif len(names) < self.places and (literal or word == "-" or not word.startswith("-")):
                names.append(word)
            elif not word.startswith("-"):
                own, step = self._options(word), word
                rest.append(word)
                first = self._first(word)
                if first and words and not words[0].startswith("-") and not self._step(words[0]):
                    rest += [first, words.popleft()]
            else:
                option = match(own, word)
                to_effect = option or (len(names) == self.places and not match(general, word))
                target = rest if to_effect else front
                target.append(word)
                if wants_value(option or match(general, word), word):
                    value = words.popleft() if words else None
                    if not ctx.resilient_parsing:
                        _check_value(ctx, word, value, step if own else "", bool(to_effect))
                        must_be_value(word, value or "", {**general, **own}, step if to_effect else "")
                    target += [value] if value is not None else []
        return [*front, *(["--"] if names else []), *names, *rest]

    def _options(self, name: str) -> Options:
        command = self._step(name)
        if command is None:
            return {}
        return lookup([*command.params, click.Option(["-h", "--help"], is_flag=True)])

    def _first(self, name: str) -> str | None:
        """The option whose value may follow the name of an effect without it."""
        from melies import effects

        field = effects.find(name).first if name in effects.names() else None
        return f"--{field}" if field else None

    def _step(self, name: str) -> StepCommand | None:
        """The command of a step, if there is one of that name."""
        from melies import effects

        return StepCommand(effects.find(name)) if name in effects.names() else None


def _refuse_recipe(name: str) -> None:
    from melies import effects
    from melies.errors import UseError
    from melies.recipe import presets

    if name not in effects.names() and name in presets():
        raise UseError(f"{name!r} is a recipe of several effects, not an effect.", f"Try: melies run {name} IN OUT")


def _check_value(ctx: click.Context, word: str, value: str | None, step: str, of_step: bool) -> None:
    """Refuse an option that ends the line, and one that people write behind a step that has none of that name."""
    from melies.errors import UseError

    if word == "--loop" and step and not of_step and not (value or "").lstrip("-").isdecimal():
        raise UseError(f"{step} has no loops of its own.", "A whole number says how often a GIF is played: --loop 0.")
    if value is None:
        raise click.BadOptionUsage(word, f"Option {word!r} requires an argument.", ctx)


def _apply(steps: list[Effect], input: str, output: str, **given: Any) -> None:
    from melies import effects
    from melies.cli.general import render
    from melies.errors import UseError
    from melies.recipe import Recipe

    if output in effects.names():
        raise UseError(
            f"{output!r} is an effect; the name of the film to write is missing before it.",
            f"Such as: melies apply {input} out.mp4 {output}",
        )
    recipe = Recipe(input=input, output=output, effects=tuple(steps))
    render(recipe, given)


@click.command(
    cls=Apply,
    chain=True,
    invoke_without_command=True,
    no_args_is_help=True,
    result_callback=_apply,
    subcommand_metavar="[EFFECT [OPTIONS]]...",
    epilog="""\b
    melies apply talk.mp4 talk.mov matte
    melies apply talk.mp4 beach.mp4 matte --background beach.jpg resize --width 1280
    melies apply film.mkv part.gif --start 1:02 --end 1:05.5 --fps 15""",
)
@click.argument("input", metavar="IN", type=click.Path())
@click.argument("output", metavar="OUT", type=click.Path())
def command(**given: Any) -> None:
    """Send a film through effects and write what comes out.

    Without an effect the film is only converted. Options after an effect are that effect's; the general ones
    below may stand anywhere.
    """

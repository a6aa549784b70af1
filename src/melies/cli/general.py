"""The options that every command has which renders a film, and the rendering itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args

import click

from melies.cli.options import options_of, values

if TYPE_CHECKING:
    from melies.recipe import Recipe

NOT_OPTIONS = ("version", "input", "generator", "output", "effects", "save")
"""Fields of a recipe that are not options: they are given in other ways."""


class General(click.Command):
    """A command with the options for reading (a recipe's fields), writing (`SaveOptions`) and running."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's own parameters and the general ones, which are made when first needed."""
        *params, help_option = super().get_params(ctx)
        return [*params, *(option for group in self.groups().values() for option in group), help_option]

    def groups(self) -> dict[str, list[click.Option]]:
        """Return the general options under their headings."""
        if not hasattr(self, "_groups"):
            from melies.media.output import SaveOptions
            from melies.recipe import Recipe

            self._groups = {
                "Reading": options_of(Recipe, leave_out=NOT_OPTIONS),
                "Writing": options_of(SaveOptions),
                "Running": _running(),
            }
        return self._groups

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write effects first, then options by heading."""
        if isinstance(self, click.Group):
            self.format_commands(ctx, formatter)
        for heading, group in self.groups().items():
            records = [record for option in group if (record := option.get_help_record(ctx))]
            if heading == "Running" and (asks := self.get_help_option(ctx)):
                records += filter(None, [asks.get_help_record(ctx)])
            with formatter.section(heading):
                formatter.write_dl(records)


def _running() -> list[click.Option]:
    from melies.models.runtime import Device

    return [
        click.Option(
            ["--device"],
            type=click.Choice(get_args(Device)),
            metavar="DEVICE",
            help=f"What runs the models: {', '.join(get_args(Device))}.",
        ),
        click.Option(["--threads"], type=int, metavar="WHOLE", help="Cores to use; all if not given.  [≥ 1]"),
        click.Option(["--json", "as_json"], is_flag=True, help="Events as JSON, one object a line."),
        click.Option(["-q", "--quiet"], is_flag=True, help="Say nothing but warnings and errors."),
        click.Option(["-v", "--verbose"], is_flag=True, help="Say more."),
    ]


def render(recipe: Recipe, given: Mapping[str, Any]) -> None:
    """Read, change and write a film as a recipe and the general options say; the options win.

    Raises:
        MeliesError: It cannot be done.
    """
    from melies.cli.report import reporting
    from melies.models import runtime

    recipe = overridden(recipe, given)
    with (
        reporting(as_json=given["as_json"], quiet=given["quiet"], verbose=given["verbose"]) as report,
        runtime.options(device=given["device"], threads=given["threads"]),
    ):
        output = recipe.write(report.progress, given["threads"])
        report.done(output)


def overridden(recipe: Recipe, given: Mapping[str, Any]) -> Recipe:
    """Return the recipe with the general options that were given in place of its own."""
    from pydantic import ValidationError

    from melies.errors import UseError
    from melies.explain import explain
    from melies.media.output import SaveOptions
    from melies.recipe import Recipe

    reading = values(Recipe, {key: value for key, value in given.items() if key not in NOT_OPTIONS})
    saving = recipe.save.model_dump(exclude_unset=True) | values(SaveOptions, given)
    kept = {name: getattr(recipe, name) for name in recipe.model_fields_set if name not in ("save", *reading)}
    try:
        return Recipe(**{**kept, **reading, "save": saving})
    except ValidationError as error:
        raise UseError(explain(error, Recipe), f"See: {click.get_current_context().command_path} --help") from None

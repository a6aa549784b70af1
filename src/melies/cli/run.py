"""`melies run`: do what a recipe says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from melies.cli.general import General

EXAMPLES = """\b
melies run restore old.mp4 new.mp4
melies run greenscreen.yaml talk.mp4 out.mp4 --quality 90"""


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from melies.recipe import presets

    ready = [CompletionItem(name, help=about) for name, about in presets().items() if name.startswith(incomplete)]
    return [*ready, CompletionItem(incomplete, type="file")]


def _list(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:
    """Show the recipes that come along, and leave."""
    from melies.recipe import presets

    if not wanted or ctx.resilient_parsing:
        return
    found = presets()
    width = max(map(len, found))
    for name, about in found.items():
        click.echo(f"{click.style(name.ljust(width), fg='cyan')}  {about}")
    ctx.exit()


@click.command("run", cls=General, no_args_is_help=True, epilog=EXAMPLES)
@click.argument("recipe", type=click.Path(), shell_complete=_complete)
@click.argument("input", metavar="[IN]", required=False, type=click.Path())
@click.argument("output", metavar="[OUT]", required=False, type=click.Path())
@click.option(
    "--list", is_flag=True, is_eager=True, expose_value=False, callback=_list, help="Show the recipes that come along."
)
def command(recipe: str, input: str | None, output: str | None, **given: Any) -> None:
    """Do what a recipe says: a file of yours, or one of those that come along.

    What is given here comes before what stands there.
    """
    from melies.cli.general import render
    from melies.effects._fields import refuse_address
    from melies.recipe import Recipe, locate

    chosen = Recipe.load(locate(recipe))
    refuse_address(input)
    names = {"input": input, "output": output}
    render(chosen.model_copy(update={key: Path(name) for key, name in names.items() if name}), given)

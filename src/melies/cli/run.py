"""`melies run`: do what a recipe says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from melies.cli.general import General

EXAMPLES = """\b
melies run greenscreen.yaml
melies run greenscreen.yaml talk.mp4 out.mp4 --quality 90"""


@click.command("run", cls=General, no_args_is_help=True, epilog=EXAMPLES)
@click.argument("recipe", type=click.Path())
@click.argument("input", metavar="[IN]", required=False, type=click.Path())
@click.argument("output", metavar="[OUT]", required=False, type=click.Path())
def command(recipe: str, input: str | None, output: str | None, **given: Any) -> None:
    """Do what a recipe says.

    What is given here comes before what stands there.
    """
    from melies.cli.general import render
    from melies.effects._fields import refuse_address
    from melies.recipe import Recipe

    chosen = Recipe.load(recipe)
    refuse_address(input)
    names = {"input": input, "output": output}
    render(chosen.model_copy(update={key: Path(name) for key, name in names.items() if name}), given)

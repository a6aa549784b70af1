"""`melies effects`: what there is to apply."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from melies import effects

    return [CompletionItem(name) for name in effects.names() if name.startswith(incomplete)]


@click.command("effects")
@click.argument("name", required=False, shell_complete=_complete)
@click.option("--json", "as_json", is_flag=True, help="The schema that forms and programs are made from.")
def command(name: str | None, as_json: bool) -> None:
    """List the effects, or show what one of them can be told."""
    from melies import effects

    if as_json:
        import json

        chosen = {name: effects.find(name)} if name else effects.every()
        schemas = {each: effect.model_json_schema() for each, effect in chosen.items()}
        click.echo(json.dumps(schemas[name] if name else schemas, indent=2))
    elif name:
        from melies.cli.apply import StepCommand

        effect = StepCommand(effects.find(name))
        parent = click.Context(click.Command("apply"), info_name="melies apply IN OUT")
        click.echo(effect.get_help(click.Context(effect, info_name=name, parent=parent)))
    else:
        _table()


def _table() -> None:
    from melies import effects
    from melies.schema import summary

    found = effects.every()
    width = max(map(len, found), default=0)
    for name, effect in found.items():
        click.echo(f"{click.style(name.ljust(width), fg='cyan')}  {summary(effect)}")

"""`melies probe`: what is inside a file."""

from __future__ import annotations

import click


@click.command("probe", no_args_is_help=True)
@click.argument("file", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="everything that is known, for programs")
def command(file: str, as_json: bool) -> None:
    """Show what is inside a film, a picture or a sound file."""
    from melies.media.probe import probe

    info = probe(file)
    click.echo(info.model_dump_json(indent=2) if as_json else info)

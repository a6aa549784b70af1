"""`melies people`: who is seen in the films of a catalogue, and how they are called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from melies.footage.people import Person
    from melies.frame import Image

_COLUMNS = 6
_LINE = 44


@click.command(
    "people",
    no_args_is_help=True,
    epilog="""\b
    melies people footage --sheet people.png
    melies people footage --name 3 Anna
    melies people footage --merge 3 7""",
)
@click.argument("folder", type=click.Path())
@click.option(
    "--catalogue", type=click.Path(), metavar="FOLDER", help="Where the catalogue is kept, if not in .melies."
)
@click.option("--name", type=(int, str), metavar="N NAME", help="Give person N a name, or another one.")
@click.option("--merge", type=(int, int), metavar="N M", help="Say that person M is person N.")
@click.option("--forget", type=int, metavar="N", help="Remove person N: the name, and what describes the face.")
@click.option("--forget-all", is_flag=True, help="Remove everybody.")
@click.option("--sheet", type=click.Path(), metavar="FILE", help="Write a picture with one face of everybody.")
@click.option("--overwrite", is_flag=True, help="Replace the sheet if it exists.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(
    folder: str,
    catalogue: str | None,
    name: tuple[int, str] | None,
    merge: tuple[int, int] | None,
    forget: int | None,
    forget_all: bool,
    sheet: str | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """List who is seen in the films of a catalogue, in how many shots; name people, join and forget them.

    People are numbered for good. Names are kept when films are read again, moved or renamed.
    """
    from melies.footage import people
    from melies.footage.catalogue import Catalogue

    target = None if sheet is None else _checked(Path(sheet), overwrite)
    change = bool(name or merge or forget is not None or forget_all)
    if change:
        Catalogue.open(folder, at=catalogue).close()  # there must be one already
    with Catalogue.open(folder, create=change, at=catalogue) as opened:
        if name:
            people.name(opened.ledger, *name)
        if merge:
            people.merge(opened.ledger, *merge)
        if forget is not None or forget_all:
            people.forget(opened.ledger, None if forget_all else forget)
        known = opened.people()
        if target is not None and known:
            _write(target, known, [people.portrait(opened.ledger, one.number) for one in known])
    if as_json:
        told = [{"person": one.number, "name": one.name, "shots": one.shots, "films": one.films} for one in known]
        click.echo(json.dumps({"people": told}, indent=2, ensure_ascii=False))
        return
    for one in known:
        shots = f"{one.shots} shot{'' if one.shots == 1 else 's'} in {one.films} film{'' if one.films == 1 else 's'}"
        click.echo(f"{click.style(str(one.number).rjust(4), fg='cyan')}  {(one.name or '–').ljust(20)} {shots}")
    if not known:
        click.echo("Nobody is known." + ("" if target is None else " No sheet was written."))


def _checked(target: Path, overwrite: bool) -> Path:
    """Refuse before anything is changed what could not be written after it."""
    from melies.cli.faces import SHEETS
    from melies.errors import UseError
    from melies.files import writable

    if target.suffix.lower() not in SHEETS:
        raise UseError(f"The sheet {target.name} should be a picture.", f"Its name may end in {', '.join(SHEETS)}.")
    writable(target, overwrite)
    return target


def _write(target: Path, people: list[Person], portraits: list[bytes]) -> None:
    from melies.matting.scale import cv

    _, content = cv.imencode(target.suffix.lower(), _sheet(people, portraits)[..., ::-1])
    target.write_bytes(content.tobytes())


def _sheet(people: list[Person], portraits: list[bytes]) -> Image:
    """One face of everybody in rows, each with number, name and how often they are seen below."""
    import cv2
    import numpy as np

    from melies.effects._lettering import Type, letters
    from melies.matting.scale import cv

    cells = []
    for one, portrait in zip(people, portraits, strict=True):
        face: Any = cv.imdecode(np.frombuffer(portrait, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        lines = [f"{one.number}  {one.name or ''}".strip(), f"{one.shots} shot{'' if one.shots == 1 else 's'}"]
        width = face.shape[1]
        text = letters(lines, Type(cv.FontFace("sans"), 16, 400), (width, _LINE), (width / 2, _LINE / 2))
        cells.append(np.vstack([face, np.dstack([np.maximum(24, text)] * 3)]))
    columns = min(_COLUMNS, len(cells))
    cells += [np.full_like(cells[0], 24)] * (-len(cells) % columns)
    return np.vstack([np.hstack(cells[at : at + columns]) for at in range(0, len(cells), columns)])

"""`melies faces`: who appears when in a film, and the layout of a face for artists."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from melies.faces import Person
    from melies.faces.finder import Finder
    from melies.frame import Image

SHEETS = (".png", ".jpg", ".jpeg", ".webp")
_COLUMNS = 6
_LINE = 26
_SIDE = 2048
"""Pixels of the layout."""


@click.command(
    "faces",
    no_args_is_help=True,
    epilog="""\b
    melies faces film.mp4 --sheet people.png
    melies faces film.mp4 --start 60 --json
    melies faces --layout face.png""",
)
@click.argument("file", type=click.Path(), required=False)
@click.option("--sheet", type=click.Path(), metavar="FILE", help="Write a picture with one face of everybody.")
@click.option(
    "--layout",
    type=click.Path(),
    metavar="OUT.png",
    help="Look at no film: draw the flattened face, over which a picture for mask --paint is painted.",
)
@click.option("--overwrite", is_flag=True, help="Replace the sheet or the layout if it exists.")
@click.option("--start", metavar="TIME", help="Begin here: seconds, or HH:MM:SS.")
@click.option("--end", metavar="TIME", help="End here.")
@click.option("--most", type=click.IntRange(1, 64), default=8, show_default=True, help="The most faces in one picture.")
@click.option("--thorough", is_flag=True, help="Look for small faces too; this takes several times as long.")
@click.option(
    "--model",
    type=click.Choice(["face", "centerface"]),
    default="face",
    show_default=True,
    help="What finds faces: centerface sees smaller and partly hidden ones, and must be pulled.",
)
@click.option("--json", "as_json", is_flag=True, help="Everything that was found, for programs.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def command(
    file: str | None,
    sheet: str | None,
    layout: str | None,
    overwrite: bool,
    start: str | None,
    end: str | None,
    most: int,
    thorough: bool,
    model: Finder,
    as_json: bool,
    quiet: bool,
) -> None:
    """Say who appears when in a film.

    Faces are followed through every shot and recognised in other shots. People are numbered by how long they are seen;
    the number of a face in its shot is the one that effects take as --face.
    """
    import melies
    from melies.cli.report import reporting
    from melies.engine.progress import Meter
    from melies.faces import census

    if layout is not None:
        if file is not None or sheet is not None:
            raise click.UsageError("--layout looks at no film: give it alone.")
        _draw_layout(_checked(Path(layout), None, overwrite))
        return
    if file is None:
        raise click.UsageError("Missing argument 'FILE'.")
    target = None if sheet is None else _checked(Path(sheet), Path(file), overwrite)
    clip = melies.open(file, start=start, end=end)
    with reporting(as_json=False, quiet=quiet or as_json, verbose=False) as report:
        meter = Meter(report.progress, "render", clip.spec.frames)
        people = census(clip.frames(), most=most, thorough=thorough, model=model, seen=meter.add)
    if target is not None and people:
        _write(target, people)
    if as_json:
        told = [
            {"person": number, "seconds": one.seconds, "appearances": [asdict(seen) for seen in one.appearances]}
            for number, one in enumerate(people, 1)
        ]
        click.echo(json.dumps({"file": file, "people": told}, indent=2))
        return
    for number, person in enumerate(people, 1):
        click.echo(_described(number, person))
    if not people:
        found = "No face was found." if target is None else "No face was found, and no sheet written."
        click.echo(found + ("" if thorough else " Small ones are looked for with --thorough."))


def _described(number: int, person: Person) -> str:
    seen = person.appearances
    lines = [
        click.style(f"person {number}", fg="cyan") + f"  {person.seconds:.1f} s in {_count(len(seen), 'appearance')}"
    ]
    lines += [
        f"  {_clock(one.start)}–{_clock(one.end)}  shot {one.shot}, face {one.face}, {one.size:.0f} px" for one in seen
    ]
    return "\n".join(lines)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{rest:04.1f}" if hours else f"{minutes}:{rest:04.1f}"


def _checked(target: Path, source: Path | None, overwrite: bool) -> Path:
    """Refuse before the work begins what could not be written after it; the layout has no source."""
    from melies.errors import UseError
    from melies.files import exists, writable

    if source is None and target.suffix.lower() != ".png":
        raise UseError(f"The layout {target.name} should end in .png.", "It has transparent parts.")
    if target.suffix.lower() not in SHEETS:
        raise UseError(f"The sheet {target.name} should be a picture.", f"Its name may end in {', '.join(SHEETS)}.")
    if source is not None and exists(target) and exists(source) and target.samefile(source):
        raise UseError(f"{target} is both input and output.", "Give the sheet another name.")
    writable(target, overwrite)
    return target


def _draw_layout(target: Path) -> None:
    import cv2

    from melies.masking.layout import template

    cv: Any = cv2
    _, content = cv.imencode(".png", cv.cvtColor(template(_SIDE), cv2.COLOR_RGBA2BGRA))
    target.write_bytes(content.tobytes())
    click.echo(target)


def _write(target: Path, people: list[Person]) -> None:
    import cv2

    _, content = cv2.imencode(target.suffix.lower(), _sheet(people)[..., ::-1])
    target.write_bytes(content.tobytes())


def _sheet(people: list[Person]) -> Image:
    """One face of everybody in rows, each with its number and its time below."""
    import cv2
    import numpy as np

    cv: Any = cv2
    cells = []
    for number, person in enumerate(people, 1):
        label = np.full((_LINE, person.picture.shape[1], 3), 24, np.uint8)
        text = f"{number}: {person.seconds:.1f} s"
        cv.putText(label, text, (8, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (230, 230, 230), 1, cv2.LINE_AA)
        cells.append(np.vstack([person.picture, label]))
    columns = min(_COLUMNS, len(cells))
    cells += [np.full_like(cells[0], 24)] * (-len(cells) % columns)
    return np.vstack([np.hstack(cells[at : at + columns]) for at in range(0, len(cells), columns)])

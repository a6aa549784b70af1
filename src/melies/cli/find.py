"""`melies find`: shots of a catalogue, asked for in the language of film."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from melies.cli.report import Report
    from melies.footage.catalogue import Catalogue
    from melies.footage.search import Found, Wish
    from melies.footage.search_look import Look
    from melies.footage.terms import Query
    from melies.footage.timecode import Timecode
    from melies.footage.timeline import Timeline

PAGES = (".html", ".htm")
FILMS = (".mp4", ".mov", ".mkv")
_PLAYED = 640
"""Width in which shots are played, in pixels."""
_WIDTH = 60
"""Letters of a shot's labels in the table."""


@click.command(
    "find",
    no_args_is_help=True,
    epilog="""\b
    melies find "close-up of a smiling woman, backlit, slow push in" --in rushes
    melies find "two people, exterior, no cars, 3 to 5 seconds" --in rushes --explain
    melies find 'says "good night"' --in rushes --to found.otio --to found.html
    melies find --like frame.png --in rushes --to alike.mp4
    melies find "exterior, at night" --in rushes --play""",
)
@click.argument("sentence", required=False, default="")
@click.option("--in", "folder", type=click.Path(), required=True, metavar="FOLDER", help="The folder that was indexed.")
@click.option("--catalogue", type=click.Path(), metavar="FOLDER", help="Where its catalogue is, if not in the folder.")
@click.option(
    "--like", metavar="PICTURE", help="Shots that look like a picture, or like a film's frame: film.mp4@12.5 seconds."
)
@click.option("--person", default="", metavar="NAME", help="Only shots in which this person is seen.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="The most shots to show.")
@click.option("--explain", is_flag=True, help="Say what was understood, and why each shot was found.")
@click.option(
    "--to",
    "targets",
    multiple=True,
    type=click.Path(),
    metavar="FILE",
    help="Write them as .html (contact sheet), .otio, .edl, .fcpxml, .xml (timelines), or one after another as .mp4, "
    ".mov or .mkv. May be repeated.",
)
@click.option("--play", is_flag=True, help="Show them back to back in a window, without sound; q or Esc ends it.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@click.option("--json", "as_json", is_flag=True, help="Everything that was found, for programs.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def command(
    sentence: str,
    folder: str,
    catalogue: str | None,
    like: str | None,
    person: str,
    limit: int,
    explain: bool,
    targets: tuple[str, ...],
    play: bool,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Find shots in a folder that was indexed.

    SENTENCE may say how much is seen (close-up, wide shot, ECU), how many people and what they do, which things, from
    where (low angle, overhead), how the camera moves (slow push in, handheld), the light (backlit, low-key, warm), the
    time of day, interior or exterior, what is heard, how long it lasts (3 to 5 seconds), the names of people, and what
    is said (says "…"). Put no or without before what must not be. The rest is looked for in the labels and in what is
    said, by words and by meaning.
    """
    from melies.cli.report import reporting
    from melies.errors import MeliesError
    from melies.footage.catalogue import Catalogue
    from melies.footage.search import wish
    from melies.footage.search_index import find, reader

    paths = [_checked(Path(target), overwrite) for target in targets]
    with reporting(as_json=False, quiet=quiet or as_json, verbose=False) as report:
        look = None if like is None else _look(like)
        with Catalogue.open(folder, at=catalogue) as opened:
            query = reader(opened)(sentence)
            if not query.asks and look is None and not person:
                raise click.UsageError("Nothing was asked for: say what should be seen, or give --like or --person.")
            wanted = wish(query, look)
            found = find(opened, wanted, limit, person)
            _remark(opened, wanted, report)
        dated = list(zip(found, _timecodes(found), strict=True))
        if paths and not found:
            raise MeliesError(f"Nothing was found, so {_listed(paths)} not written.")
        if as_json:
            click.echo(json.dumps(facts(query, dated), indent=2))
        else:
            _show(query, dated, explain)
        for path in paths:
            _write(query, dated, path, overwrite, report)
            report.note(logging.INFO, str(path))
        if play and found:
            _play(query, found)


def _listed(paths: Sequence[Path]) -> str:
    *others, last = (path.name for path in paths)
    return f"{', '.join(others)} and {last} were" if others else f"{last} was"


def _play(query: Query, found: Sequence[Found]) -> None:
    from melies.footage.conform import conform
    from melies.footage.search_player import play

    play(conform(timeline(query, found), width=_PLAYED))


def _checked(target: Path, overwrite: bool) -> Path:
    """Refuse before the work begins what could not be written after it."""
    from melies.errors import UseError
    from melies.files import writable
    from melies.footage.timeline import ENDINGS

    endings = (*PAGES, *ENDINGS, *FILMS)
    if target.suffix.lower() not in endings:
        raise UseError(f"{target.name} should end in {', '.join(endings[:-1])} or {endings[-1]}.")
    writable(target, overwrite)
    return target


def _look(like: str) -> Look:
    """What a picture, or the frame of a film at `@seconds`, looks like."""
    from melies.cli.options import asked_time
    from melies.engine.pipeline import close
    from melies.errors import UseError
    from melies.files import is_file
    from melies.footage.film import open_film
    from melies.footage.reel import picture
    from melies.footage.search_look import look_at

    name, at, time = like.rpartition("@")
    if is_file(Path(like)) or not at:
        name, time = like, ""
    start = asked_time(f"--like {name} at", time or None) or Fraction(0)
    clip = open_film(name)
    frames = clip.source.frames(start)
    try:
        frame = next(frames, None)
        if frame is None:
            raise UseError(f"{name} has no frame at {float(start):g} s.", "Its time counts from its first frame.")
        return look_at(picture(frame, clip.spec, 640))
    finally:
        close(frames)


def _remark(catalogue: Catalogue, wanted: Wish, report: Report) -> None:
    """Say what could not be searched by, rather than let it look as if nothing were there."""
    if wanted.look is not None and not catalogue.count("look IS NOT NULL"):
        report.note(logging.WARNING, "The catalogue does not know what its shots look like: index it --again.")
    if wanted.vector is not None and not catalogue.count("vector IS NOT NULL"):
        report.note(logging.WARNING, "The catalogue does not know what its shots mean: index it --again.")


def _timecodes(found: Sequence[Found]) -> list[Timecode]:
    from melies.footage.timecode import first_timecode

    first = {path: first_timecode(path) for path in {one.record.shot.file for one in found}}
    return [first[one.record.shot.file] + one.record.shot.first for one in found]


def facts(query: Query, found: Sequence[tuple[Found, Timecode]]) -> dict[str, Any]:
    """Return everything that was found as plain data."""
    return {
        "query": query.sentence,
        "understood": query.explain(),
        "shots": [_facts(one, timecode) for one, timecode in found],
    }


def _facts(found: Found, timecode: Timecode) -> dict[str, Any]:
    record, shot = found.record, found.record.shot
    return {
        "id": record.id,
        "score": round(found.score, 4),
        "weak": found.weak,
        "file": str(shot.file),
        "shot": shot.number,
        "timecode": str(timecode),
        "start": float(shot.start),
        "end": float(shot.end),
        "labels": [{"facet": one.facet, "value": one.value, "sure": one.sure, "why": one.why} for one in record.labels],
        "people": list(record.people),
        "said": record.text,
        "picture": str(record.pictures[len(record.pictures) // 2]) if record.pictures else None,
        "parts": [
            {"name": one.name, "score": round(one.score, 4), "weight": one.weight, "why": one.why}
            for one in found.parts
        ],
    }


def _show(query: Query, found: Sequence[tuple[Found, Timecode]], explain: bool) -> None:
    from melies.footage.catalogue import describe

    if explain:
        for line in query.explain():
            click.echo(line)
        click.echo()
    if not found:
        click.echo("Nothing was found.")
        return
    names = [one.record.shot.file.name for one, _ in found]
    wide = max(map(len, names))
    click.echo(click.style(f"score  {'file':<{wide}}  shot  {'timecode':<11}  seconds  what is seen", bold=True))
    for (one, timecode), name in zip(found, names, strict=True):
        shot, seen = one.record.shot, describe(one.record.labels)
        seen = seen if len(seen) <= _WIDTH else f"{seen[: _WIDTH - 1]}…"
        score = click.style(f"{one.score:5.2f}{'?' if one.weak else ' '}", fg="cyan", dim=one.weak)
        click.echo(f"{score} {name:<{wide}}  {shot.number:>4}  {timecode!s:<11}  {shot.seconds:7.1f}  {seen}")
        if explain:
            for part in one.parts:
                click.echo(f"       {part.score:.2f} × {part.weight:g}  {part.name}: {part.why}")
    if any(one.weak for one, _ in found):
        click.echo("? = weak: little of what was asked for is there, or only little is known of the shot")


def _write(query: Query, found: Sequence[tuple[Found, Timecode]], path: Path, overwrite: bool, report: Report) -> None:
    from melies.footage.conform import conform
    from melies.footage.search_sheet import write_sheet
    from melies.footage.timeline import export

    if path.suffix.lower() in PAGES:
        write_sheet(query, found, path)
    elif path.suffix.lower() in FILMS:
        conform(timeline(query, [one for one, _ in found])).save(path, overwrite=overwrite, progress=report.progress)
    else:
        export(timeline(query, [one for one, _ in found]), path, overwrite)


def timeline(query: Query, found: Sequence[Found]) -> Timeline:
    """Put what was found on a timeline, the best first, with the reasons as notes."""
    from dataclasses import replace

    from melies.footage.timeline import from_shots

    made = from_shots([one.record.shot for one in found], query.sentence or "alike")
    notes = [
        f"{'weak, ' if one.weak else ''}{one.score:.2f}: "
        + "; ".join(f"{part.name}: {part.why}" for part in one.parts if part.speaks)
        for one in found
    ]
    cuts = tuple(replace(cut, note=note) for cut, note in zip(made.cuts, notes, strict=True))
    return replace(made, cuts=cuts)

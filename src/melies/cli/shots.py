"""`melies shots`: where the shots of a film begin and end, as a table and as files for other programs."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from melies.cli.reading import max_errors

if TYPE_CHECKING:
    from melies.footage.detect import Detector
    from melies.footage.shot import Shot
    from melies.footage.shot_list import ShotList

DETECTORS = ("adaptive", "content", "hash", "histogram", "threshold", "transnet")


def _finite(_: click.Context, option: click.Parameter, value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is no number to measure by.", param=option)
    return value


@click.command(
    "shots",
    no_args_is_help=True,
    epilog="""\b
    melies shots film.mp4
    melies shots film.mp4 --to cut.edl --to sheet.html
    melies shots film.mp4 --split clips
    melies shots film.mp4 --model transnet --json""",
)
@click.argument("file", type=click.Path())
@click.option(
    "--to",
    "targets",
    multiple=True,
    type=click.Path(),
    metavar="FILE",
    help="Write the shots as .csv, .html (contact sheet), .edl, .otio, .fcpxml, .xml (Premiere) or .qp (key frames for "
    "x264). May be repeated.",
)
@click.option("--split", type=click.Path(), metavar="FOLDER", help="Write each shot as a film of its own there.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@click.option(
    "--detector",
    "--model",
    "detector",
    type=click.Choice(DETECTORS),
    default="adaptive",
    show_default=True,
    help="What finds them: adaptive sees cuts, dissolves and fades; content, hash, histogram and threshold are "
    "PySceneDetect's; transnet is a network that must be pulled.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(min=0, min_open=True),
    callback=_finite,
    metavar="NUMBER",
    help="How much must change for a cut, in the detector's own unit: higher finds fewer. "
    "Defaults: adaptive 3, content 27, hash 0.35, histogram 0.2, threshold 12, transnet 0.5.",
)
@click.option("--min-length", metavar="TIME", default="0.5", show_default=True, help="Seconds a shot lasts at least.")
@click.option(
    "--start",
    metavar="TIME",
    help="Look from here on: clip time, which is 0 at the first frame whatever its timecode; seconds, or HH:MM:SS.",
)
@click.option("--end", metavar="TIME", help="Look no further than this, in clip time too.")
@click.option("--drop-frame", is_flag=True, help="Count in drop-frame where the film has no timecode of its own.")
@max_errors
@click.option("--json", "as_json", is_flag=True, help="Everything that was found, for programs.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def command(
    file: str,
    targets: tuple[str, ...],
    split: str | None,
    overwrite: bool,
    detector: Detector,
    threshold: float | None,
    min_length: str,
    start: str | None,
    end: str | None,
    drop_frame: bool,
    max_errors: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Find the shots of a film.

    For each the table says the timecode of its first frame and of the frame after its last one, how long it is, and how
    it begins: with a cut, a dissolve or a fade. Timecodes are the film's own where it has any, else they count from
    00:00:00:00.
    """
    from melies.cli.options import asked_time
    from melies.cli.report import reporting
    from melies.engine.progress import Meter
    from melies.footage import shot_list
    from melies.footage.detect import detect
    from melies.footage.film import open_film
    from melies.footage.timecode import first_timecode

    film = Path(file)
    begin = first_timecode(film, drop_frame)
    for target in targets:
        shot_list.checked(target, film, overwrite, begin.rate)
    if split is not None:
        shot_list.checked_folder(split)
    first, last = asked_time("--start", start), asked_time("--end", end)
    shortest = asked_time("--min-length", min_length)
    with reporting(as_json=False, quiet=quiet or as_json, verbose=False) as report:
        meter = Meter(report.progress, "render", None if first or last else open_film(film).spec.frames)
        shots = detect(
            film, detector, threshold=threshold, min_length=shortest or Fraction(0), start=first, end=last,
            seen=meter.add, max_errors=max_errors,
        )  # fmt: skip
        found = shot_list.ShotList(tuple(shots), begin, max_errors)
        if split is not None:
            shot_list.parts(shots, split, overwrite)
        written = [shot_list.write(found, target, overwrite) for target in targets]
        pieces = [] if split is None else shot_list.split(shots, split, overwrite, report.progress, max_errors)
    copied = [piece.path for piece in pieces if piece.copied]
    if as_json:
        told = facts(found, [*written, *(piece.path for piece in pieces)])
        click.echo(json.dumps(told | {"copied": list(map(str, copied))}, indent=2))
        return
    for line in _table(found):
        click.echo(line)
    for path in written:
        click.echo(path, err=True)
    for piece in pieces:
        click.echo(f"{piece.path}: {'copied' if piece.copied else 'encoded again'}", err=True)


def facts(found: ShotList, written: list[Path]) -> dict[str, Any]:
    """Return everything that was found as plain data."""
    return {
        "file": str(found.file),
        "rate": str(found.rate),
        "timecode": str(found.begin),
        "shots": [_facts(found, shot) for shot in found.shots],
        "written": [str(path) for path in written],
    }


def _facts(found: ShotList, shot: Shot) -> dict[str, Any]:
    first, last = found.timecodes(shot)
    return {
        "shot": shot.number,
        "in": str(first),
        "out": str(last),
        "start": float(shot.start),
        "end": float(shot.end),
        "first": shot.first,
        "frames": shot.frames,
        "transition": shot.transition,
        "blend": shot.blend,
    }


def _table(found: ShotList) -> list[str]:
    wide = len(str(found.begin))
    head = f"{'shot':>5}  {'in':<{wide}}  {'out':<{wide}}  {'seconds':>8}  {'frames':>6}  begins"
    lines = [click.style(head, bold=True)]
    for shot in found.shots:
        first, last = found.timecodes(shot)
        how = shot.transition + (f", {shot.blend} frames" if shot.blend else "")
        number = click.style(f"{shot.number:>5}", fg="cyan")
        lines.append(f"{number}  {first}  {last}  {shot.seconds:>8.2f}  {shot.frames:>6}  {how}")
    return lines

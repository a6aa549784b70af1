"""`melies render`: a cut made again from its originals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from melies.cli.general import General

EXAMPLES = """\b
melies render cut.otio film.mp4
melies render cut.fcpxml film.mov --codec prores --width 1920 --height 1080
melies render cut.edl film.mp4 --media rushes --rate 24000/1001
melies render cut.otio pulls.mov --handles 0.5"""


class Render(General):
    """A command with the options for writing and running, and its own for what is read."""

    def groups(self) -> dict[str, list[click.Option]]:
        """Return the options under their headings."""
        if not hasattr(self, "_groups"):
            given = super().groups()
            running = [option for option in given["Running"] if option.name != "device"]
            self._groups = {"Cutting": _cutting(), "Writing": given["Writing"], "Running": running}
        return self._groups


def _cutting() -> list[click.Option]:
    return [
        click.Option(["--width"], type=click.IntRange(2, 32768), metavar="PIXELS",
                     help="Width of the result; by default that of the first film."),
        click.Option(["--height"], type=click.IntRange(2, 32768), metavar="PIXELS",
                     help="Height of the result. Films of another shape get bars."),
        click.Option(["--handles"], metavar="TIME",
                     help="Leave so many seconds more at both ends of every cut, where its film has them; "
                          "dissolves become cuts, and the music is left out."),
        click.Option(["--media"], type=click.Path(), metavar="FOLDER", multiple=True,
                     help="Look here for films that are not where the timeline says.  [may be repeated]"),
        click.Option(["--rate"], metavar="RATE",
                     help="Frames per second of an EDL, which need not say it; by default those of its first film."),
    ]  # fmt: skip


@click.command("render", cls=Render, no_args_is_help=True, epilog=EXAMPLES)
@click.argument("cut", metavar="CUT", type=click.Path())
@click.argument("output", metavar="OUT", type=click.Path())
def command(
    cut: str,
    output: str,
    width: int | None,
    height: int | None,
    handles: str | None,
    media: tuple[str, ...],
    rate: str | None,
    **given: Any,
) -> None:
    """Render a timeline from the original films.

    CUT is a file of an editing program: .otio (OpenTimelineIO), .edl (CMX 3600), .fcpxml (Final Cut Pro, DaVinci
    Resolve) or .xml (Final Cut Pro 7, Premiere). Every frame comes from its film, exact to the frame; dissolves are
    carried out, sound stays in sync, music lies under it.
    """
    from dataclasses import replace

    from melies.cli.options import asked_rate, asked_time
    from melies.cli.report import reporting
    from melies.footage.conform import conform, with_handles
    from melies.footage.timeline import read

    options = _options(given)
    timeline = read(cut, [Path(folder) for folder in media], asked_rate("--rate", rate))
    longer = asked_time("--handles", handles)
    if longer is not None:
        timeline = with_handles(timeline, longer)
    if options.fps is not None:
        timeline = replace(timeline, rate=options.fps)
    with reporting(as_json=given["as_json"], quiet=given["quiet"], verbose=given["verbose"]) as report:
        clip = conform(timeline, width, height)
        report.done(clip.save(output, options, progress=report.progress, threads=given["threads"]))


def _options(given: dict[str, Any]) -> Any:
    from pydantic import ValidationError

    from melies.cli.options import values
    from melies.errors import UseError
    from melies.explain import explain
    from melies.media.output import SaveOptions

    try:
        return SaveOptions(**values(SaveOptions, given))
    except ValidationError as error:
        raise UseError(explain(error, SaveOptions), "See: melies render --help") from None

"""`melies motion`: write down what a face does, without the face."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from melies.engine.progress import Meter
    from melies.puppetry.performer import Cue

READING = ("face", "neutral", "smooth", "lookahead")
"""Options that are those of puppet: how a performance is read."""


class MotionCommand(click.Command):
    """The command, with the options of puppet that say how a performance is read; they are made when first needed."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return its own parameters and those of puppet."""
        from melies.cli.options import options_of
        from melies.effects.puppet import Puppet

        *params, asks = super().get_params(ctx)
        reading = options_of(Puppet, leave_out=set(Puppet.model_fields) - set(READING))
        return [*params[:2], *reading, *params[2:], asks]


@click.command(
    "motion",
    cls=MotionCommand,
    no_args_is_help=True,
    epilog="""\b
    melies motion nod.mp4 nod.npz --start 2 --end 10
    melies apply song.mp4 out.mp4 puppet --portrait mona.jpg --motion-file nod.npz""",
)
@click.argument("source", metavar="IN", type=click.Path())
@click.argument("target", metavar="OUT.npz", type=click.Path())
@click.option("--start", metavar="TIME", help="Begin at this time: seconds, or HH:MM:SS.mmm.")
@click.option("--end", metavar="TIME", help="End before this time.")
@click.option("--overwrite", is_flag=True, help="Replace the output if it exists.")
@click.option("--json", "as_json", is_flag=True, help="Events as JSON, one object a line.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but warnings and errors.")
def command(
    source: str,
    target: str,
    start: str | None,
    end: str | None,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
    **reading: Any,
) -> None:
    """Write a face's performance down, without the face.

    The file holds how the head turns and how lips, lids, eyes and skin move, in the measures of a mean face: no
    picture, and not the shape of the performer's face. `puppet --motion-file` plays it on a portrait.
    """
    import melies
    from melies.cli.options import values
    from melies.cli.report import reporting
    from melies.effects.puppet import Puppet
    from melies.engine.progress import Meter
    from melies.errors import UseError
    from melies.puppetry import template

    path = _writable(Path(target), Path(source), overwrite)
    puppet = Puppet(portrait="", **values(Puppet, reading))
    if puppet.neutral == "alike":
        raise UseError("There is no portrait here that a face could be alike.", "Use --neutral auto, first or a time.")
    clip = melies.open(source, start=start, end=end)
    puppet.must_show_rest(clip.spec)
    with reporting(as_json=as_json, quiet=quiet, verbose=False) as report:
        meter = Meter(report.progress, "render", clip.spec.frames)
        template.write(path, _counted(puppet.cues(clip.source.frames()), meter))
        meter.finish()
        report.done(path)


def _writable(target: Path, source: Path, overwrite: bool) -> Path:
    from melies.errors import UseError
    from melies.files import exists, writable

    if target.suffix.lower() != ".npz":
        raise UseError(f"{target} should end in .npz.", "That is what a performance is kept in.")
    if exists(target) and exists(source) and target.samefile(source):
        raise UseError(f"{target} is both input and output.", "Give the output another name.")
    writable(target, overwrite)
    return target


def _counted(cues: Iterator[tuple[float, Cue]], meter: Meter) -> Iterator[tuple[float, Cue]]:
    for cue in cues:
        yield cue
        meter.add()

"""`melies assemble`: a rough cut out of a folder of footage."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import click

from melies.cli.report import reporting

if TYPE_CHECKING:
    from melies.cli.report import Report
    from melies.footage.assembly.choose import Seen
    from melies.footage.assembly.music import Rhythm
    from melies.footage.assembly.plan import Find, Rough
    from melies.footage.catalogue import Catalogue
    from melies.footage.timeline import Timeline

MODES = ("brief", "trailer", "montage", "supercut", "silence-cut")
_DEFAULT = (".otio", ".md", ".mp4")
_LONGEST = 7200
"""Seconds that a cut may last."""
_PREVIEW = 960
"""Width of previews in pixels where none is asked for; the real thing is made by `melies render`."""


@click.command(
    "assemble",
    no_args_is_help=True,
    epilog="""\b
    melies assemble brief.md --from footage
    melies assemble brief.md --from footage --music song.wav --duration 60 --to cut.otio
    melies assemble --mode supercut "never again" --from footage
    melies assemble --mode montage --from footage --music song.wav --to cut.mp4
    melies assemble --mode silence-cut interview.mp4 --to tight.mp4""",
)
@click.argument("subject", required=False, metavar="[BRIEF|WORDS|FILE]")
@click.option("--from", "folder", metavar="FOLDER", help="The footage; `melies index` must have read it.")
@click.option("--catalogue", metavar="PATH", help="Where its catalogue is, if not in the folder itself.")
@click.option(
    "--mode",
    type=click.Choice(MODES),
    default="brief",
    show_default=True,
    help="What to make: a cut after a brief (a text file, one line for each shot), a trailer, a montage of what looks "
    "best, a supercut of every time that WORDS are said, or FILE without its silences.",
)
@click.option(
    "--to",
    "targets",
    multiple=True,
    metavar="OUT",
    help="What to write, again for more: .otio, .edl, .fcpxml, .xml (a timeline of the originals), .mp4 (a small "
    "preview) or .md (a paper edit, with the reasons).  [default: NAME-cut.otio, NAME-cut.md and NAME-cut.mp4]",
)
@click.option("--music", metavar="FILE", help="Cut on the beats of this music, which plays under the cut.")
@click.option("--duration", type=click.FloatRange(0, min_open=True), help="How long the cut should be, in seconds.")
@click.option(
    "--fps", metavar="RATE", help="Frames per second of the timeline; that of most of the footage by default."
)
@click.option(
    "--width",
    type=click.IntRange(16, 8192),
    metavar="PIXELS",
    help=f"Width of the preview; {_PREVIEW} by default, or that of the footage if it is less.",
)
@click.option(
    "--quieter",
    type=click.FloatRange(1, 60),
    default=20.0,
    show_default=True,
    help="silence-cut: what is so many LU quieter than the whole is silence.",
)
@click.option(
    "--margin",
    type=click.FloatRange(0, 5),
    default=0.2,
    show_default=True,
    help="silence-cut: seconds that are kept around what is heard.",
)
@click.option("--overwrite", is_flag=True, help="Replace what exists.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def command(
    subject: str | None,
    folder: str | None,
    catalogue: str | None,
    mode: str,
    targets: tuple[str, ...],
    music: str | None,
    duration: float | None,
    fps: str | None,
    width: int | None,
    quieter: float,
    margin: float,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Assemble a rough cut, and say why each shot is where it is.

    For every line of the brief the footage is searched as `melies find` does; of what was found, those shots are taken
    that go together: no jump cuts, sizes that alternate, directions that are kept, no word cut in the middle. The
    timelines refer to the originals, so that an editor can go on from there.
    """
    from melies.cli.options import asked_rate

    rate = asked_rate("--fps", fps)
    if mode == "silence-cut":
        if music or duration or fps or catalogue:
            raise click.UsageError("--music, --duration, --fps and --catalogue are not for --mode silence-cut.")
        _without_silence(subject, folder, targets, quieter, margin, width, overwrite, quiet)
        return
    if mode == "supercut" and (music or duration):
        raise click.UsageError("A supercut is as long as its words: leave --music and --duration out.")
    if duration is not None and not duration <= _LONGEST:
        raise click.UsageError(f"--duration must be between 0 and {_LONGEST} seconds.")
    if folder is None:
        raise click.UsageError("Say which footage: --from FOLDER.")
    if mode in ("brief", "supercut") and subject is None:
        what = "the brief: a text file, one line for each shot" if mode == "brief" else "the words that are said"
        raise click.UsageError(f"Say which: {what}.")
    if mode in ("trailer", "montage") and subject is not None:
        raise click.UsageError(f"--mode {mode} needs nothing but --from; {subject!r} is too much.")
    rhythm = _listen(music)
    name = Path(subject).stem if mode == "brief" and subject else f"{mode} {subject}" if subject else mode
    inputs = [Path(path) for path in (subject if mode == "brief" else None, music) if path]
    outputs = _outputs(targets, f"{_filename(name)}-cut", overwrite, inputs)
    with reporting(as_json=False, quiet=quiet, verbose=False) as report:
        rough = _rough(mode, subject or "", Path(folder), catalogue, duration, rhythm, _choosing(report))
        if not quiet:
            report.note(logging.INFO, f"{_count(len(rough.entries), 'shot')} chosen")
    if duration is not None:
        rough = rough.lasting(duration, rate)
    timeline = rough.timeline(name, None if music is None else Path(music).resolve(), rate)
    _warn(rough)
    if duration is not None:
        _tell_length(rough, timeline, duration)
    _write(timeline, rough, outputs, width, overwrite, quiet)


def _warn(rough: Rough) -> None:
    for beat in rough.empty:
        where = f"line {beat.line}, " if beat.line else ""
        click.echo(f"warning: nothing was found for {where}{beat.text!r}.", err=True)
    for entry in rough.entries:
        beat = entry.choice.beat
        if entry.choice.candidate.weak and beat.line:
            click.echo(
                f"warning: nothing fits line {beat.line}, {beat.text!r}, well: what was chosen matches it by "
                f"{entry.choice.candidate.score:.2f} of 1.",
                err=True,
            )


def _tell_length(rough: Rough, timeline: Timeline, duration: float) -> None:
    """Say why a cut is not as long as was asked, to the frame."""
    frames, wanted = timeline.frames, round(duration * timeline.rate)
    if frames == wanted:
        return
    if rough.rhythm is not None and abs(frames - wanted) <= max(0.5, 0.05 * duration) * timeline.rate:
        why = "it ends on a beat"
    elif rough.rhythm is not None:
        why = "with cuts on beats these shots come no nearer"
    elif abs(frames - wanted) < timeline.rate / min(cut.rate for cut in timeline.cuts):
        why = "whole frames of its films come no nearer"
    elif frames > wanted:
        why = "its shots take that long"
    else:
        why = "the footage that fits gives no more"
        if any(entry.choice.fixed for entry in rough.entries):
            why += ", and lines that say a length or quote words keep theirs"
    lasts = f"{float(frames / timeline.rate):.2f} s ({_count(frames, 'frame')})"
    click.echo(f"warning: the cut lasts {lasts}, not {duration:g} s: {why}.", err=True)


def _choosing(report: Report) -> Seen:
    from melies.engine.progress import Progress

    return lambda done, total: report.progress(Progress("choose", done, total, 0.0, 0.0, None))


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _rough(
    mode: str,
    subject: str,
    folder: Path,
    at: str | None,
    duration: float | None,
    rhythm: Rhythm | None,
    seen: Seen,
) -> Rough:
    from melies.footage.assembly import parse, plan
    from melies.footage.catalogue import Catalogue

    beats = parse(_brief(subject)) if mode == "brief" else []
    with Catalogue.open(folder, at=at) as catalogue:
        if mode == "montage":
            return plan.montage(catalogue.records(), duration, rhythm, seen)
        if mode == "supercut":
            rough = plan.supercut(catalogue.records(), subject)
            if not rough.entries:
                _need_transcripts(catalogue)
            return rough
        find = _finder(catalogue)
        if mode == "trailer":
            return plan.trailer(find, duration or 30.0, rhythm, seen)
        return plan.from_brief(beats, find, duration, rhythm, seen=seen)


def _need_transcripts(catalogue: Catalogue) -> None:
    """Refuse a catalogue of which nobody knows what is said, rather than let it look as if it were not said."""
    from melies.errors import UseError
    from melies.footage.indexer import TRANSCRIPT

    ledger = catalogue.ledger
    if any(TRANSCRIPT in (ledger.asked(film) or ()) for film in ledger.shots()):
        return
    if not any(record.words for record in catalogue.records()):
        raise UseError(
            f"Nothing in {catalogue.folder} was transcribed, so nobody knows what is said.",
            f"Have it written down first: melies index {catalogue.folder} --transcribe",
        )


def _brief(subject: str) -> str:
    from melies.errors import UseError

    path = Path(subject)
    if not path.is_file():
        raise UseError(f"There is no brief {subject}.", "Write a text file, one line for each shot that you want.")
    if path.stat().st_size > 1 << 20:
        raise UseError(f"{subject} is too long for a brief.", "One line for each shot is enough.")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UseError(f"{subject} is not a text file in UTF-8.", "Save it as plain text.") from None


def _listen(music: str | None) -> Rhythm | None:
    if music is None:
        return None
    from melies.footage.assembly.music import listen

    return listen(music)


def _finder(catalogue: Catalogue) -> Find:
    from melies.footage.assembly.choose import Candidate
    from melies.footage.assembly.trim import moments
    from melies.footage.search import wish
    from melies.footage.search_index import find as find_in
    from melies.footage.search_index import reader

    understood = reader(catalogue)

    def find(text: str, most: int) -> list[Candidate]:
        query = understood(text)
        found = find_in(catalogue, wish(query), most)
        return [
            Candidate(
                one.record,
                one.score,
                tuple(f"{part.name}: {part.why}" for part in one.parts if part.speaks),
                weak=one.weak,
                shown=moments(one.record, query.conditions),
            )
            for one in found
        ]

    return find


def _without_silence(
    subject: str | None,
    folder: str | None,
    targets: tuple[str, ...],
    quieter: float,
    margin: float,
    width: int | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    if subject is None or folder is not None:
        raise click.UsageError("Say which film: melies assemble --mode silence-cut FILE --to OUT.")
    from melies.footage.assembly import silence
    from melies.footage.timeline import about

    path = Path(subject)
    outputs = _outputs(targets, f"{_filename(path.stem)}-tight", overwrite, [path], (".otio", ".mp4"))
    known = about(path)
    length = None if known.length is None else float(known.length)
    stretches = silence.without_silence(path, quieter, margin, seconds=length)
    kept = float(sum((end - start for start, end in stretches), Fraction(0)))
    click.echo(f"{_count(len(stretches), 'piece')}, {kept:.1f} s" + (f" of {length:.1f} s" if length else ""), err=True)
    _write(silence.kept(path.absolute(), stretches, known.rate), None, outputs, width, overwrite, quiet)


def _filename(name: str) -> str:
    return "".join(sign if sign.isalnum() or sign in "-_ " else "_" for sign in name).strip() or "cut"


def _outputs(
    targets: tuple[str, ...], name: str, overwrite: bool, inputs: list[Path], usual: tuple[str, ...] = _DEFAULT
) -> list[Path]:
    from melies.errors import UseError
    from melies.files import writable
    from melies.footage.assembly import paper
    from melies.footage.timeline import ENDINGS

    paths = [Path(target) for target in targets] or [Path(name + ending) for ending in usual]
    for path in paths:
        if path.suffix.lower() not in (*ENDINGS, ".mp4", ".mov", ".mkv", ".webm", ".md"):
            raise UseError(
                f"{path} should end in .otio, .edl, .fcpxml, .xml, .md or as a film does.",
                "The ending says what is written.",
            )
        if path.suffix.lower() == ".md" and ".md" not in usual:
            raise UseError("A cut without silences has no paper edit.", "Leave the .md out.")
        if any(path.absolute() == given.absolute() for given in inputs):
            raise UseError(f"{path} would overwrite what it is made from.", "Choose another --to.")
        if path.suffix.lower() == ".md":
            paper.checked(path, overwrite)
        else:
            writable(path, overwrite)
    return paths


def _write(
    timeline: Timeline, rough: Rough | None, outputs: list[Path], width: int | None, overwrite: bool, quiet: bool
) -> None:
    from melies.footage.assembly import paper
    from melies.footage.timeline import ENDINGS, export

    for path in outputs:
        ending = path.suffix.lower()
        if ending in ENDINGS:
            export(timeline, path, overwrite)
        elif ending == ".md" and rough is not None:
            paper.write(rough, path, timeline.name, overwrite=overwrite)
        else:
            _preview(timeline, path, width, overwrite, quiet)
            continue
        click.echo(str(path), err=True)


def _preview(timeline: Timeline, path: Path, width: int | None, overwrite: bool, quiet: bool) -> None:
    from melies.footage.conform import conform
    from melies.footage.timeline import about

    if width is None:
        first = next((about(cut.source).size[0] for cut in timeline.cuts if cut.source is not None), _PREVIEW)
        width = min(first, _PREVIEW)
    with reporting(as_json=False, quiet=quiet, verbose=False) as report:
        clip = conform(timeline, width=width // 2 * 2)
        report.done(clip.save(path, overwrite=overwrite, preset="veryfast", progress=report.progress))

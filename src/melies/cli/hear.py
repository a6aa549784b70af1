"""`melies hear`: what is heard in a sound, and what formulas make of it."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command(
    "hear",
    no_args_is_help=True,
    epilog="""\b
    melies hear song.wav
    melies hear song.wav --react "zoom=1+bass*0.1" --react "onset|decay(0.3)" --to song.html
    melies hear film.mp4 --to numbers.csv --fps 30""",
)
@click.argument("sound", metavar="SOUND", type=click.Path())
@click.option("--react", multiple=True, metavar="TEXT", help="A formula to follow: FORMULA or PARAM=FORMULA.")
@click.option("--to", "target", type=click.Path(), metavar="FILE", help="Write an .html, .svg, .png, .json or .csv.")
@click.option("--fps", default="25", show_default=True, metavar="RATE", help="Frames a second, such as 30000/1001.")
@click.option("--overwrite", is_flag=True, help="Replace the file if it exists.")
@click.option("--json", "as_json", is_flag=True, help="Tell it for programs.")
def command(sound: str, react: tuple[str, ...], target: str | None, fps: str, overwrite: bool, as_json: bool) -> None:
    """Show what is heard in a song: its tempo, its bars, its sections.

    Before pictures follow it, what formulas make of it can be looked at under the waveform (--react, --to): the same
    that --react of every effect and generator takes.
    """
    from melies.errors import UseError
    from melies.files import writable
    from melies.hearing import preview
    from melies.times import parse_rate

    try:
        rate = parse_rate(fps)
    except ValueError as error:
        raise UseError(f"--fps {fps!r} {error}.") from None
    path = None if target is None else Path(target)
    if path is not None:
        if path.suffix.lower() not in preview.ENDINGS:
            raise UseError(f"--to {path} should end with {', '.join(preview.ENDINGS)}.")
        writable(path, overwrite)
    shown = preview.preview(Path(sound), react, rate)
    if path is not None:
        preview.write(shown, path)
    known = shown.plain()
    if as_json:
        known["reactions"] = {text: [float(row.min()), float(row.max())] for text, row in shown.reactions.items()}
        click.echo(json.dumps(known, ensure_ascii=False))
        return
    tempo = f"{known['tempo']:.1f} beats a minute" if known["tempo"] else "no beat"
    for heading, text in [
        ("sound", f"{shown.path} · {known['seconds']} s"),
        ("tempo", f"{tempo} · {len(known['beats'])} beats · {len(known['bars'])} bars"),
        *((f"section {number}", f"from {begin:.2f} s") for number, begin in enumerate(known["sections"])),
        *(
            (text, f"{row.min():.4g} to {row.max():.4g}, mean {row.mean():.4g}")
            for text, row in shown.reactions.items()
        ),
    ]:
        click.echo(f"{click.style(heading.ljust(11), fg='cyan')} {text}")
    if path is not None:
        click.echo(str(path), err=True)

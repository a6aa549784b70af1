"""`melies probe`: what is inside a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from melies.media.probe import AudioInfo, MediaInfo, VideoInfo


@click.command("probe", no_args_is_help=True)
@click.argument("file", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Everything that is known, for programs.")
def command(file: str, as_json: bool) -> None:
    """Show what is inside a film, a picture or a sound file."""
    from melies import provenance
    from melies.media.probe import probe

    info = probe(file)
    made = provenance.read(Path(file))
    if as_json:
        click.echo(json.dumps({**info.model_dump(mode="json"), "made_by_machine": made}, indent=2, ensure_ascii=False))
        return
    for heading, text in [*describe(info), *(("machine", sentence) for sentence in made)]:
        click.echo(f"{click.style(heading.ljust(10), fg='cyan')}{text}")


def describe(info: MediaInfo) -> Iterator[tuple[str, str]]:
    """Yield headings and what stands beside them."""
    from melies.cli.models import size

    yield "file", info.path
    yield "format", joined(info.container, length(info.duration), size(info.size))
    for stream in info.streams:
        words: list[Any] = [stream.codec]
        if stream.type == "video":
            words += picture(stream)
        elif stream.type == "audio":
            words += sound(stream)
        yield stream.type, joined(*words, stream.language, stream.title, *stream.dispositions)
    for chapter in info.chapters:
        yield "chapter", joined(f"{length(chapter.start)} to {length(chapter.end)}", chapter.title)
    for name, value in info.metadata.items():
        yield "tag", f"{name}: {value}"


def picture(stream: VideoInfo) -> Iterator[str]:
    """Yield what matters about a stream of pictures."""
    colour = stream.colour
    yield f"{stream.width}×{stream.height}"
    yield f"{decimal(stream.rate)} fps" + (", variable" if stream.variable else "")
    yield f"{stream.pixel_format}, {stream.depth} bit" + (", alpha" if stream.alpha else "")
    if stream.pixel_aspect != 1:
        yield f"pixels {stream.pixel_aspect.numerator}:{stream.pixel_aspect.denominator}"
    if stream.rotation or stream.mirrored:
        yield f"turned by {stream.rotation}°" + (", mirrored" if stream.mirrored else "")
    known = [colour.range, colour.matrix, colour.primaries, colour.transfer]
    yield "/".join(dict.fromkeys(word for word in known if word != "unknown"))


def sound(stream: AudioInfo) -> Iterator[str]:
    """Yield what matters about a stream of sound."""
    yield f"{stream.sample_rate} Hz"
    yield stream.layout or f"{stream.channels} channels"


def length(seconds: Fraction | None) -> str:
    """Return a length in seconds, exact to the millisecond; nothing if it is not known."""
    return "" if seconds is None else f"{decimal(seconds)} s"


def decimal(number: Fraction) -> str:
    """Return at most three decimals, and none that are zero."""
    return f"{float(number):.3f}".rstrip("0").rstrip(".")


def joined(*words: str) -> str:
    """Join what is known with dots."""
    return " · ".join(filter(None, words))

"""`melies doctor`: what is installed and what works."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from melies.doctor import Diagnosis


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="The same for programs.")
def command(as_json: bool) -> None:
    """Show what is installed and what works."""
    from melies.doctor import diagnose

    found = diagnose()
    if as_json:
        click.echo(found.model_dump_json(indent=2))
        return
    for heading, text in describe(found):
        click.echo(f"{click.style(heading.ljust(10), fg='cyan')}{text}")


def describe(found: Diagnosis) -> Iterator[tuple[str, str]]:
    """Yield headings and what stands beside them."""
    here = [f"{name} {version}" for name, version in found.packages.items() if version != "missing"]
    absent = [name for name, version in found.packages.items() if version == "missing"]
    able = [name for name, there in found.encoders.items() if there]
    unable = [name for name, there in found.encoders.items() if not there]
    ready = [name for name, status in found.models.items() if status != "missing"]
    to_pull = [name for name, status in found.models.items() if status == "missing"]
    yield "melies", found.melies
    yield "python", found.python
    yield "system", f"{found.system}, {found.cores} core{'' if found.cores == 1 else 's'}"
    yield "packages", ", ".join(here)
    if absent:
        yield "optional", f"not installed: {', '.join(absent)}"
    yield "ffmpeg", found.ffmpeg
    yield "devices", ", ".join(found.devices)
    yield "encoders", ", ".join(able) + (f"; without {', '.join(unable)}" if unable else "")
    yield "cameras", ", ".join(found.cameras) or "none found"
    yield "models", ", ".join(ready) or "none yet"
    if to_pull:
        yield "", f"to be pulled: {', '.join(to_pull)}"
    yield "store", f"{found.store}, {found.free_bytes / 1e9:.0f} GB free"

"""`melies bench`: measure speed, memory and quality here."""

from __future__ import annotations

import json
import math
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from melies.bench import Result


@click.command("bench")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--list", "show", is_flag=True, help="Only show which benchmarks there are.")
@click.option("--quick", is_flag=True, help="One round of each: rough numbers.")
@click.option(
    "--film",
    "films",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A film, or a folder of pictures, to measure quality on.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the results for programs, after the table.")
@click.option("--output", type=click.Path(path_type=Path), help="Also write the results, as JSON, to this file.")
def command(
    names: tuple[str, ...], show: bool, quick: bool, films: tuple[Path, ...], as_json: bool, output: Path | None
) -> None:
    """Measure speed, memory and quality on this machine: all benchmarks, or those named.

    Speeds are ratios of two measurements made in turns in one run: run it on a quiet machine. What a comparison needs
    and is not installed is said. The exit status is 1 when a target is missed.
    """
    from melies import bench

    chosen = {name: bench.find(name) for name in names} or bench.benchmarks()
    if show:
        width = max(map(len, chosen))
        for name, function in chosen.items():
            click.echo(f"{name:<{width}}  {(function.__doc__ or '').strip().splitlines()[0]}")
        return
    for film in films:
        if not film.exists():
            raise click.UsageError(f"There is no file {film}.")
    if output is not None and not output.parent.is_dir():
        raise click.UsageError(f"There is no folder {output.parent} to write {output.name} to.")
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="melies-bench-") as folder:
        place = bench.Bench(Path(folder), quick, films)
        for function in chosen.values():
            found = function(place)
            _table(found)
            results += found
    report = json.dumps({"machine": bench.machine(), "results": [_plain(result) for result in results]}, indent=1)
    if as_json:
        click.echo(report)
    if output is not None:
        output.write_text(report + "\n")
    if any(result.met is False for result in results):
        sys.exit(1)


def _plain(result: Result) -> dict[str, Any]:
    return {**asdict(result), "value": None if math.isnan(result.value) else result.value}


def _table(results: list[Result]) -> None:
    width = max((len(result.what) for result in results), default=0)
    for r in results:
        mark = {True: "met", False: "NOT MET", None: "-"}[r.met]
        value = " " * 9 + "-" if math.isnan(r.value) else f"{r.value:10.3f}"
        click.echo(f"{r.what:<{width}}  {value} {r.unit:<3}  {r.target:<7}  {mark:<7}  {r.detail}".rstrip())

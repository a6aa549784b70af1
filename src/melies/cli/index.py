"""`melies index`: the catalogue of a folder of footage, made and kept up to date."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from melies.cli.reading import max_errors

if TYPE_CHECKING:
    from melies.cli.report import Report
    from melies.footage.catalogue import Catalogue, File, Ledger
    from melies.footage.catalogue.folder import Changes, Stamp
    from melies.footage.indexer import Outcome, Wish


_STEADY = 60.0
"""Seconds over which the speed is averaged: films run ahead, and wait while questions are answered."""


@click.command(
    "index",
    no_args_is_help=True,
    epilog="""\b
    melies index footage
    melies index footage --transcribe --watch
    melies index footage --status""",
)
@click.argument("folder", type=click.Path())
@click.option("--catalogue", type=click.Path(), metavar="FOLDER", help="Keep it here, not in .melies in the folder.")
@click.option(
    "--people/--no-people", default=None, help="Tell people apart by their faces; as last time, at first yes."
)
@click.option("--transcribe/--no-transcribe", default=None, help="Write down what is said; as last time, at first no.")
@click.option(
    "--ask", multiple=True, metavar="QUESTION", help="Put a question that takes long, such as writing; may be repeated."
)
@max_errors
@click.option("--again", is_flag=True, help="Read films that were read before, too.")
@click.option("--prune", is_flag=True, help="Forget films whose files are missing.")
@click.option("--watch", is_flag=True, help="Go on until Ctrl-C: read what comes into the folder.")
@click.option(
    "--every", type=click.FloatRange(0.1), default=2.0, show_default=True, help="Seconds between two looks of --watch."
)
@click.option("-j", "--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Films read at once.")
@click.option("--status", is_flag=True, help="Only say what is in the catalogue, and what was refused and why.")
@click.option("--json", "as_json", is_flag=True, help="What was done, for programs.")
@click.option("-q", "--quiet", is_flag=True, help="Only warnings.")
def command(
    folder: str,
    catalogue: str | None,
    people: bool | None,
    transcribe: bool | None,
    ask: tuple[str, ...],
    max_errors: int,
    again: bool,
    prune: bool,
    watch: bool,
    every: float,
    jobs: int,
    status: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Make the catalogue of a folder of footage, or bring it up to date.

    Films are found by their content, in the folder and below it. Of each its shots are found, and of each shot what is
    in it, how it is taken and lit, and who is seen. What was read before is not read again, also when it was moved or
    renamed. Whoever stops goes on next time. The films themselves are never touched.
    """
    from melies.cli.report import reporting
    from melies.footage.catalogue import Catalogue

    if status:
        with Catalogue.open(folder, at=catalogue) as opened:
            _tell_status(opened, as_json)
        return
    with reporting(as_json=False, quiet=quiet or as_json, verbose=False) as report:
        with Catalogue.open(folder, create=True, at=catalogue) as opened:
            wish = replace(_wish(opened.ledger, people, transcribe, ask), again=again, max_errors=max_errors)
            work = _Work(opened.folder, opened.home, wish, prune, jobs, report, as_json, quiet)
            if not watch:
                work.do(opened)
        if watch:
            work.go_on(every)


def _wish(ledger: Ledger, people: bool | None, transcribe: bool | None, ask: tuple[str, ...]) -> Wish:
    """What is wished for now, or was the last time; it is remembered."""
    from melies.errors import UseError
    from melies.footage.analyse import extras
    from melies.footage.indexer import Wish

    for name in ask:
        if name not in extras():
            known = ", ".join(sorted(extras())) or "none"
            raise UseError(f"There is no question {name!r} that is only put when asked for.", f"There are: {known}.")
    for key, given in (("people", people), ("transcribe", transcribe)):
        if given is not None:
            ledger.set(key, "yes" if given else "no")
    if ask:
        ledger.set("ask", " ".join(sorted(ask)))
    kept = frozenset(ledger.setting("ask").split()) & extras()
    return Wish(ledger.setting("people", "yes") == "yes", ledger.setting("transcribe", "no") == "yes", kept)


@dataclass
class _Work:
    """What is to be done about a folder, once or again and again."""

    folder: Path
    home: Path
    wish: Wish
    prune: bool
    jobs: int
    report: Report
    as_json: bool
    quiet: bool
    _first: bool = True
    _waits: bool = False

    def do(self, catalogue: Catalogue, settled: dict[Path, Stamp] | None = None) -> Changes:
        """Bring the catalogue up to date, and say so if it is the first time, or there was anything to do."""
        outcome = self._index(catalogue, settled)
        changes = outcome.changes
        forgotten = _prune(catalogue) if self.prune else 0
        if self._first or outcome.read or outcome.refused or changes.refused or changes.moved or changes.missing:
            _tell(catalogue, outcome, forgotten, self.as_json, self.quiet)
        self._first = self.prune = False
        self.wish = replace(self.wish, again=False)
        return changes

    def go_on(self, every: float) -> None:
        """Go on until somebody stops it; in between others may write in the catalogue."""
        from melies.footage.indexer import watch

        self._say(f"watching {self.folder}; Ctrl-C stops")
        watch(self.folder, self.home, every, self._look)

    def _look(self, settled: dict[Path, Stamp]) -> bool:
        """Do what is to be done now; say whether that is all."""
        from melies.footage.catalogue import BusyError, Catalogue

        try:
            opened = Catalogue.open(self.folder, create=True, at=self.home)
        except BusyError as busy:
            if not self._waits:
                self.report.note(logging.WARNING, f"{busy.message} What has changed is read after that.")
            self._waits = True
            return False
        self._waits = False
        with opened:
            return not self.do(opened, settled).moving

    def _index(self, catalogue: Catalogue, settled: dict[Path, Stamp] | None) -> Outcome:
        from melies.engine.progress import Meter
        from melies.footage.indexer import index

        meter, count, at = Meter(None, "render", None), 0, 0

        def begun(changes: Changes) -> None:
            nonlocal meter, count
            for file in changes.refused:
                self._refuse(file)
            frames = [file.frames for file in changes.to_read]
            total = sum(frames) if all(frames) else None
            meter, count = Meter(self.report.progress, "render", total, over=_STEADY), len(frames)

        def done(file: File, shots: int) -> None:
            nonlocal at
            at += 1
            if file.state == "refused":
                self._refuse(file)
            else:
                self._say(f"{at}/{count} {file.path}: {_count(shots, 'shot')}")

        return index(
            catalogue,
            self.wish,
            jobs=self.jobs,
            settled=settled,
            begun=begun,
            seen=lambda: meter.add(),
            done=done,
        )

    def _refuse(self, file: File) -> None:
        self.report.note(logging.WARNING, f"{file.path} is left out: {file.reason}.")

    def _say(self, text: str) -> None:
        if not (self.quiet or self.as_json):
            self.report.note(logging.INFO, text)


def _prune(catalogue: Catalogue) -> int:
    gone = {file.film for file in catalogue.ledger.files() if file.state == "missing"}
    for film in sorted(filter(None, gone)):
        catalogue.drop(film)
    return len(gone)


def _tell(catalogue: Catalogue, outcome: Outcome, forgotten: int, as_json: bool, quiet: bool) -> None:
    changes = outcome.changes
    facts = {
        "read": outcome.read,
        "same": changes.same,
        "moved": changes.moved,
        "missing": changes.missing,
        "refused": len(changes.refused) + len(outcome.refused),
        "forgotten": forgotten,
        "outdated": changes.outdated,
    }
    if as_json:
        click.echo(
            json.dumps({**facts, "frames": outcome.frames, "seconds": round(outcome.seconds, 3)} | _facts(catalogue))
        )
        return
    if quiet:
        return
    words = [f"{number} {word}" for word, number in facts.items() if number and word != "outdated"] or ["nothing new"]
    fps = f", {outcome.frames / outcome.seconds:.0f} frames a second" if outcome.read and outcome.seconds else ""
    click.echo(f"{', '.join(words)}{fps}. The catalogue has {_holds(catalogue)}.")
    if changes.outdated:
        films = _count(changes.outdated, "film")
        click.echo(f"{films} could be asked more than when they were read: --again reads everything anew.")


def _tell_status(catalogue: Catalogue, as_json: bool) -> None:
    files = [file for file in catalogue.ledger.files() if file.state in ("refused", "missing")]
    if as_json:
        told = [{"file": str(file.path), "state": file.state, "reason": file.reason} for file in files]
        click.echo(json.dumps(_facts(catalogue) | {"left_out": told}, indent=2))
        return
    click.echo(f"{catalogue.home}: {_holds(catalogue)}.")
    for file in files:
        click.echo(
            f"{click.style(file.state.ljust(8), fg='yellow')} {file.path}" + (f": {file.reason}" if file.reason else "")
        )


def _facts(catalogue: Catalogue) -> dict[str, Any]:
    from melies.footage.people import count

    films = catalogue.ledger.shots().keys() - set(catalogue.ledger.hidden())
    return {
        "catalogue": str(catalogue.home),
        "films": len(films),
        "shots": catalogue.count(),
        "people": count(catalogue.ledger),
    }


def _holds(catalogue: Catalogue) -> str:
    facts = _facts(catalogue)
    people = f", {facts['people']} {'person' if facts['people'] == 1 else 'people'}" if facts["people"] else ""
    return f"{_count(facts['films'], 'film')}, {_count(facts['shots'], 'shot')}{people}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"

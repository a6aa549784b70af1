"""The command line: small commands, one file each, that import what they need only when they run."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from melies import __version__
from melies.cli.words import Strict
from melies.errors import MeliesError
from melies.suggest import did_you_mean

COMMANDS = (
    "apply",
    "run",
    "dream",
    "project",
    "hear",
    "live",
    "kiosk",
    "effects",
    "probe",
    "faces",
    "shots",
    "assemble",
    "render",
    "storyboard",
    "index",
    "people",
    "find",
    "models",
    "doctor",
    "bench",
    "train",
    "motion",
    "completion",
)
INTERRUPTED = 130

EXAMPLES = """\b
melies apply in.mp4 out.mp4 matte --background green
melies effects matte"""


class Commands(Strict):
    """The group of all commands; each is the attribute `command` of the module of its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order in which people meet them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module."""
        if cmd_name in COMMANDS:
            command: click.Command = import_module(f"melies.cli.{cmd_name}").command
            return command
        if ctx.resilient_parsing or cmd_name.startswith("-"):
            return None
        raise click.UsageError(f"There is no command {cmd_name!r}.{did_you_mean(cmd_name, COMMANDS)}", ctx)


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXAMPLES)
@click.version_option(__version__, message="melies %(version)s")
@click.option("--debug", is_flag=True, envvar="MELIES_DEBUG", help="Show where in the code an error arose.")
def cli(debug: bool) -> None:
    """Machine learning on the moving image."""


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave the process.

    Exit status: 0 all went well, 1 the work failed, 2 the request makes no sense, 130 stopped by the user.
    """
    if args is None:  # in a process of its own
        # Stages run beside each other: threads of numpy's own would only take the cores from them.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        signal.signal(signal.SIGTERM, _terminated)
    words = sys.argv[1:] if args is None else list(args)
    given = [word for word in words if word != "--debug"]  # understood anywhere
    try:
        status = _run(given, debug=bool(os.environ.get("MELIES_DEBUG")) or given != words)
    except BrokenPipeError:  # whoever read what went wrong has gone away
        from melies.cli.report import hush

        hush(sys.stdout if "--json" in given else sys.stderr)
        status = 1
    if args is None:  # what is left to do is short; a second Ctrl-C would only make it untidy
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(status if isinstance(status, int) else 0)


def _run(words: list[str], debug: bool) -> Any:
    as_json = "--json" in words
    try:
        return cli.main(words, prog_name="melies", standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        return _stopped(INTERRUPTED, as_json)
    except Terminated as error:
        return _stopped(error.status, as_json)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0
    except Exception as error:  # the outermost door: whatever happened, people get one sentence
        if debug:
            raise
        return _report(error, as_json)


class Terminated(SystemExit):
    """The system asked the process to end; raised, so that what was being written is cleaned up."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _terminated(number: int, frame: Any) -> NoReturn:
    raise Terminated(128 + number)


def _stopped(status: int, as_json: bool) -> int:
    click.echo('{"event": "stopped"}' if as_json else "stopped", err=not as_json)
    return status


def _report(error: Exception, as_json: bool) -> int:
    """Show an error as one line and return the exit status it deserves."""
    message, hint, status = _describe(error)
    if as_json:
        import json

        click.echo(json.dumps({"event": "error", "message": message, "hint": hint, "exit_code": status}))
    else:
        # What points at a place in the line above stands alone.
        between = "\n" if message.endswith("^") else " "
        click.echo(f"{click.style('melies:', fg='red')} {message}{between}{hint}".rstrip(), err=True)
    return status


def _describe(error: Exception) -> tuple[str, str, int]:
    if isinstance(error, MeliesError):
        return error.message, error.hint, error.exit_code
    if isinstance(error, click.NoSuchOption) and (len(error.option_name) == 2 or "." in error.option_name):
        return error.format_message(), "Write -- before names that begin with a dash.", error.exit_code
    if isinstance(error, click.UsageError):
        hint = f"See: {error.ctx.command_path} --help" if error.ctx else ""
        return error.format_message(), hint, error.exit_code
    if isinstance(error, click.ClickException):
        return error.format_message(), "", error.exit_code
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{where}.", "", 1
    what = f"{type(error).__name__}: {error}".rstrip(": ")
    return f"Something unforeseen went wrong ({what}).", "Please report it with the output of --debug.", 1

"""Options that commands share which read films."""

import click

max_errors = click.option(
    "--max-errors",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    metavar="WHOLE",
    help="Broken frames of a film that may be skipped before it is given up.",
)

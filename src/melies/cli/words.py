"""Which words of a command line are options, and which are their values.

Click lets an option without a value take the next option for it: `train style --photos --steps 5` would look for
photos in a folder called --steps. All commands refuse that.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping, Sequence

import click

Options = Mapping[str, click.Option]

_OPTION = re.compile(r"--[^\s=]*(=|$)")


class Strict(click.Group):
    """A group none of whose commands takes an option for the value of another."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command, and look at what is typed behind it before click does.

        Raises:
            UseError: An option has no value.
        """
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None and not ctx.resilient_parsing:
            _check(command, lookup(command.get_params(ctx)), rest)
        return name, command, rest


def _check(command: click.Command, options: Options, args: Sequence[str]) -> None:
    words = deque(args)
    while words and (word := words.popleft()) != "--":
        if word == "-" or not word.startswith("-"):
            if not command.allow_interspersed_args:  # what follows belongs to somebody else
                return
        elif (option := match(options, word)) is not None and wants_value(option, word):
            for _ in range(min(option.nargs, len(words))):
                must_be_value(word, words.popleft(), options)


def lookup(params: Sequence[click.Parameter]) -> dict[str, click.Option]:
    """Return every spelling of every option."""
    return {
        word: param
        for param in params
        if isinstance(param, click.Option)
        for word in (*param.opts, *param.secondary_opts)
    }


def match(options: Options, word: str) -> click.Option | None:
    """Return the option that a word means, such as `--fps=25` or `-j4`."""
    return options.get(word.partition("=")[0]) or (None if word.startswith("--") else options.get(word[:2]))


def wants_value(option: click.Option | None, word: str) -> bool:
    """Whether the value of an option is the word after it."""
    if option is None or option.is_flag or option.count:
        return False
    return "=" not in word if word.startswith("--") else len(word) == 2


def must_be_value(word: str, value: str, options: Options, owner: str = "") -> None:
    """Refuse an option where the value of another should be; negative numbers and names begin with one dash.

    Args:
        word: The option that wants a value.
        value: The word after it.
        options: Those that are known there.
        owner: Whose option it is, if that must be said.

    Raises:
        UseError: The value is an option.
    """
    from melies.errors import UseError

    if _OPTION.match(value) or value in options:
        whose = f"{owner} {word}".lstrip()
        joined = f"{word}={value}" if word.startswith("--") else f"{word}{value}"
        raise UseError(f"{whose} needs a value, and {value} is an option.", f"If it is the value: {joined}")

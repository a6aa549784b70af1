"""Command-line options made from a model's fields: the model stays the only place that declares them.

Click carries what was typed; the model converts and judges it, so that a wrong value gets the same sentence
on the command line, in a recipe and in Python.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from fractions import Fraction

    from pydantic import BaseModel

    from melies.schema import Setting

WIDE = 27
"""Characters of an option's name and alternatives that still look well beside its help."""


class FieldType(click.types.StringParamType):
    """Takes any text; knows what to show in help and what to offer when Tab is pressed."""

    def __init__(self, setting: Setting) -> None:
        self.name = setting.wants
        self._choices = setting.choices
        self._files = "FILE" in setting.wants

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the words that are allowed, and files where one may be named."""
        words = [CompletionItem(word) for word in self._choices if word.startswith(incomplete)]
        return [*words, CompletionItem(incomplete, type="file")] if self._files else words


class FieldOption(click.Option):
    """The option of one field; leaving it out leaves the field at its default."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        flag = setting.kind == "flag"
        dashes = setting.option
        super().__init__(
            [setting.name, f"{dashes}/--no-{dashes[2:]}" if flag else dashes],
            type=click.BOOL if flag else FieldType(setting),
            is_flag=flag,
            default=None,
            multiple=setting.kind in ("list", "pairs"),
            metavar=None if flag else setting.wants,
            help=setting.help or None,
        )

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Show the form that changes something, what to write, and the field's own default and bounds."""
        setting = self.setting
        if setting.kind == "flag" and setting.default == "no":
            return self.opts[0], setting.help
        words = setting.choices if len(self.opts[0]) + len(setting.wants) > WIDE else ()
        wants = setting.name.upper().replace("_", "-") if words else setting.wants
        notes = [", ".join(words), setting.bounds]
        notes.append("needed" if setting.required else setting.default and f"default {setting.default}")
        notes.append("may be repeated" if self.multiple else "")
        said = "; ".join(filter(None, notes))
        name = f"{self.opts[0]} / {self.secondary_opts[0]}" if setting.kind == "flag" else f"{self.opts[0]} {wants}"
        return name, f"{setting.help}  [{said}]" if said else setting.help


def asked_time(option: str, text: str | None) -> Fraction | None:
    """Read the time that an option was given, in seconds.

    Raises:
        UseError: It is none.
    """
    return _asked(option, text, "time")


def asked_rate(option: str, text: str | None) -> Fraction | None:
    """Read the frames per second that an option was given.

    Raises:
        UseError: They are none.
    """
    return _asked(option, text, "rate")


def _asked(option: str, text: str | None, what: Literal["time", "rate"]) -> Fraction | None:
    from melies.errors import UseError
    from melies.times import parse_rate, parse_time

    if text is None:
        return None
    try:
        return parse_time(text) if what == "time" else parse_rate(text)
    except ValueError as error:
        raise UseError(f"{option} {text!r} {error}.") from None


def options_of(model: type[BaseModel], leave_out: Iterable[str] = ()) -> list[click.Option]:
    """Make the options of a model's fields."""
    from melies.schema import settings

    return [FieldOption(setting) for setting in settings(model) if setting.name not in set(leave_out)]


def values(model: type[BaseModel], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of a model's fields that were given on the command line, ready for the model to judge."""
    from melies.schema import settings

    return {
        setting.name: setting.read(given[setting.name])
        for setting in settings(model)
        if given.get(setting.name) not in (None, ())
    }

"""What pydantic complains about, as one sentence for people."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from pydantic import BaseModel, ValidationError

from melies.suggest import did_you_mean
from melies.times import plain


def explain(error: ValidationError, model: type[BaseModel], subject: str = "", *, keys: bool = False) -> str:
    """Put the first complaint, or all that is missing, into one sentence: field, value and what is allowed.

    Args:
        error: What pydantic raised.
        model: Whose fields were given.
        subject: Whom the sentence is about, such as the name of an effect or of a file.
        keys: Whether fields are keys of a document, as in `save.quality`, and not options, as in `--quality`.
    """
    complaints = error.errors(include_url=False)
    first = complaints[0]
    place = [str(part) for part in first["loc"]]
    owner, name = _owner(model, place)
    shown = _shown(model, place, keys)
    kind = "key" if keys else "option"
    if first["type"] == "extra_forbidden":
        return f"{subject or 'This'} has no {kind} {shown}.{did_you_mean(name, _names(owner))}"
    if first["type"] == "missing":
        lacking = [_shown(model, list(map(str, one["loc"])), keys) for one in complaints if one["type"] == "missing"]
        return f"{subject or 'This'} needs the {kind}{'s' if lacking[1:] else ''} {', '.join(lacking)}."
    reason = first["msg"].removeprefix("Value error, ").removeprefix("Input ").rstrip(".")
    # A line that points at a place in another is no sentence.
    stop = "" if reason.endswith("^") else "."
    if not place:
        # The model as a whole: the sentence names the options that do not go together.
        return f"{subject}: {reason}{stop}" if subject else f"{reason[:1].upper()}{reason[1:]}{stop}"
    if not stop:  # it shows what was given
        return f"{' '.join(filter(None, [subject, shown]))}: {reason}"
    given = first["input"]
    if not keys:
        if isinstance(given, list):  # on the command line
            given = ",".join(map(str, given))
        if first["type"] in ("tuple_type", "list_type"):
            reason = "should be several values with commas between them"
    about = " ".join(filter(None, [subject, shown, written(given)]))
    return f"{about}: {_either(owner, name) or reason}."


def written(value: Any) -> str:
    """Return a value as people write it."""
    return str(plain(value)) if isinstance(value, Fraction) else repr(value)


def _shown(model: type[BaseModel], place: list[str], keys: bool) -> str:
    return ".".join(place) if keys else "--" + _owner(model, place)[1].replace("_", "-")


def _either(model: type[BaseModel], name: str) -> str:
    """Say what a field takes that is either one of some words or a number; nothing of any other."""
    from melies.schema import settings

    setting = next((setting for setting in settings(model) if setting.name == name), None)
    if setting is None or not setting.choices or "NUMBER" not in setting.wants:
        return ""
    low, to, high = setting.bounds.partition("–")
    bounds = f" from {low} to {high}" if to else f" {setting.bounds}".rstrip()
    return f"should be {', '.join(setting.choices)}, or a number{bounds}"


def _owner(model: type[BaseModel], place: list[str]) -> tuple[type[BaseModel], str]:
    """Return the model that holds the field, which may be a field's own, and the field's name."""
    for part in place:
        field = model.model_fields.get(part)
        inner = field.annotation if field else None
        if part == place[-1] or not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return model, part
        model = inner
    return model, ""


def _names(model: type[BaseModel]) -> Iterator[str]:
    return (field.alias or name for name, field in model.model_fields.items())

"""What a model's fields look like to people: one reading of its schema, for commands and pages alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel

from melies.errors import UseError

Kind = Literal["value", "flag", "list", "tuple", "pairs"]

_WORDS = {
    ("integer", None): "WHOLE",
    ("number", None): "NUMBER",
    ("string", None): "TEXT",
    ("string", "path"): "FILE",
    ("string", "word-or-path"): "TEXT|FILE",
    ("string", "file-path"): "FILE",
    ("string", "directory-path"): "FOLDER",
    ("string", "fraction"): "RATIO",
    ("string", "time"): "TIME",
    ("string", "rate"): "RATE",
    ("string", "colour"): "COLOUR",
    ("string", "size"): "SIZE",
    ("boolean", None): "yes|no",
    ("object", None): "KEY=VALUE",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of a model, as people see it.

    Attributes:
        name: The field's name in Python, such as `edge_shrink`.
        kind: `"flag"` is on or off, `"list"` may be given several times, `"tuple"` is written `a,b,c`,
            `"pairs"` is `key=value` given several times, `"value"` is everything else.
        wants: What to write for it, such as `none|blur|FILE`.
        choices: The words among what it wants.
        bounds: The allowed range, such as `0–1` or `0 ≤ x < 1`; empty when any value will do.
        default: The default as text; empty when there is none worth showing.
        help: What it does: the field's own description, as a sentence.
        required: Whether it must be given.
    """

    name: str
    kind: Kind
    wants: str
    choices: tuple[str, ...]
    bounds: str
    default: str
    help: str
    required: bool

    @property
    def option(self) -> str:
        """The name on the command line, such as `--edge-shrink`."""
        return "--" + self.name.replace("_", "-")

    def read(self, given: Any) -> Any:
        """Turn what a command line carries into what the model takes; the model judges the value itself."""
        if self.kind == "tuple":
            parts = [part.strip() for part in given.split(",")]
            return parts if len(parts) > 1 else given
        if self.kind == "pairs":
            return dict(_pair(text) for text in given)
        return list(given) if self.kind == "list" else given


@cache
def settings(model: type[BaseModel]) -> tuple[Setting, ...]:
    """Describe every field of `model`: its own in the order they are declared, then those that others have as well."""
    schema = model.model_json_schema()
    needed = schema.get("required", ())
    shared = {name for base in model.__bases__ if issubclass(base, BaseModel) for name in base.model_fields}
    fields = sorted(schema.get("properties", {}).items(), key=lambda entry: entry[0] in shared - _redeclared(model))
    return tuple(_setting(name, field, schema.get("$defs", {}), name in needed) for name, field in fields)


def _redeclared(model: type[BaseModel]) -> set[str]:
    return set(vars(model).get("__annotations__", {}))


def summary(thing: type) -> str:
    """Return the first sentence of a class's docstring, without the full stop."""
    first = (thing.__doc__ or "").strip().split("\n\n")[0]
    return " ".join(first.split()).removesuffix(".")


def sentence(text: str) -> str:
    """Return a description as one line that begins with a capital and ends with a full stop."""
    line = " ".join(text.split()).removesuffix(".")
    return f"{line[0].upper()}{line[1:]}." if line else ""


def _setting(name: str, field: Mapping[str, Any], defs: Mapping[str, Any], required: bool) -> Setting:
    kinds = list(_alternatives(field, defs))
    choices = tuple(str(word) for kind in kinds for word in kind.get("enum", ()))
    return Setting(
        name=name,
        kind=_kind(kinds),
        wants=_alternative_words(kinds, defs),
        choices=choices,
        bounds=next(filter(None, map(_bounds, kinds)), ""),
        default=_text(field.get("default")),
        help=sentence(field.get("description", "")),
        required=required,
    )


def _alternatives(field: Mapping[str, Any], defs: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the schemas a value may match, without null, references followed."""
    if "$ref" in field:
        yield from _alternatives(defs[field["$ref"].rpartition("/")[2]], defs)
    elif "anyOf" in field or "oneOf" in field:
        for one in field.get("anyOf", field.get("oneOf", ())):
            yield from _alternatives(one, defs)
    elif "const" in field:
        yield {**field, "enum": [field["const"]]}
    elif field.get("type") != "null":
        yield field


def _kind(kinds: list[Mapping[str, Any]]) -> Kind:
    types = {kind.get("type") for kind in kinds}
    if types == {"boolean"}:
        return "flag"
    if types == {"object"}:
        return "pairs"
    if types == {"array"}:
        return "tuple" if all("prefixItems" in kind for kind in kinds) else "list"
    return "value"


def _alternative_words(kinds: Iterable[Mapping[str, Any]], defs: Mapping[str, Any]) -> str:
    words = dict.fromkeys(_wants(kind, defs) for kind in kinds)
    if "RATIO" in words:
        words.pop("NUMBER", None)
    return "|".join(words) or "TEXT"


def _wants(kind: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    if "enum" in kind:
        return "|".join(str(word) for word in kind["enum"])
    if "prefixItems" in kind:
        return ",".join(_item(item, defs) for item in kind["prefixItems"])
    if kind.get("type") == "array":
        return _item(kind.get("items", {}), defs)
    word = _WORDS.get((kind.get("type", "string"), kind.get("format")))
    return word or _WORDS.get((kind.get("type", "string"), None), "TEXT")


def _item(field: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    return _alternative_words(_alternatives(field, defs), defs)


def _bounds(kind: Mapping[str, Any]) -> str:
    low = kind.get("minimum", kind.get("exclusiveMinimum"))
    high = kind.get("maximum", kind.get("exclusiveMaximum"))
    whole = f", a multiple of {kind['multipleOf']:g}" if "multipleOf" in kind else ""
    return f"{_range(kind, low, high)}{whole}".removeprefix(", ")


def _range(kind: Mapping[str, Any], low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    above = "≤" if "minimum" in kind else "<"
    below = "≤" if "maximum" in kind else "<"
    if high is None:
        return f"{'≥' if above == '≤' else '>'} {low:g}"
    if low is None:
        return f"{below} {high:g}"
    return f"{low:g}–{high:g}" if above == below == "≤" else f"{low:g} {above} x {below} {high:g}"


def _text(default: Any) -> str:
    if default is None or default in ([], {}, ""):
        return ""
    if isinstance(default, bool):
        return "yes" if default else "no"
    if isinstance(default, list):
        return ",".join(map(_text, default))
    return f"{default:g}" if isinstance(default, float) else str(default)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise UseError(f"{text!r} is not a setting.", "Write key=value, such as crf=18.")
    return key, value

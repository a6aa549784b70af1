"""Kinds of values that several effects ask for."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, Field

Gravity = Literal["center", "top", "bottom", "left", "right", "top-left", "top-right", "bottom-left", "bottom-right"]
"""Where something is anchored inside something larger."""


def _ratio(value: Any) -> Any:
    return value.strip().replace(":", "/") if isinstance(value, str) else value


Ratio = Annotated[Fraction, BeforeValidator(_ratio), Field(gt=0)]
"""A positive ratio, written `16:9`, `16/9` or `1.85`."""


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, PurePath) else value


_source = BeforeValidator(_text)
Source = Annotated[str, _source, Field(json_schema_extra={"format": "word-or-path"})]
"""A word, a colour or the path of a file, or `FILE@TIME`; from Python a path object will do."""


Named = Annotated[Source, Field(json_schema_extra={"format": "path"})]
"""The path of a file, or `FILE@TIME`; nothing else will do."""


def refuse_address(value: object) -> object:
    """Refuse an address while it stands as it was typed: a path would lose one of its slashes."""
    if isinstance(value, str) and "://" in value:
        from melies.media.probe import local_file

        local_file(value)
    return value


File = Annotated[Path, BeforeValidator(refuse_address)]
"""The path of a file to read."""


def may_name_files(model: type[BaseModel], name: str) -> bool:
    """Whether a field is declared as something that may name a file: as a path or a `Source`, or several."""
    field = model.model_fields[name]
    return any(map(_is_file_kind, (field.annotation, *field.metadata)))


def _is_file_kind(kind: Any) -> bool:
    if kind is _source or (isinstance(kind, type) and issubclass(kind, PurePath)):
        return True
    return any(map(_is_file_kind, get_args(kind)))


def names_in(text: str) -> Iterator[tuple[Path, str]]:
    """Yield what may be the file in the text of a `Source`, and what is written behind it: `FILE`, `FILE@TIME`."""
    name, at, time = text.rpartition("@")
    yield Path(text), ""
    if at:
        yield Path(name), at + time


def anchored(gravity: Gravity, spare_x: int, spare_y: int) -> tuple[int, int]:
    """Offset from the left and the top when there are `spare_x` and `spare_y` pixels to share out."""
    across = 0 if "left" in gravity else 2 if "right" in gravity else 1
    down = 0 if "top" in gravity else 2 if "bottom" in gravity else 1
    return spare_x * across // 2, spare_y * down // 2

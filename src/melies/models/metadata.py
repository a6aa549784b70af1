"""What an ONNX file says about itself: its metadata, read and written without loading the network."""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from melies.errors import ModelError, UseError
from melies.explain import explain
from melies.files import exists, is_file
from melies.models.convert.onnx_graph import encode_field
from melies.models.protobuf import Message, fields

C = TypeVar("C", bound=BaseModel)

_ENTRY = 14
"""The field of a `ModelProto` that holds an entry: its name in field 1, its text in field 2."""


def must_hold(path: Path) -> None:
    """Refuse the path of a network at which nothing can be.

    Raises:
        UseError: There is no such file, it is a folder, or it is empty.
    """
    if exists(path) and path.is_dir():
        held = sorted(file.name for file in path.glob("*.onnx"))
        raise UseError(
            f"{path} is a folder" + (f" that holds {' and '.join(held)}." if held else " without an ONNX file in it."),
            f"Name one of them, such as {path / held[0]}." if held else "Name a network, such as RUN/a-to-b.onnx.",
        )
    if not is_file(path):
        raise UseError(f"There is no file {path}.")
    if not path.stat().st_size:
        raise UseError(f"The file {path} is empty.")


def metadata(path: Path) -> dict[str, str]:
    """Return the metadata of an ONNX file without loading the network; nothing for a file that is no ONNX.

    Raises:
        UseError: There is no such file, it is a folder, or it is empty.
    """
    must_hold(path)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        try:
            return dict(_entry(content[field.start : field.end]) for field in fields(content) if field.number == _ENTRY)
        except (ValueError, KeyError):
            return {}


def card_of(path: Path, key: str, kind: type[C], what: str) -> C | None:
    """Return what an ONNX file says about itself under `key`; None if it says nothing there.

    Args:
        path: The file.
        key: Name of the entry that holds the card, as JSON.
        kind: The model that the card follows.
        what: What the card is called in messages.

    Raises:
        UseError: There is no such file, it is a folder, or it is empty.
        ModelError: The card in it cannot be understood.
    """
    text = metadata(path).get(key)
    if text is None:
        return None
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise ModelError(f"{path}: {explain(error, kind, what)}", "Export it again with this version.") from None


def with_metadata(model: bytes, entries: Mapping[str, str]) -> bytes:
    """Return an ONNX file with these entries; those of the same names that it had are replaced.

    Raises:
        ModelError: It is no ONNX file.
    """
    try:
        kept = [
            model[field.whole : field.end]
            for field in fields(model)
            if field.number != _ENTRY or _entry(model[field.start : field.end])[0] not in entries
        ]
    except (ValueError, KeyError):
        raise ModelError("This is no ONNX file.") from None
    added = (encode_field(_ENTRY, encode_field(1, name) + encode_field(2, text)) for name, text in entries.items())
    return b"".join([*kept, *added])


def _entry(message: Message) -> tuple[str, str]:
    parts = {field.number: bytes(message[field.start : field.end]) for field in fields(message)}
    return parts[1].decode(), parts.get(2, b"").decode()

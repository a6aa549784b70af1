"""Turning the files that a source holds into the one file that is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal


def convert(how: Literal["join", "ncnn", "rife", "tfjs"], files: Sequence[Path], options: Mapping[str, Any]) -> bytes:
    """Return the content of the model file.

    Args:
        how: `"join"` puts the files one after the other; `"ncnn"` wants a `.param` and a `.bin` file; `"rife"` wants
            a checkpoint of RIFE 4.6; `"tfjs"` wants a graph model's JSON file and then its weight files.
        files: The files, in the order of the registry.
        options: Keyword arguments of the converter.

    Raises:
        ModelError: The network cannot be converted.
    """
    if how == "rife":
        from melies.models.convert import checkpoint, rife

        return rife.convert(checkpoint.read(files[0]))
    first, *rest = (path.read_bytes() for path in files)
    if how == "join":
        return b"".join([first, *rest])
    if how == "ncnn":
        from melies.models.convert import ncnn

        return ncnn.convert(first.decode(), rest[0])
    from melies.models.convert import tfjs

    return tfjs.convert(first, dict(zip((path.name for path in files[1:]), rest, strict=True)), **options)

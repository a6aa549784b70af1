"""Sizes of files and of pictures as people write them."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "ki": 1024, "mi": 1024**2, "gi": 1024**3}


def parse_size(value: object) -> int:
    """Turn `"8MB"`, `"500k"`, `"7.5 MiB"` or a number of bytes into bytes.

    Raises:
        ValueError: It is not a size, or none that a film could have.
    """
    match = re.fullmatch(r"\s*(\d{1,15}(?:\.\d{1,9})?)\s*([kmg]?i?)b?\s*", str(value).lower())
    if isinstance(value, bool) or match is None or match[2] not in _UNITS:
        raise ValueError("should be a size such as 8MB, 500k or 7.5MiB")
    size = int(Fraction(match[1]) * _UNITS[match[2]])
    if size < 1:
        raise ValueError("should be a size of at least one byte, such as 8MB")
    return size


def say(size: int) -> str:
    """Write a number of bytes as people do."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (1000, "kB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size} bytes"


Size = Annotated[
    int | None,
    BeforeValidator(lambda value: None if value is None else parse_size(value)),
    WithJsonSchema({"type": "string", "format": "size"}),
]
"""A field that holds a number of bytes, or None."""

SMALLEST, LARGEST = 16, 16384
"""Pixels that a picture may be wide or high."""
_PIXELS = re.compile(r"(\d{2,5})\s*[x×]\s*(\d{2,5})")


def read_pixels(value: object) -> object:
    """Turn `"1280x720"` into width and height; None stays what it is.

    Raises:
        ValueError: It is not a size, or none that a picture could have.
    """
    if value is None:
        return value
    text = "x".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
    match = _PIXELS.fullmatch(text.strip())
    size = (int(match[1]), int(match[2])) if match else (0, 0)
    if not all(SMALLEST <= side <= LARGEST for side in size):
        raise ValueError(f"should be width and height such as 1280x720, each from {SMALLEST} to {LARGEST}")
    return size


PictureSize = Annotated[
    tuple[int, int] | None, BeforeValidator(read_pixels), WithJsonSchema({"type": "string", "format": "size"})
]
"""A field that holds width and height, or None."""

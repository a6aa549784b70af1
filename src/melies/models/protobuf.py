"""Reading protocol buffers: the fields of a message, one after the other, without a schema.

ONNX files and the data beside MediaPipe's networks are such messages; their values are untrusted.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import NamedTuple

Message = bytes | memoryview | mmap.mmap


class Field(NamedTuple):
    """A field of a message.

    Attributes:
        number: Which field it is.
        value: Its value if it is a plain integer; None if it has content.
        start: Where its content begins.
        end: Where it ends: `message[start:end]` is the content.
        whole: Where the field itself begins, before its tag: `message[whole:end]` can be copied as it is.
    """

    number: int
    value: int | None
    start: int
    end: int
    whole: int


def fields(message: Message) -> Iterator[Field]:
    """Yield the fields of a message.

    Raises:
        ValueError: It is no such message.
    """
    at = 0
    while at < len(message):
        whole = at
        tag, at = varint(message, at)
        kind, value, length = tag & 7, None, 0
        if kind == 0:
            start = at
            value, at = varint(message, at)
        elif kind in (1, 2, 5):
            if kind == 2:
                length, at = varint(message, at)
            start, at = at, at + (length if kind == 2 else 8 if kind == 1 else 4)
        else:
            raise ValueError(f"there is no kind {kind} of fields")
        if at > len(message):
            raise ValueError("a field ends after the message")
        yield Field(tag >> 3, value, start, at, whole)


def varint(message: Message, at: int) -> tuple[int, int]:
    """Return an integer of variable length, and where it ends.

    Raises:
        ValueError: It is longer than 64 bits, or than the message.
    """
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            break
        byte = message[at]
        value, at = value | (byte & 127) << shift, at + 1
        if byte < 128:
            return value, at
    raise ValueError("a number has no end")

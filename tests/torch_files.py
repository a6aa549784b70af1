"""Checkpoints as PyTorch writes them, made without PyTorch."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

STORAGES = {
    "float64": "DoubleStorage",
    "float32": "FloatStorage",
    "float16": "HalfStorage",
    "int64": "LongStorage",
    "uint8": "ByteStorage",
    "bool": "BoolStorage",
}
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = b"\x80\x02"


@dataclass
class Raw:
    """A piece of pickle."""

    code: bytes


@dataclass
class Tensor:
    """A tensor over a storage of its own, whose place, shape and strides may be wrong."""

    elements: NDArray[Any]
    size: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int = 0
    storage: str = ""
    key: str = field(default="")


def tensor(array: NDArray[Any]) -> Tensor:
    """Return the tensor as PyTorch would save it, with the strides of the array."""
    base = array if array.base is None else array.base
    stride = tuple(step // array.itemsize for step in array.strides)
    offset = (array.ctypes.data - base.ctypes.data) // array.itemsize
    return Tensor(base.ravel(order="K"), array.shape, stride, offset)


def global_name(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def pickled(value: object, storages: list[Tensor], legacy: bool = False) -> bytes:
    """Return the instructions that make a value."""
    if isinstance(value, np.ndarray):
        value = tensor(value)
    if isinstance(value, Raw):
        return value.code
    if isinstance(value, Tensor):
        value.key = str(len(storages))
        storages.append(value)
        kind = value.storage or STORAGES[value.elements.dtype.name]
        identity = ["storage", Raw(global_name("torch", kind)), value.key, "cpu", value.elements.size]
        hooks = Raw(global_name("collections", "OrderedDict") + b")R")
        given = (
            Raw(pickled(tuple(identity + [None] * legacy), []) + b"Q"),
            *(value.offset, value.size, value.stride, False, hooks),
        )
        return global_name("torch._utils", "_rebuild_tensor_v2") + pickled(given, []) + b"R"
    if isinstance(value, Mapping):
        return b"}(" + b"".join(pickled(part, storages, legacy) for item in value.items() for part in item) + b"u"
    if isinstance(value, tuple | list):
        start, end = (b"(", b"t") if isinstance(value, tuple) else (b"](", b"e")
        return start + b"".join(pickled(part, storages, legacy) for part in value) + end
    if isinstance(value, str):
        return b"X" + struct.pack("<I", len(value.encode())) + value.encode()
    if isinstance(value, bool) or value is None:
        return {True: b"\x88", False: b"\x89", None: b"N"}[value]
    assert isinstance(value, int)
    data = value.to_bytes(16, "little", signed=True)
    return b"\x8a\x10" + data


def zipped(value: object, *, compression: int = zipfile.ZIP_STORED, extra: Mapping[str, bytes] | None = None) -> bytes:
    """Return what torch.save writes."""
    storages: list[Tensor] = []
    program = PROTOCOL + pickled(value, storages) + b"."
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("net/data.pkl", program)
        archive.writestr("net/byteorder", b"little")
        for stored in storages:
            archive.writestr(f"net/data/{stored.key}", stored.elements.tobytes())
        for name, content in (extra or {}).items():
            archive.writestr(f"net/{name}", content)
    return file.getvalue()


def legacy(value: object) -> bytes:
    """Return what torch.save wrote before PyTorch 1.6."""
    storages: list[Tensor] = []
    content = pickled(value, storages, legacy=True)
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    magic = b"\x8a\x0a" + LEGACY_MAGIC.to_bytes(10, "little")
    keys = pickled([stored.key for stored in storages], [])
    parts = [magic, pickled(1001, []), pickled(system, []), content, keys]
    data = b"".join(struct.pack("<q", stored.elements.size) + stored.elements.tobytes() for stored in storages)
    return b"".join(PROTOCOL + part + b"." for part in parts) + data

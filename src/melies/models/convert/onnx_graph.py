"""A graph under construction and its ONNX file, written without the `onnx` package.

Writing the few protobuf messages here keeps the core free of a dependency and makes the bytes depend on nothing but
the graph, so that a converted model can be pinned by its sha256. Field numbers are those of `onnx.proto3` (ONNX IR
version 8, operator set 17).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

IR_VERSION = 8
OPSET = 17
INT64_MAX = 2**63 - 1

ELEMENT_TYPES: dict[str, int] = {
    "float32": 1,
    "uint8": 2,
    "int8": 3,
    "uint16": 4,
    "int32": 6,
    "int64": 7,
    "bool": 9,
    "float16": 10,
}
"""ONNX's numbers of the element types that the converters use."""

Attribute = int | float | str | Sequence[int]
Shape = Sequence[int | str] | None


class Tensor(NamedTuple):
    """An input or output of the graph: its element type's numpy name and its shape, with names for free sizes."""

    name: str
    dtype: str
    shape: Shape


class _Node(NamedTuple):
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Attribute]


class Graph:
    """Nodes, constants, inputs and outputs, joined by names."""

    def __init__(self) -> None:
        self.inputs: list[Tensor] = []
        self.outputs: list[Tensor] = []
        self._nodes: list[_Node] = []
        self._constants: dict[str, NDArray[Any]] = {}
        self._count = 0

    def _fresh(self, word: str) -> str:
        self._count += 1
        # Neither TensorFlow nor ncnn allows a colon in a name, so these meet no input or output.
        return f"{word}:{self._count}"

    def constant(self, value: Any, dtype: str | None = None) -> str:
        """Add a constant and return its name."""
        name = self._fresh("constant")
        # ascontiguousarray would turn a scalar into a vector.
        self._constants[name] = np.array(value, dtype=dtype, order="C")
        return name

    def half(self, value: Any) -> str:
        """Add a constant that is stored in 16 bits, and return the name of its float32 numbers.

        That halves the file. ONNX Runtime widens the numbers once, when it loads the network.
        """
        return self.add("Cast", self.constant(value, "float16"), to=ELEMENT_TYPES["float32"])

    def prelu(self, data: str, slopes: NDArray[Any]) -> str:
        """Add what PRelu does, with a slope for each channel, from operations that ONNX Runtime does several at a time.

        Its own PRelu takes a quarter of the time of networks such as SRVGG.
        """
        slopes = slopes.astype(np.float32).reshape(-1, 1, 1)
        below, above = self.constant(slopes), self.constant(1 - slopes)
        return self.add("Add", self.add("Mul", data, below), self.add("Mul", self.add("Relu", data), above))

    def value(self, name: str) -> NDArray[Any] | None:
        """Return the value of a constant, None for anything that is computed."""
        return self._constants.get(name)

    def add(self, op: str, *inputs: str, **attributes: Attribute) -> str:
        """Add a node with one output and return that output's name."""
        return self.add_many(op, inputs, 1, **attributes)[0]

    def add_many(self, op: str, inputs: Iterable[str], outputs: int, **attributes: Attribute) -> list[str]:
        """Add a node and return the names of its outputs."""
        names = [self._fresh(op.lower()) for _ in range(outputs)]
        self._nodes.append(_Node(op, tuple(inputs), tuple(names), attributes))
        return names

    def input(self, name: str, dtype: str, shape: Shape) -> str:
        """Declare an input of the graph."""
        self.inputs.append(Tensor(name, dtype, shape))
        return name

    def output(self, name: str, source: str, dtype: str, shape: Shape) -> None:
        """Give `source` out under `name`."""
        self._nodes.append(_Node("Identity", (source,), (name,), {}))
        self.outputs.append(Tensor(name, dtype, shape))

    def to_bytes(self) -> bytes:
        """Return the ONNX file; nodes and constants that no output needs are left out."""
        nodes: list[_Node] = []
        needed = {tensor.name for tensor in self.outputs}
        for node in reversed(self._nodes):
            if needed.intersection(node.outputs):
                nodes.append(node)
                needed.update(node.inputs)
        graph = b"".join(
            [
                *(encode_field(1, encode_node(*node)) for node in reversed(nodes)),
                encode_field(2, "melies"),
                *(encode_field(5, _tensor(k, v)) for k, v in self._constants.items() if k in needed),
                *(encode_field(11, encode_value_info(tensor)) for tensor in self.inputs),
                *(encode_field(12, encode_value_info(tensor)) for tensor in self.outputs),
            ]
        )
        opset = encode_field(1, "") + encode_field(2, OPSET)
        return encode_field(1, IR_VERSION) + encode_field(2, "melies") + encode_field(7, graph) + encode_field(8, opset)


def _varint(value: int) -> bytes:
    value &= 2**64 - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode_field(number: int, value: int | float | str | bytes) -> bytes:
    """Encode one field: integers as varints, floats in 32 bits, everything else with its length."""
    if isinstance(value, float):
        return _varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def encode_node(op: str, inputs: Iterable[str], outputs: Iterable[str], attributes: Mapping[str, Attribute]) -> bytes:
    """Encode a node."""
    return b"".join(
        [
            *(encode_field(1, name) for name in inputs),
            *(encode_field(2, name) for name in outputs),
            encode_field(4, op),
            *(encode_field(5, _attribute(name, value)) for name, value in attributes.items()),
        ]
    )


def _attribute(name: str, value: Attribute) -> bytes:
    """Encode an attribute; the number in field 20 says which of float 1, int 2, string 3, ints 7 it is."""
    if isinstance(value, str):
        return encode_field(1, name) + encode_field(4, value) + encode_field(20, 3)
    if isinstance(value, float):
        return encode_field(1, name) + encode_field(2, value) + encode_field(20, 1)
    if isinstance(value, int):
        return encode_field(1, name) + encode_field(3, value) + encode_field(20, 2)
    return encode_field(1, name) + b"".join(encode_field(8, int(item)) for item in value) + encode_field(20, 7)


def _tensor(name: str, value: NDArray[Any]) -> bytes:
    dims = b"".join(encode_field(1, size) for size in value.shape)
    data = value.astype(value.dtype.newbyteorder("<"), copy=False).tobytes()
    return dims + encode_field(2, ELEMENT_TYPES[value.dtype.name]) + encode_field(8, name) + encode_field(9, data)


def encode_value_info(tensor: Tensor) -> bytes:
    """Encode the description of an input or output."""
    kind = encode_field(1, ELEMENT_TYPES[tensor.dtype])
    if tensor.shape is not None:
        sizes = (encode_field(2 if isinstance(size, str) else 1, size) for size in tensor.shape)
        kind += encode_field(2, b"".join(encode_field(1, size) for size in sizes))
    return encode_field(1, tensor.name) + encode_field(2, encode_field(1, kind))

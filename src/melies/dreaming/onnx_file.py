"""Reading the ONNX files that come with the package, without the `onnx` package: nodes and constants."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from melies.models.convert.onnx_graph import ELEMENT_TYPES

_TYPES = {number: np.dtype(name).newbyteorder("<") for name, number in ELEMENT_TYPES.items()}


class Node(NamedTuple):
    """One operation."""

    op: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]


class Network:
    """The graph of an ONNX file as `convert.onnx_graph` writes it.

    Attributes:
        nodes: In an order in which they can be computed.
        constants: By name.
    """

    def __init__(self, content: bytes) -> None:
        graph = next(value for number, value in _fields(content) if number == 7)
        self.nodes: list[Node] = []
        self.constants: dict[str, NDArray[Any]] = {}
        for number, value in _fields(graph):
            if number == 1:
                self.nodes.append(_node(value))
            elif number == 5:
                name, constant = _constant(value)
                self.constants[name] = constant


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Yield the numbers and values of a message's fields: integers, floats or bytes."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        if tag & 7 == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
        elif tag & 7 == 5:
            yield tag >> 3, struct.unpack_from("<f", data, at)[0]
            at += 4
        else:
            length, at = _varint(data, at)
            yield tag >> 3, data[at : at + length]
            at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while data[at] > 0x7F:
        value |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
    return value | data[at] << shift, at + 1


def _node(data: bytes) -> Node:
    node = Node("", [], [], {})
    for number, value in _fields(data):
        if number == 1:
            node.inputs.append(value.decode())
        elif number == 2:
            node.outputs.append(value.decode())
        elif number == 4:
            node = node._replace(op=value.decode())
        elif number == 5:
            name, attribute = _attribute(value)
            node.attributes[name] = attribute
    return node


def _attribute(data: bytes) -> tuple[str, Any]:
    fields = list(_fields(data))
    read = dict(fields)
    kind = read[20]
    value = {1: read.get(2), 2: read.get(3), 7: [value for number, value in fields if number == 8]}.get(kind)
    return read[1].decode(), read[4].decode() if kind == 3 else value


def _constant(data: bytes) -> tuple[str, NDArray[Any]]:
    fields = list(_fields(data))
    read = dict(fields)
    shape = [value for number, value in fields if number == 1]
    return read[8].decode(), np.frombuffer(read[9], _TYPES[read[2]]).reshape(shape)

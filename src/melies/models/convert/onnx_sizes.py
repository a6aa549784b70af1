"""ONNX files that were written for one size of picture, made to take any.

Only what the file says about itself is changed: sizes of inputs and outputs become words, the sizes noted in between
are dropped, weights that nothing uses too, and none are listed as inputs, which kept the runtime from preparing them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from melies.errors import ModelError
from melies.models.convert.onnx_graph import Tensor, encode_field, encode_value_info
from melies.models.protobuf import fields

_GRAPH = 7
_NODE, _INITIALIZER, _INPUT, _OUTPUT, _BETWEEN = 1, 5, 11, 12, 13
_TENSOR_NAME, _VALUE_NAME, _NODE_INPUT = 8, 1, 1


def convert(content: bytes, *, shapes: Mapping[str, Sequence[int | str]]) -> bytes:
    """Return the same network for any size of picture.

    Args:
        content: An ONNX file whose inputs and outputs are float32.
        shapes: The shape of every input and output by name, with words for free sizes.

    Raises:
        ModelError: It is no ONNX file, or has other inputs and outputs.
    """
    parts = list(_fields(content))
    if not any(number == _GRAPH for number, _, _ in parts):
        raise ModelError("This is not an ONNX file.")
    return b"".join(
        encode_field(_GRAPH, _graph(value, shapes)) if number == _GRAPH else whole for number, value, whole in parts
    )


def _graph(graph: bytes, shapes: Mapping[str, Sequence[int | str]]) -> bytes:
    parts = list(_fields(graph))
    weights = {_name(value, _TENSOR_NAME) for number, value, _ in parts if number == _INITIALIZER}
    nodes = (value for number, value, _ in parts if number == _NODE)
    used = {value.decode() for node in nodes for number, value, _ in _fields(node) if number == _NODE_INPUT}
    made, found = [], set()
    for number, value, whole in parts:
        if number == _BETWEEN or (number == _INITIALIZER and _name(value, _TENSOR_NAME) not in used):
            continue
        if number in (_INPUT, _OUTPUT):
            name = _name(value, _VALUE_NAME)
            if name in weights:
                continue
            found.add(name)
            made.append(encode_field(number, encode_value_info(Tensor(name, "float32", shapes.get(name)))))
        else:
            made.append(whole)
    if found != shapes.keys():
        raise ModelError(f"The network has the inputs and outputs {', '.join(sorted(found))}.")
    return b"".join(made)


def _name(message: bytes, field: int) -> str:
    return next((value.decode() for number, value, _ in _fields(message) if number == field), "")


def _fields(content: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield the number, the content (empty for plain numbers) and all the bytes of every field of a message."""
    try:
        for field in fields(content):
            inside = content[field.start : field.end] if field.value is None else b""
            yield field.number, inside, content[field.whole : field.end]
    except ValueError:
        raise ModelError("This is not an ONNX file.") from None

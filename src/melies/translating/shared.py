"""Instance normalisation with statistics that are given instead of taken, so that the tiles of a picture agree.

Chen et al., "Towards Ultra-Resolution Neural Style Transfer via Thumbnail Instance Normalization" (AAAI 2022): the
statistics are those of a smaller copy of the picture, and every tile is normalised with them.
"""

from __future__ import annotations

from melies.models.convert.onnx_graph import (
    ELEMENT_TYPES,
    Attribute,
    Tensor,
    encode_field,
    encode_node,
    encode_value_info,
)
from melies.models.protobuf import fields

GIVEN = "given"
"""The input, a boolean, that says whether statistics are given."""
MEASURED = "measured:"
"""What comes before the names of the outputs for statistics; the rest is the name of the input."""

_GRAPH = 7
_NODE, _INPUT, _OUTPUT = 1, 11, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_OP, _NODE_ATTRIBUTE = 1, 2, 4, 5


def with_given_statistics(model: bytes) -> bytes:
    """Return the same network with the statistics of all its instance normalisations as inputs and outputs.

    Besides its own it has the input `given`. Where that is true, the inputs `mean:0`, `variance:0`, `mean:1` and so on,
    float32 of as many numbers as there are channels, are used; otherwise those of the picture, and a single number will
    do for each of the inputs. The outputs `measured:mean:0` and so on are those of the picture, or the tile.

    Args:
        model: An ONNX file of operator set 17 for one picture at a time.
    """
    return b"".join(
        encode_field(_GRAPH, _graph(model[field.start : field.end]))
        if field.number == _GRAPH
        else model[field.whole : field.end]
        for field in fields(model)
    )


def _graph(graph: bytes) -> bytes:
    parts, count = [], 0
    for field in fields(graph):
        inside = graph[field.start : field.end]
        if field.number == _NODE and (b"InstanceNormalization" in _contents(inside, _NODE_OP)):
            parts += [encode_field(_NODE, node) for node in _instead(inside, count)]
            count += 1
        else:
            parts.append(graph[field.whole : field.end])
    parts.append(encode_field(_INPUT, encode_value_info(Tensor(GIVEN, "bool", []))))
    for index in range(count):
        for name in (f"mean:{index}", f"variance:{index}"):
            parts.append(encode_field(_INPUT, encode_value_info(Tensor(name, "float32", ["channels"]))))
            parts.append(encode_field(_OUTPUT, encode_value_info(Tensor(MEASURED + name, "float32", None))))
    return b"".join(parts)


def _instead(norm: bytes, index: int) -> list[bytes]:
    """Return the nodes that take the place of an instance normalisation."""
    data, scale, shift = (name.decode() for name in _contents(norm, _NODE_INPUT))
    (out,) = (name.decode() for name in _contents(norm, _NODE_OUTPUT))
    mean, variance = f"mean:{index}", f"variance:{index}"

    def inner(word: str) -> str:
        return f"shared:{index}:{word}"

    axes: dict[str, Attribute] = {"axes": [0, 2, 3], "keepdims": 0}
    used = [inner("used mean"), inner("used variance")]
    normalised = encode_node("BatchNormalization", [data, scale, shift, *used], [out], {})
    return [
        encode_node("ReduceMean", [data], [MEASURED + mean], axes),
        # The variance is the mean of squares less the square of the mean: no second copy of the data is needed for it.
        encode_node("ReduceSumSquare", [data], [inner("squares")], axes),
        encode_node("Size", [data], [inner("numbers")], {}),
        encode_node("Size", [MEASURED + mean], [inner("channels")], {}),
        encode_node("Div", [inner("numbers"), inner("channels")], [inner("places")], {}),
        encode_node("Cast", [inner("places")], [inner("count")], {"to": ELEMENT_TYPES["float32"]}),
        encode_node("Div", [inner("squares"), inner("count")], [inner("mean square")], {}),
        encode_node("Mul", [MEASURED + mean, MEASURED + mean], [inner("square")], {}),
        encode_node("Sub", [inner("mean square"), inner("square")], [inner("apart")], {}),
        encode_node("Relu", [inner("apart")], [MEASURED + variance], {}),
        encode_node("Where", [GIVEN, mean, MEASURED + mean], [used[0]], {}),
        encode_node("Where", [GIVEN, variance, MEASURED + variance], [used[1]], {}),
        # It has the attribute epsilon, and no other, like the instance normalisation.
        normalised + b"".join(encode_field(_NODE_ATTRIBUTE, each) for each in _contents(norm, _NODE_ATTRIBUTE)),
    ]


def _contents(message: bytes, number: int) -> list[bytes]:
    return [message[field.start : field.end] for field in fields(message) if field.number == number]

"""ncnn `.param` and `.bin` to ONNX, for the layers that upscaling networks of the SRVGG, RRDB and SPAN kind use.

The `.param` file is text: a magic number, the counts of layers and blobs, then a line per layer:
`type name inputs outputs input… output… key=value…`, where the value of a key from -23300 down, which stands for key
0 and up, is a count and so many numbers. The `.bin` file holds the weights in the layers' order.
Format: https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from melies.errors import ModelError
from melies.models.convert.onnx_graph import Graph

MAGIC = "7767517"
HALF_TAG = 0x01306B47
LEAKY_RELU = 2
SUM = 1
BINARY_OPS = {0: "Add", 1: "Sub", 2: "Mul", 3: "Div"}
FIRST_ARRAY = -23300
INTERPOLATIONS = {1: "nearest", 2: "linear"}


class _Weights:
    """Reads a `.bin` file from its beginning to its end."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def floats(self, count: int) -> NDArray[np.float32]:
        """Read `count` float32 values."""
        return self._take("<f4", count, 4 * count)

    def tagged(self, count: int) -> NDArray[np.float16 | np.float32]:
        """Read `count` values that a tag declares to be float16, padded to 4 bytes, or float32."""
        tag = int(self._take("<u4", 1, 4).view(np.uint32)[0])
        if tag == HALF_TAG:
            return self._take("<f2", count, (2 * count + 3) // 4 * 4)
        if tag == 0:
            return self.floats(count)
        raise ModelError(f"The ncnn weights have storage tag {tag:#010x}; only float16 and float32 can be read.")

    def _take(self, dtype: str, count: int, size: int) -> NDArray[Any]:
        if self.position + size > len(self.data):
            raise ModelError("The ncnn weights end before the network does.")
        values = np.frombuffer(self.data, dtype, count, self.position)
        self.position += size
        return values


class _Layer(NamedTuple):
    kind: str
    name: str
    inputs: list[str]
    outputs: list[str]
    params: dict[int, int | float]
    arrays: dict[int, list[float]]

    def integer(self, key: int, default: int = 0) -> int:
        return int(self.params.get(key, default))


def _layers(text: str) -> list[_Layer]:
    lines = [line.split() for line in text.splitlines() if line.strip()]
    if not lines or lines[0] != [MAGIC]:
        raise ModelError(f"This is not an ncnn .param file: it does not begin with {MAGIC}.")
    layers = []
    for kind, name, inputs, outputs, *rest in lines[2:]:
        middle, end = int(inputs), int(inputs) + int(outputs)
        pairs = [(int(key), value) for key, value in (word.split("=", 1) for word in rest[end:])]
        params = {key: float(value) if set(value) & set(".e") else int(value) for key, value in pairs if key >= 0}
        arrays = {FIRST_ARRAY - key: [float(n) for n in value.split(",")[1:]] for key, value in pairs if key < 0}
        layers.append(_Layer(kind, name, rest[:middle], rest[middle:end], params, arrays))
    return layers


def _memory_data(graph: Graph, layer: _Layer, inputs: Sequence[str], weights: _Weights) -> str:
    width, height, channels = (layer.integer(key) for key in (0, 1, 2))
    if not channels:
        raise ModelError(f"The ncnn layer {layer.name} holds less than three dimensions, which cannot be read.")
    return graph.constant(weights.floats(width * height * channels).reshape(1, channels, height, width))


def _convolution(graph: Graph, layer: _Layer, inputs: Sequence[str], weights: _Weights) -> str:
    if layer.integer(9) not in (0, LEAKY_RELU):
        raise ModelError(f"The ncnn layer {layer.name} has built-in activation {layer.integer(9)}, which is not known.")
    channels, kernel_width, count = layer.integer(0), layer.integer(1), layer.integer(6)
    kernel_height = layer.integer(11, kernel_width)
    kernel = weights.tagged(count).reshape(channels, -1, kernel_height, kernel_width)
    operands = [inputs[0], graph.half(kernel) if kernel.dtype == np.float16 else graph.constant(kernel)]
    if layer.integer(5):
        operands.append(graph.constant(weights.floats(channels)))
    made = graph.add(
        "Conv",
        *operands,
        kernel_shape=[kernel_height, kernel_width],
        strides=[layer.integer(3, 1)] * 2,
        dilations=[layer.integer(2, 1)] * 2,
        pads=[layer.integer(4)] * 4,
    )
    return graph.add("LeakyRelu", made, alpha=layer.arrays[10][0]) if layer.integer(9) else made


def _prelu(graph: Graph, layer: _Layer, inputs: Sequence[str], weights: _Weights) -> str:
    return graph.prelu(inputs[0], weights.floats(layer.integer(0)))


def _binary(graph: Graph, layer: _Layer, inputs: Sequence[str], weights: _Weights) -> str:
    op = layer.integer(0)
    if op not in BINARY_OPS:
        raise ModelError(f"The ncnn layer {layer.name} uses binary operation {op}, which cannot be converted.")
    if layer.integer(1):
        return graph.add(BINARY_OPS[op], inputs[0], graph.constant(layer.params.get(2, 0.0), "float32"))
    return graph.add(BINARY_OPS[op], *inputs)


def _eltwise(graph: Graph, layer: _Layer, inputs: Sequence[str], weights: _Weights) -> str:
    factors = layer.arrays.get(1) or [1.0] * len(inputs)
    if layer.integer(0) != SUM or len(inputs) != 2 or len(factors) != 2:
        raise ModelError(f"The ncnn layer {layer.name} is no sum of two, which alone can be converted.")
    scaled = [
        name if factor == 1 else graph.add("Mul", name, graph.constant(factor, "float32"))
        for name, factor in zip(inputs, factors, strict=True)
    ]
    return graph.add("Add", *scaled)


def _concat(graph: Graph, layer: _Layer, inputs: Sequence[str], weights: _Weights) -> str:
    # ncnn has no batch axis.
    return graph.add("Concat", *inputs, axis=layer.integer(0) + 1)


def _interp(graph: Graph, layer: _Layer, inputs: Sequence[str], weights: _Weights) -> str:
    kind = layer.integer(0)
    if kind not in INTERPOLATIONS:
        raise ModelError(f"The ncnn layer {layer.name} interpolates in way {kind}, which cannot be converted.")
    scales = graph.constant([1, 1, layer.params[1], layer.params[2]], "float32")
    nearest = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    how = nearest if kind == 1 else {"coordinate_transformation_mode": "half_pixel"}
    return graph.add("Resize", inputs[0], "", scales, mode=INTERPOLATIONS[kind], **how)


def _pixel_shuffle(graph: Graph, layer: _Layer, inputs: Sequence[str], weights: _Weights) -> str:
    return graph.add("DepthToSpace", inputs[0], blocksize=layer.integer(0), mode="CRD")


def _sigmoid(graph: Graph, layer: _Layer, inputs: Sequence[str], weights: _Weights) -> str:
    return graph.add("Sigmoid", inputs[0])


def _swish(graph: Graph, layer: _Layer, inputs: Sequence[str], weights: _Weights) -> str:
    return graph.add("Mul", inputs[0], graph.add("Sigmoid", inputs[0]))


LAYERS: dict[str, Callable[[Graph, _Layer, Sequence[str], _Weights], str]] = {
    "BinaryOp": _binary,
    "Concat": _concat,
    "Convolution": _convolution,
    "Eltwise": _eltwise,
    "Interp": _interp,
    "MemoryData": _memory_data,
    "PReLU": _prelu,
    "PixelShuffle": _pixel_shuffle,
    "Sigmoid": _sigmoid,
    "Swish": _swish,
}


def convert(param: str, weights: bytes) -> bytes:
    """Turn an ncnn network into an ONNX file.

    Args:
        param: Text of the `.param` file: one three-channel picture in, the last layer's picture out.
        weights: Content of the `.bin` file.

    Returns:
        The ONNX file. Its input keeps its name, float32 1×3×height×width; its output keeps its name.

    Raises:
        ModelError: A layer is not known, or text and weights do not fit each other.
    """
    graph, reader, names = Graph(), _Weights(weights), dict[str, str]()
    layers = _layers(param)
    for layer in layers:
        inputs = [names[name] for name in layer.inputs]
        if layer.kind == "Input":
            made = graph.input(layer.outputs[0], "float32", [1, 3, "height", "width"])
        elif layer.kind == "Split":
            made = inputs[0]
        elif layer.kind in LAYERS:
            made = LAYERS[layer.kind](graph, layer, inputs, reader)
        else:
            raise ModelError(f"The ncnn layer {layer.name} is of kind {layer.kind}, which cannot be converted.")
        names.update(dict.fromkeys(layer.outputs, made))
    if reader.position != len(weights):
        raise ModelError(f"The ncnn network reads {reader.position} of {len(weights)} bytes of weights.")
    last = layers[-1].outputs[0]
    graph.output(last, names[last], "float32", [1, 3, "height_out", "width_out"])
    return graph.to_bytes()

"""TensorFlow operations as ONNX nodes, for the graphs that `tfjs` reads.

TensorFlow.js pictures are batch×height×width×channels, ONNX's convolutions, pools and resizes want the channels second:
each is put between two transposes, which ONNX Runtime cancels against each other when it loads the graph.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melies.errors import ModelError
from melies.models.convert.onnx_graph import ELEMENT_TYPES, INT64_MAX, Graph

DTYPES = {"DT_FLOAT": "float32", "DT_INT32": "int32", "DT_BOOL": "bool", "DT_UINT8": "uint8", "DT_INT64": "int64"}


class Node:
    """A node of the topology: its name, operation, data inputs and attributes."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.name: str = raw["name"]
        self.op: str = raw["op"]
        self.inputs: list[str] = [name for name in raw.get("input", []) if not name.startswith("^")]
        self._attributes: dict[str, dict[str, Any]] = raw.get("attr", {})

    def has(self, key: str) -> bool:
        """Whether the attribute is there."""
        return key in self._attributes

    def integer(self, key: str) -> int:
        """Return an integer; 0 when absent, as in TensorFlow."""
        return int(self._attributes.get(key, {}).get("i", 0))

    def flag(self, key: str) -> bool:
        """Return a truth value; False when absent."""
        return bool(self._attributes.get(key, {}).get("b", False))

    def text(self, key: str) -> str:
        """Return a string; empty when absent."""
        return base64.b64decode(self._attributes.get(key, {}).get("s", "")).decode()

    def dtype(self, key: str) -> str:
        """Return numpy's name of an element type."""
        name: str = self._attributes[key]["type"]
        if name not in DTYPES:
            raise ModelError(f"The TensorFlow.js node {self.name} uses {name}, which cannot be converted.")
        return DTYPES[name]

    def integers(self, key: str) -> list[int]:
        """Return a list of integers; empty when absent."""
        return [int(item) for item in self._list(key, "i")]

    def texts(self, key: str) -> list[str]:
        """Return a list of strings; empty when absent."""
        return [base64.b64decode(item).decode() for item in self._list(key, "s")]

    def shape(self) -> list[int] | None:
        """Return the attribute `shape`, -1 for free sizes, None when even the rank is free."""
        shape = self._attributes.get("shape", {}).get("shape", {"unknownRank": True})
        return None if shape.get("unknownRank") else [int(dim["size"]) for dim in shape.get("dim", [])]

    def _list(self, key: str, kind: str) -> list[Any]:
        items: list[Any] = self._attributes.get(key, {}).get("list", {}).get(kind, [])
        return items

    def refuse(self, why: str) -> ModelError:
        """Return the error that says this node cannot be converted."""
        return ModelError(f"The TensorFlow.js node {self.name} ({self.op}) cannot be converted: {why}.")


class TfGraph(Graph):
    """An ONNX graph that knows which pictures lie in blocks.

    Attributes:
        blocks: Tensors that TensorFlow would have cut into blocks (SpaceToBatchND) and the block's size; they
            are kept whole here, and convolutions over them are dilated instead.
        halves: Whether the kernels of convolutions are stored in 16 bits.
        doubles: Whether pictures that are brought to a constant size are doubled instead, whatever size they have.
    """

    def __init__(self, *, halves: bool = False, doubles: bool = False) -> None:
        super().__init__()
        self.blocks: dict[str, list[int]] = {}
        self.halves = halves
        self.doubles = doubles

    def known(self, node: Node, name: str) -> NDArray[Any]:
        """Return the value of a constant input."""
        value = self.value(name)
        if value is None:
            raise node.refuse("an input that must be constant is computed")
        return value

    def vector(self, name: str) -> str:
        """Return the tensor as int64, as ONNX wants sizes."""
        value = self.value(name)
        if value is not None:
            return self.constant(value, "int64")
        return self.add("Cast", name, to=ELEMENT_TYPES["int64"])

    def longs(self, *values: int) -> str:
        """Add a constant int64 vector."""
        return self.constant(values, "int64")

    def channels_second(self, name: str) -> str:
        """Bring batch×height×width×channels into ONNX's order."""
        return self.add("Transpose", name, perm=[0, 3, 1, 2])

    def channels_last(self, name: str) -> str:
        """Bring batch×channels×height×width into TensorFlow's order."""
        return self.add("Transpose", name, perm=[0, 2, 3, 1])


Handler = Callable[[TfGraph, Node, Sequence[str]], str]
HandlerOfMany = Callable[[TfGraph, Node, Sequence[str]], list[str]]


def _relu6(graph: TfGraph, node: Node, inputs: Sequence[str]) -> str:
    return graph.add("Clip", inputs[0], graph.constant(0, "float32"), graph.constant(6, "float32"))


def _window(node: Node) -> dict[str, Any]:
    """Strides and padding of a convolution or pool."""
    if node.has("data_format") and node.text("data_format") != "NHWC":
        raise node.refuse("its channels are not last")
    padding = node.text("padding")
    if padding not in ("SAME", "VALID"):
        raise node.refuse(f"its padding is {padding}")
    how = {"auto_pad": "SAME_UPPER"} if padding == "SAME" else {}
    return {"strides": node.integers("strides")[1:3], **how}


def _convolve(graph: TfGraph, node: Node, inputs: Sequence[str], kernel: NDArray[Any], group: int) -> str:
    picture, _, *rest = inputs
    fused = node.texts("fused_ops")
    if node.has("dilations") and set(node.integers("dilations")) != {1}:
        raise node.refuse("it is dilated by an attribute")
    dilations = graph.blocks.get(picture, [1, 1])
    operands = [graph.channels_second(picture), graph.half(kernel) if graph.halves else graph.constant(kernel)]
    if fused[:1] == ["BiasAdd"]:
        operands.append(rest[0])
    result = graph.add(
        "Conv", *operands, kernel_shape=kernel.shape[2:], group=group, dilations=dilations, **_window(node)
    )
    for name in fused:
        if name in ACTIVATIONS:
            result = ACTIVATIONS[name](graph, node, [result])
        elif name != "BiasAdd":
            raise node.refuse(f"{name} is fused into it")
    result = graph.channels_last(result)
    if picture in graph.blocks:
        graph.blocks[result] = dilations
    return result


def _conv2d(graph: TfGraph, node: Node, inputs: Sequence[str]) -> str:
    kernel = graph.known(node, inputs[1])
    return _convolve(graph, node, inputs, kernel.transpose(3, 2, 0, 1), 1)


def _depthwise(graph: TfGraph, node: Node, inputs: Sequence[str]) -> str:
    kernel = graph.known(node, inputs[1])
    height, width, channels, multiplier = kernel.shape
    kernel = kernel.transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width)
    return _convolve(graph, node, inputs, kernel, channels)


def _pool(op: str) -> Handler:
    def handle(graph: TfGraph, node: Node, inputs: Sequence[str]) -> str:
        size = node.integers("ksize")[1:3]
        return graph.channels_last(graph.add(op, graph.channels_second(inputs[0]), kernel_shape=size, **_window(node)))

    return handle


def _space_to_batch(graph: TfGraph, node: Node, inputs: Sequence[str]) -> str:
    picture, block, paddings = inputs
    # 2×2 paddings (top, bottom; left, right) become ONNX's beginnings and ends of four axes.
    pads = graph.add("Transpose", graph.vector(paddings), perm=[1, 0])
    begins, ends = graph.add_many("Split", [pads], 2, axis=0)
    zero, flat = graph.longs(0), graph.longs(-1)
    begins, ends = (graph.add("Reshape", half, flat) for half in (begins, ends))
    result = graph.add("Pad", picture, graph.add("Concat", zero, begins, zero, zero, ends, zero, axis=0))
    graph.blocks[result] = [int(size) for size in graph.known(node, block)]
    return result


def _batch_to_space(graph: TfGraph, node: Node, inputs: Sequence[str]) -> str:
    picture, block, crops = inputs
    if graph.blocks.get(picture) != [int(size) for size in graph.known(node, block)]:
        raise node.refuse("only convolutions may stand between it and its SpaceToBatchND")
    crops = graph.vector(crops)
    begin = graph.add("Gather", crops, graph.constant(0, "int64"), axis=1)
    size = graph.add("Slice", graph.add("Shape", picture), graph.longs(1), graph.longs(3))
    end = graph.add("Sub", size, graph.add("Gather", crops, graph.constant(1, "int64"), axis=1))
    return graph.add("Slice", picture, begin, end, graph.longs(1, 2))


def _resize_bilinear(graph: TfGraph, node: Node, inputs: Sequence[str]) -> str:
    picture = graph.channels_second(inputs[0])
    if node.flag("half_pixel_centers"):
        mode = "half_pixel"
    else:
        mode = "align_corners" if node.flag("align_corners") else "asymmetric"
    if graph.doubles and graph.value(inputs[1]) is not None:
        to = ["", graph.constant([1, 1, 2, 2], "float32")]
    else:
        outer = graph.add("Slice", graph.add("Shape", picture), graph.longs(0), graph.longs(2))
        to = ["", "", graph.add("Concat", outer, graph.vector(inputs[1]), axis=0)]
    return graph.channels_last(graph.add("Resize", picture, *to, mode="linear", coordinate_transformation_mode=mode))


def _mean(graph: TfGraph, node: Node, inputs: Sequence[str]) -> str:
    axes = [int(axis) for axis in np.atleast_1d(graph.known(node, inputs[1]))]
    return graph.add("ReduceMean", inputs[0], axes=axes, keepdims=int(node.flag("keep_dims")))


def _cast(graph: TfGraph, node: Node, inputs: Sequence[str]) -> str:
    return graph.add("Cast", inputs[0], to=ELEMENT_TYPES[node.dtype("DstT")])


def _shape(graph: TfGraph, node: Node, inputs: Sequence[str]) -> str:
    return graph.add("Cast", graph.add("Shape", inputs[0]), to=ELEMENT_TYPES["int32"])


def _reshape(graph: TfGraph, node: Node, inputs: Sequence[str]) -> str:
    return graph.add("Reshape", inputs[0], graph.vector(inputs[1]))


def _expand_dims(graph: TfGraph, node: Node, inputs: Sequence[str]) -> str:
    return graph.add("Unsqueeze", inputs[0], graph.longs(int(graph.known(node, inputs[1]))))


def _squeeze(graph: TfGraph, node: Node, inputs: Sequence[str]) -> str:
    axes = node.integers("squeeze_dims")
    return graph.add("Squeeze", inputs[0], *([graph.longs(*axes)] if axes else []))


def _broadcast_to(graph: TfGraph, node: Node, inputs: Sequence[str]) -> str:
    return graph.add("Expand", inputs[0], graph.vector(inputs[1]))


def _pad(graph: TfGraph, node: Node, inputs: Sequence[str]) -> str:
    paddings = graph.known(node, inputs[1])
    return graph.add("Pad", inputs[0], graph.longs(*(int(size) for size in paddings.T.ravel())))


def _concat(graph: TfGraph, node: Node, inputs: Sequence[str]) -> str:
    *tensors, axis = inputs
    return graph.add("Concat", *tensors, axis=int(graph.known(node, axis)))


def _pack(graph: TfGraph, node: Node, inputs: Sequence[str]) -> str:
    axis = node.integer("axis")
    return graph.add("Concat", *(graph.add("Unsqueeze", item, graph.longs(axis)) for item in inputs), axis=axis)


def _split(graph: TfGraph, node: Node, inputs: Sequence[str]) -> list[str]:
    axis, tensor = inputs
    return graph.add_many("Split", [tensor], node.integer("num_split"), axis=int(graph.known(node, axis)))


def _split_v(graph: TfGraph, node: Node, inputs: Sequence[str]) -> list[str]:
    tensor, sizes, axis = inputs
    count = node.integer("num_split")
    return graph.add_many("Split", [tensor, graph.vector(sizes)], count, axis=int(graph.known(node, axis)))


def _slice(graph: TfGraph, node: Node, inputs: Sequence[str]) -> str:
    tensor, begin, size = inputs
    begin, size = graph.vector(begin), graph.vector(size)
    # A size of -1 means all that is left.
    rest = graph.add("Equal", size, graph.longs(-1))
    end = graph.add("Where", rest, graph.longs(INT64_MAX), graph.add("Add", begin, size))
    return graph.add("Slice", tensor, begin, end)


def _strided_slice(graph: TfGraph, node: Node, inputs: Sequence[str]) -> str:
    tensor, *bounds = inputs
    begin, end, stride = (graph.known(node, bound).astype(np.int64).copy() for bound in bounds)
    if node.integer("ellipsis_mask") or node.integer("new_axis_mask") or (stride < 1).any():
        raise node.refuse("it has an ellipsis, a new axis or a backward stride")
    axes = range(len(begin))
    shrunk = [axis for axis in axes if node.integer("shrink_axis_mask") >> axis & 1]
    for axis in axes:
        if node.integer("begin_mask") >> axis & 1:
            begin[axis] = 0
        if node.integer("end_mask") >> axis & 1 or (axis in shrunk and begin[axis] == -1):
            end[axis] = INT64_MAX
        elif axis in shrunk:
            end[axis] = begin[axis] + 1
    result = graph.add(
        "Slice", tensor, graph.constant(begin), graph.constant(end), graph.longs(*axes), graph.constant(stride)
    )
    return graph.add("Squeeze", result, graph.longs(*shrunk)) if shrunk else result


def _floor_div(graph: TfGraph, node: Node, inputs: Sequence[str]) -> str:
    if node.dtype("T") == "float32":
        return graph.add("Floor", graph.add("Div", *inputs))
    # ONNX divides integers towards zero; taking the remainder off first makes the division exact.
    left, right = inputs
    return graph.add("Div", graph.add("Sub", left, graph.add("Mod", left, right)), right)


def _gather(graph: TfGraph, node: Node, inputs: Sequence[str]) -> str:
    if node.integer("batch_dims"):
        raise node.refuse("it has batch dimensions")
    tensor, indices, axis = inputs
    return graph.add("Gather", tensor, indices, axis=int(graph.known(node, axis)))


def _top_k(graph: TfGraph, node: Node, inputs: Sequence[str]) -> list[str]:
    count = graph.longs(int(graph.known(node, inputs[1])))
    values, indices = graph.add_many("TopK", [inputs[0], count], 2, axis=-1)
    return [values, graph.add("Cast", indices, to=ELEMENT_TYPES["int32"])]


def _same(graph: TfGraph, node: Node, inputs: Sequence[str]) -> str:
    return inputs[0]


def _square(graph: TfGraph, node: Node, inputs: Sequence[str]) -> str:
    return graph.add("Mul", inputs[0], inputs[0])


def _direct(op: str) -> Handler:
    def handle(graph: TfGraph, node: Node, inputs: Sequence[str]) -> str:
        return graph.add(op, *inputs)

    return handle


ACTIVATIONS: dict[str, Handler] = {"Relu": _direct("Relu"), "Relu6": _relu6}

HANDLERS: dict[str, Handler | HandlerOfMany] = {
    **ACTIVATIONS,
    "Add": _direct("Add"),
    "AddV2": _direct("Add"),
    "AvgPool": _pool("AveragePool"),
    "BatchToSpaceND": _batch_to_space,
    "BroadcastTo": _broadcast_to,
    "Cast": _cast,
    "ConcatV2": _concat,
    "Conv2D": _conv2d,
    "DepthwiseConv2dNative": _depthwise,
    "Equal": _direct("Equal"),
    "ExpandDims": _expand_dims,
    "FloorDiv": _floor_div,
    "FloorMod": _direct("Mod"),
    "FusedDepthwiseConv2dNative": _depthwise,
    "GatherV2": _gather,
    "Identity": _same,
    "MaxPool": _pool("MaxPool"),
    "Maximum": _direct("Max"),
    "Mean": _mean,
    "Minimum": _direct("Min"),
    "Mul": _direct("Mul"),
    "Pack": _pack,
    "Pad": _pad,
    "RealDiv": _direct("Div"),
    "Reshape": _reshape,
    "ResizeBilinear": _resize_bilinear,
    "Shape": _shape,
    "Sigmoid": _direct("Sigmoid"),
    "Slice": _slice,
    "SpaceToBatchND": _space_to_batch,
    "Split": _split,
    "SplitV": _split_v,
    "Square": _square,
    "Squeeze": _squeeze,
    "StridedSlice": _strided_slice,
    "Sub": _direct("Sub"),
    "Tanh": _direct("Tanh"),
    "TopKV2": _top_k,
    "_FusedConv2D": _conv2d,
}

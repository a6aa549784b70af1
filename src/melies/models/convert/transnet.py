"""TransNetV2's weights to ONNX: where shots begin, judged from a hundred small pictures at once.

Souček and Lokoč, "TransNet V2: An effective deep network architecture for fast shot transition detection" (2020,
https://github.com/soCzech/TransNetV2): three stacks of convolutions over space and time, with how much each picture and
its colours resemble those of fifty pictures before and after.

The graph is the same network, written to be run fast on processors: pictures lie one after the other as a batch, so
that a convolution over space is an ordinary one, and one over time is a 1×1 convolution over a picture and those `d`
before and after. The four branches of a block share their first convolution, and batch normalisation lies in the
weights of the second.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melies.errors import ModelError
from melies.models.convert.onnx_graph import Graph

FRAMES = 100
"""Pictures the network looks at together."""
SIZE = 48, 27
"""Width and height of these pictures."""
BINS = 512
"""Colours that are counted, eight levels of red, green and blue each."""

_STACKS, _BLOCKS = 3, 2
_DILATIONS = (1, 2, 4, 8)
_NEAR = 101
"""Pictures that each is compared with, itself in the middle."""
_OUT = 128
"""Numbers that are made of these comparisons."""
_TINY = 1e-3
"""What the network's batch normalisation adds to variances."""

Weights = Mapping[str, NDArray[Any]]


def convert(weights: Weights) -> bytes:
    """Turn the state dict of TransNetV2 into an ONNX file.

    Args:
        weights: `SDDCNN.0.DDCNN.0.Conv3D_1.layers.0.weight` and so on, as `checkpoint.read` returns them.

    Returns:
        The ONNX file. Input `frames`: float32 100×3×27×48, RGB, 0…1; input `colours`: float32 100×512, how many pixels
        of each picture have each colour (`64 * (r // 32) + 8 * (g // 32) + b // 32`), of unit length. Output `last`:
        float32 100, how likely each picture is the last of its shot; output `within`: how likely it is within a
        transition.

    Raises:
        ModelError: These are not the weights of such a network.
    """
    if {name: value.shape for name, value in weights.items()} != _shapes(weights):
        raise ModelError("These are not the weights of TransNetV2.")
    return _Writer(weights).write()


def _shapes(weights: Weights) -> dict[str, tuple[int, ...]]:
    """The shapes that all weights must have, by the width of the first layer and of the last but one."""
    first, hidden = weights.get("SDDCNN.0.DDCNN.0.bn.bias"), weights.get("fc1.bias")
    if first is None or hidden is None:
        return {}
    shapes: dict[str, tuple[int, ...]] = {}
    into, features = 3, 0
    for stack in range(_STACKS):
        width = len(first) // len(_DILATIONS) * 2**stack
        for block in range(_BLOCKS):
            name = f"SDDCNN.{stack}.DDCNN.{block}"
            for dilation in _DILATIONS:
                shapes[f"{name}.Conv3D_{dilation}.layers.0.weight"] = (2 * width, into, 1, 3, 3)
                shapes[f"{name}.Conv3D_{dilation}.layers.1.weight"] = (width, 2 * width, 3, 1, 1)
            into = width * len(_DILATIONS)
            shapes |= {f"{name}.bn.{part}": (into,) for part in ("weight", "bias", "running_mean", "running_var")}
            shapes[f"{name}.bn.num_batches_tracked"] = ()
        features += into
    layers = {
        "frame_sim_layer.projection": (_OUT, features),
        "frame_sim_layer.fc": (_OUT, _NEAR),
        "color_hist_layer.fc": (_OUT, _NEAR),
        "fc1": (len(hidden), into * (SIZE[0] // 2**_STACKS) * (SIZE[1] // 2**_STACKS) + 2 * _OUT),
        "cls_layer1": (1, len(hidden)),
        "cls_layer2": (1, len(hidden)),
    }
    for name, (rows, columns) in layers.items():
        shapes |= {f"{name}.weight": (rows, columns), f"{name}.bias": (rows,)}
    return shapes


class _Writer:
    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.graph = Graph()

    def write(self) -> bytes:
        graph = self.graph
        width, height = SIZE
        seen = graph.input("frames", "float32", [FRAMES, 3, height, width])
        colours = graph.input("colours", "float32", [FRAMES, BINS])
        means = []
        for stack in range(_STACKS):
            seen = self._stack(seen, f"SDDCNN.{stack}")
            means.append(graph.add("ReduceMean", seen, axes=[2, 3], keepdims=0))
        features = self._linear(graph.add("Concat", *means, axis=1), "frame_sim_layer.projection")
        length = graph.add("ReduceL2", features, axes=[1], keepdims=1)
        features = graph.add("Div", features, graph.add("Max", length, graph.constant(1e-12, "float32")))
        alike = graph.add("Relu", self._linear(self._compared(features), "frame_sim_layer.fc"))
        coloured = graph.add("Relu", self._linear(self._compared(colours), "color_hist_layer.fc"))
        flat = graph.add("Transpose", seen, perm=[0, 2, 3, 1])
        flat = graph.add("Reshape", flat, graph.constant([FRAMES, -1], "int64"))
        hidden = graph.add("Relu", self._linear(graph.add("Concat", coloured, alike, flat, axis=1), "fc1"))
        for name, layer in (("last", "cls_layer1"), ("within", "cls_layer2")):
            likely = graph.add("Sigmoid", self._linear(hidden, layer))
            likely = graph.add("Reshape", likely, graph.constant([FRAMES], "int64"))
            graph.output(name, likely, "float32", [FRAMES])
        return graph.to_bytes()

    def _stack(self, x: str, name: str) -> str:
        short = self.graph.add("Relu", self._block(x, f"{name}.DDCNN.0"))
        deep = self.graph.add("Relu", self._block(short, f"{name}.DDCNN.1"))
        both = self.graph.add("Add", deep, short)
        return self.graph.add("AveragePool", both, kernel_shape=[2, 2], strides=[2, 2])

    def _block(self, x: str, name: str) -> str:
        """Look at each picture, then at it and those some pictures before and after, near and far."""
        graph = self.graph
        branches = [f"{name}.Conv3D_{dilation}.layers" for dilation in _DILATIONS]
        spatial = np.concatenate([self.weights[f"{branch}.0.weight"][:, :, 0] for branch in branches])
        x = graph.add("Conv", x, graph.constant(spatial, "float32"), kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        parts = graph.add_many("Split", [x], len(branches), axis=1)
        scale = self.weights[f"{name}.bn.weight"] / np.sqrt(self.weights[f"{name}.bn.running_var"] + _TINY)
        bias = self.weights[f"{name}.bn.bias"] - self.weights[f"{name}.bn.running_mean"] * scale
        made = []
        count = len(scale) // len(branches)
        for number, (part, branch, dilation) in enumerate(zip(parts, branches, _DILATIONS, strict=True)):
            own = slice(number * count, (number + 1) * count)
            kernel = self.weights[f"{branch}.1.weight"][:, :, :, 0, 0] * scale[own, None, None]
            flat = np.concatenate([kernel[:, :, moment] for moment in range(3)], axis=1)[:, :, None, None]
            made.append(
                graph.add(
                    "Conv", self._around(part, dilation), graph.constant(flat, "float32"),
                    graph.constant(bias[own], "float32"), kernel_shape=[1, 1],
                )
            )  # fmt: skip
        return graph.add("Concat", *made, axis=1)

    def _around(self, x: str, dilation: int) -> str:
        """Put beside each picture the one `dilation` before it and the one after it, nothing beyond the ends."""
        graph = self.graph
        pads = graph.constant([dilation, 0, 0, 0, dilation, 0, 0, 0], "int64")
        padded = graph.add("Pad", x, pads)
        before, after = (
            graph.add("Slice", padded, graph.constant([at], "int64"), graph.constant([at + FRAMES], "int64"))
            for at in (0, 2 * dilation)
        )
        return graph.add("Concat", before, x, after, axis=1)

    def _compared(self, vectors: str) -> str:
        """How much each picture resembles the fifty before it, itself and the fifty after it, 100×101."""
        graph, half = self.graph, _NEAR // 2
        alike = graph.add("MatMul", vectors, graph.add("Transpose", vectors, perm=[1, 0]))
        padded = graph.add("Pad", alike, graph.constant([0, half, 0, half], "int64"))
        index = np.arange(FRAMES)[:, None] + np.arange(_NEAR)
        return graph.add("GatherElements", padded, graph.constant(index, "int64"), axis=1)

    def _linear(self, x: str, name: str) -> str:
        kernel = self.graph.constant(self.weights[f"{name}.weight"], "float32")
        return self.graph.add("Gemm", x, kernel, self.graph.constant(self.weights[f"{name}.bias"], "float32"), transB=1)

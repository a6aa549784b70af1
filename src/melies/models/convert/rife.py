"""RIFE 4.6's weights to ONNX: how two pictures move towards a moment between them.

Huang, Zhang, Heng, Shi and Zhou, "Real-Time Intermediate Flow Estimation for Video Frame Interpolation" (ECCV 2022), in
the version 4.6 of https://github.com/hzwer/Practical-RIFE: four blocks, each looking at a larger picture than the one
before, correct the flow from the moment to both pictures and the mask that mixes them.

The graph ends with flow and mask, because whoever fetches the pixels can do that from pictures of any depth and size.
It is written to be run fast on processors:

- A block's eight residual convolutions `relu(beta * conv(x) + x)` are plain ones: `beta` is multiplied in, and the one
  that adds `x` is put into the middle of the kernel when the model is loaded.
- Pictures are warped by one lookup a pixel in a table that holds the four neighbours of every place: ONNX Runtime's
  GridSample took a third of all the time.
- Scale factors lie in the weights next to them, and the outputs that nobody uses are left out.
- Weights are stored in 16 bits and computed with in 32.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melies.errors import ModelError
from melies.models.convert.onnx_graph import ELEMENT_TYPES, Graph

Weights = Mapping[str, NDArray[Any]]

SCALES = (8, 4, 2, 1)
"""How many times smaller than the pictures each block looks at them."""

LAYERS = 8
FLOW = 4
"""Channels of flow: right and down into the first picture, right and down into the second."""

FLOAT = ELEMENT_TYPES["float32"]


def convert(weights: Weights) -> bytes:
    """Turn the state dict of RIFE 4.6 into an ONNX file.

    Args:
        weights: `block0.conv0.0.0.weight` and so on, as `checkpoint.read` returns them.

    Returns:
        The ONNX file. Inputs `first` and `second`: float32 1×3×height×width, 0…1, sides multiples of 32; `time`:
        float32, one number between 0 (the first) and 1. Outputs `flow`: 1×4×height×width, pixels to go right and down
        into the first picture, then into the second; `mask`: 1×1×height×width, the first picture's share, 0…1.

    Raises:
        ModelError: These are not the weights of such a network.
    """
    inputs = [weights.get(f"block{n}.conv0.0.0.weight", np.empty((0, 0))).shape[1] for n in range(len(SCALES))]
    if inputs != [7, 12, 12, 12] or "block4.conv0.0.0.weight" in weights:
        raise ModelError("These are not the weights of RIFE 4.6.", "Other versions have other layers.")
    return _Writer(weights).write()


class _Writer:
    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.graph = graph = Graph()
        self.pictures = [graph.input(name, "float32", [1, 3, "height", "width"]) for name in ("first", "second")]
        self.time = graph.add("Reshape", graph.input("time", "float32", [1]), self._whole([1, 1, 1, 1]))
        shape = graph.add("Shape", self.pictures[0])
        self.height, self.width = (graph.add("Slice", shape, self._whole([n]), self._whole([n + 1])) for n in (2, 3))
        self.columns = self._positions(self.width, [1, 1, 1, -1])
        self.rows = self._positions(self.height, [1, 1, -1, 1])
        self.tables = [self._neighbours(picture) for picture in self.pictures]

    def write(self) -> bytes:
        graph = self.graph
        seen = graph.add("Concat", *self.pictures, axis=1)
        found = self._block(0, seen, None)
        for number in range(1, len(SCALES)):
            fields = graph.add_many("Split", [self._channels(found, 0, FLOW)], FLOW, axis=1)
            warped = [self._warp(self.tables[n], *fields[2 * n : 2 * n + 2]) for n in (0, 1)]
            seen = graph.add("Reshape", graph.add("Concat", *warped, axis=0), self._sized(1, 6))
            found = graph.add("Add", found, self._block(number, seen, found))
        graph.output("flow", self._channels(found, 0, FLOW), "float32", [1, FLOW, "height", "width"])
        mask = graph.add("Sigmoid", self._channels(found, FLOW, FLOW + 1))
        graph.output("mask", mask, "float32", [1, 1, "height", "width"])
        return graph.to_bytes()

    def _block(self, number: int, seen: str, found: str | None) -> str:
        """One block: from the pictures as they are warped so far, and flow and mask so far, to what is to be added."""
        graph, scale, name = self.graph, SCALES[number], f"block{number}"
        small = self._resized(seen, 1 / scale)
        size = graph.add("Slice", graph.add("Shape", small), self._whole([2]), self._whole([4]))
        time = graph.add("Expand", self.time, graph.add("Concat", self._whole([1, 1]), size, axis=0))
        kernel = self.weights[f"{name}.conv0.0.0.weight"].copy()
        parts = [small, time]
        if found is not None:
            near = self._resized(found, 1 / scale)
            parts += [self._channels(near, FLOW, FLOW + 1), self._channels(near, 0, FLOW)]
            kernel[:, -FLOW:] /= scale
        made = self._leaky(self._conv(graph.add("Concat", *parts, axis=1), kernel, f"{name}.conv0.0.0", 2))
        made = self._leaky(self._conv(made, self.weights[f"{name}.conv0.1.0.weight"], f"{name}.conv0.1.0", 2))
        for layer in range(LAYERS):
            made = self._residual(made, f"{name}.convblock.{layer}")
        return self._resized(self._enlarged(made, f"{name}.lastconv.0", scale), scale)

    def _conv(self, x: str, kernel: NDArray[Any], name: str, stride: int) -> str:
        bias = self.graph.constant(self.weights[f"{name}.bias"], "float32")
        return self.graph.add(
            "Conv", x, self._stored(kernel), bias, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[stride, stride]
        )

    def _residual(self, x: str, name: str) -> str:
        graph, beta = self.graph, self.weights[f"{name}.beta"].reshape(-1)
        channels = len(beta)
        kernel = self._stored(self.weights[f"{name}.conv.weight"] * beta[:, None, None, None])
        same = graph.add("EyeLike", graph.add("ConstantOfShape", self._whole([channels] * 2)), dtype=FLOAT)
        same = graph.add("Reshape", same, self._whole([channels, channels, 1, 1]))
        kernel = graph.add("Add", kernel, graph.add("Pad", same, self._whole([0, 0, 1, 1, 0, 0, 1, 1])))
        bias = graph.constant(self.weights[f"{name}.conv.bias"] * beta, "float32")
        return self._leaky(graph.add("Conv", x, kernel, bias, kernel_shape=[3, 3], pads=[1, 1, 1, 1]))

    def _enlarged(self, x: str, name: str, scale: int) -> str:
        """The last layer: four times as wide and high, of whose six channels the last is not used."""
        used = (FLOW + 1) * 4
        kernel, bias = self.weights[f"{name}.weight"][:, :used].copy(), self.weights[f"{name}.bias"][:used].copy()
        kernel[:, : FLOW * 4] *= scale
        bias[: FLOW * 4] *= scale
        x = self.graph.add(
            "ConvTranspose", x, self._stored(kernel), self.graph.constant(bias, "float32"),
            kernel_shape=[4, 4], pads=[1, 1, 1, 1], strides=[2, 2],
        )  # fmt: skip
        return self.graph.add("DepthToSpace", x, blocksize=2, mode="CRD")

    def _neighbours(self, picture: str) -> str:
        """A row for every pixel: three channels of itself, of the one to the right, below, and below to the right."""
        graph, one = self.graph, self._whole([1])
        pixels = graph.add("Transpose", graph.add("Reshape", picture, self._whole([3, -1])), perm=[1, 0])
        below = self.width
        beside_below = graph.add("Add", self.width, one)
        count = graph.add("Sub", graph.add("Mul", self.height, self.width), beside_below)
        shifted = [
            graph.add("Slice", pixels, shift, graph.add("Add", shift, count), self._whole([0]))
            for shift in (self._whole([0]), one, below, beside_below)
        ]
        return graph.add("Concat", *shifted, axis=1)

    def _warp(self, table: str, right: str, down: str) -> str:
        """Fetch each pixel from where the flow points, between four neighbours; beyond the border, from the border."""
        graph = self.graph
        x, share_x = self._place(right, self.columns, self.width)
        y, share_y = self._place(down, self.rows, self.height)
        index = graph.add("Add", graph.add("Mul", y, self._number(self.width)), x)
        index = graph.add("Reshape", graph.add("Cast", index, to=ELEMENT_TYPES["int32"]), self._whole([-1]))
        found = graph.add("Transpose", graph.add("Gather", table, index, axis=0), perm=[1, 0])
        here, beside, below, across = graph.add_many("Split", [found], 4, axis=0)
        upper, lower = self._mixed(here, beside, share_x), self._mixed(below, across, share_x)
        return self._mixed(upper, lower, share_y)

    def _place(self, flow: str, positions: str, size: str) -> tuple[str, str]:
        """The neighbour before the place that the flow points to, along one axis, and the share of the one after it."""
        graph, zero = self.graph, self._real(0)
        last, last_but_one = (graph.add("Sub", self._number(size), self._real(n)) for n in (1, 2))
        place = graph.add("Min", graph.add("Max", graph.add("Add", flow, positions), zero), last)
        before = graph.add("Min", graph.add("Floor", place), last_but_one)
        return before, graph.add("Reshape", graph.add("Sub", place, before), self._whole([1, -1]))

    def _mixed(self, one: str, other: str, share: str) -> str:
        add = self.graph.add
        return add("Add", one, add("Mul", add("Sub", other, one), share))

    def _positions(self, size: str, shape: Sequence[int]) -> str:
        count = self.graph.add("Squeeze", size)
        line = self.graph.add("Range", self._whole(0), count, self._whole(1))
        return self.graph.add("Reshape", self._number(line), self._whole(shape))

    def _resized(self, x: str, factor: float) -> str:
        if factor == 1:
            return x
        scales = self._real([1, 1, factor, factor])
        return self.graph.add(
            "Resize", x, "", scales, mode="linear", coordinate_transformation_mode="half_pixel"
        )  # fmt: skip

    def _stored(self, kernel: NDArray[Any]) -> str:
        return self.graph.add("Cast", self.graph.constant(kernel, "float16"), to=FLOAT)

    def _channels(self, x: str, begin: int, end: int) -> str:
        return self.graph.add("Slice", x, self._whole([begin]), self._whole([end]), self._whole([1]))

    def _sized(self, *head: int) -> str:
        return self.graph.add("Concat", self._whole(head), self.height, self.width, axis=0)

    def _leaky(self, x: str) -> str:
        return self.graph.add("LeakyRelu", x, alpha=0.2)

    def _number(self, x: str) -> str:
        return self.graph.add("Cast", x, to=FLOAT)

    def _whole(self, value: int | Sequence[int]) -> str:
        return self.graph.constant(value, "int64")

    def _real(self, value: float | Sequence[float]) -> str:
        return self.graph.constant(value, "float32")

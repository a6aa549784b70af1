"""Public fast style networks: which weights they have, and from those to ONNX.

Johnson, Alahi and Fei-Fei, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution" (ECCV 2016), with
Ulyanov, Vedaldi and Lempitsky, "Instance Normalization" (2016), as PyTorch's examples publish it (`fast_neural_style`,
BSD-3-Clause: `mosaic.pth`, `candy.pth`, `rain_princess.pth`, `udnie.pth`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melies.errors import ModelError
from melies.models.convert.onnx_graph import Graph
from melies.translating.card import IMAGE, MADE, Card, with_card

Weights = Mapping[str, NDArray[Any]]

BLOCKS = 5
CARD = Card(name="fast style", task="style", multiple=4, description="A public fast style network.")
EPSILON = 1e-5
"""What instance normalisation adds to variances."""
_OLD = re.compile(r"(^|\.)in\d\.(running_mean|running_var|num_batches_tracked)$")
"""Statistics that instance normalisation kept before PyTorch 0.4, and that nothing uses."""


def keys() -> dict[str, tuple[int, ...]]:
    """Return the name and shape of every entry of a state dict, in their order."""
    shapes: dict[str, tuple[int, ...]] = {}

    def conv(name: str, into: int, out: int, side: int) -> None:
        shapes[f"{name}.conv2d.weight"] = (out, into, side, side)
        shapes[f"{name}.conv2d.bias"] = (out,)

    def norm(name: str, channels: int) -> None:
        shapes[f"{name}.weight"] = shapes[f"{name}.bias"] = (channels,)

    for index, (into, out, side) in enumerate(((3, 32, 9), (32, 64, 3), (64, 128, 3)), 1):
        conv(f"conv{index}", into, out, side)
        norm(f"in{index}", out)
    for block in range(1, BLOCKS + 1):
        for part in (1, 2):
            conv(f"res{block}.conv{part}", 128, 128, 3)
            norm(f"res{block}.in{part}", 128)
    for index, (into, out) in enumerate(((128, 64), (64, 32)), 1):
        conv(f"deconv{index}", into, out, 3)
        norm(f"in{index + 3}", out)
    conv("deconv3", 32, 3, 9)
    return shapes


def convert(weights: Weights) -> bytes:
    """Turn a network into ONNX, with its card.

    Args:
        weights: Its state dict, as `checkpoint.read` returns it.

    Returns:
        An ONNX file that takes `image`, float32 1×3×H×W RGB of 0…1, and gives `made`, the same. H and W are multiples
        of 4.

    Raises:
        ModelError: A weight is missing, is not known, or has another shape; it says which.
    """
    weights = {name: value for name, value in weights.items() if not _OLD.search(name)}
    must_match(weights, keys(), "a fast style network")
    return with_card(_Builder(weights).build(), CARD)


def must_match(weights: Weights, wanted: Mapping[str, tuple[int, ...]], what: str) -> None:
    """Refuse weights that are not exactly those that a network has.

    Raises:
        ModelError: A weight is missing, is not known, or has another shape; it says which.
    """
    for name, shape in wanted.items():
        if name not in weights:
            raise ModelError(f"As {what}, it lacks the weight {name}.")
        if weights[name].shape != shape:
            raise ModelError(f"As {what}, its {name} has the shape {weights[name].shape} and should have {shape}.")
    for name in weights:
        if name not in wanted:
            raise ModelError(f"As {what}, it has the weight {name}, which is not known.")


class _Builder:
    """One network on its way into a graph."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._graph = Graph()

    def build(self) -> bytes:
        """Return the ONNX file."""
        graph = self._graph
        data = graph.add("Mul", graph.input(IMAGE, "float32", (1, 3, "height", "width")), self._number(255))
        for index, stride in enumerate((1, 2, 2), 1):
            data = graph.add("Relu", self._norm(self._conv(data, f"conv{index}", stride), f"in{index}"))
        for block in range(1, BLOCKS + 1):
            inner = graph.add("Relu", self._layer(data, f"res{block}", 1))
            data = graph.add("Add", self._layer(inner, f"res{block}", 2), data)
        for index in (1, 2):
            larger = graph.add(
                "Resize", data, "", graph.constant([1, 1, 2, 2], "float32"),
                mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor",
            )  # fmt: skip
            data = graph.add("Relu", self._norm(self._conv(larger, f"deconv{index}"), f"in{index + 3}"))
        made = graph.add("Div", self._conv(data, "deconv3"), self._number(255))
        graph.output(
            MADE, graph.add("Clip", made, self._number(0), self._number(1)), "float32", (1, 3, "height", "width")
        )
        return graph.to_bytes()

    def _layer(self, data: str, block: str, part: int) -> str:
        return self._norm(self._conv(data, f"{block}.conv{part}"), f"{block}.in{part}")

    def _conv(self, data: str, name: str, stride: int = 1) -> str:
        weight, bias = (self._graph.constant(self._weights[f"{name}.conv2d.{kind}"]) for kind in ("weight", "bias"))
        half = self._weights[f"{name}.conv2d.weight"].shape[-1] // 2
        pads = self._graph.constant([0, 0, half, half] * 2, "int64")
        padded = self._graph.add("Pad", data, pads, mode="reflect")
        return self._graph.add("Conv", padded, weight, bias, strides=[stride, stride])

    def _norm(self, data: str, name: str) -> str:
        scale, shift = (self._graph.constant(self._weights[f"{name}.{kind}"]) for kind in ("weight", "bias"))
        return self._graph.add("InstanceNormalization", data, scale, shift, epsilon=EPSILON)

    def _number(self, value: float) -> str:
        return self._graph.constant(np.float32(value))

"""DCGAN's generator to ONNX, from a state dict as PyTorch's own tutorial names it.

Radford, Metz and Chintala, "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
Networks" (ICLR 2016): transposed convolutions, each of which doubles the picture, from one pixel with as many channels
as a latent vector has numbers. What batch normalisation does when it is used lies in the weights before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melies.errors import ModelError
from melies.models.convert.onnx_graph import Graph
from melies.models.convert.strict import must_be_generator
from melies.translating.card import LATENT, MADE

Weights = Mapping[str, NDArray[Any]]

_EPSILON = 1e-5
_SIDE = 4
"""Of the kernels, and of the picture that the first makes."""
_PART = "netG_state_dict."
"""What comes before the names where generator and critic were saved in one file."""
_MOST_LAYERS = 9


def convert(weights: Weights) -> bytes:
    """Return the ONNX file of a DCGAN.

    Args:
        weights: `main.0.weight`, `main.1.running_mean`, … of any width and depth; or with `netG_state_dict.` before.

    Returns:
        A file with input `latent`, `1×L`, and output `made`, `1×3×S×S`, RGB, 0…1: of five layers S is 64.

    Raises:
        ModelError: These are not the weights of such a network.
    """
    named = {name.removeprefix(_PART): value for name, value in weights.items()}
    kernels = [named[name] for name in (f"main.{3 * index}.weight" for index in range(_MOST_LAYERS)) if name in named]
    if len(kernels) < 2 or any(kernel.ndim != _SIDE for kernel in kernels):
        raise ModelError("This is no generator of a DCGAN: it has no layers by the names main.0.weight, main.3.weight.")
    must_be_generator(named, _shapes(kernels), "a DCGAN", stale=lambda name: name.endswith("num_batches_tracked"))
    graph = Graph()
    data = graph.input(LATENT, "float32", (1, len(kernels[0])))
    data = graph.add("Reshape", data, graph.constant((1, len(kernels[0]), 1, 1), "int64"))
    for index in range(len(kernels)):
        data = _layer(graph, data, named, index, last=index == len(kernels) - 1)
    size = _SIDE << (len(kernels) - 1)
    half = graph.constant(0.5, "float32")
    made = graph.add("Add", graph.add("Mul", graph.add("Tanh", data), half), half)
    graph.output(MADE, made, "float32", (1, 3, size, size))
    return graph.to_bytes()


def _shapes(kernels: list[NDArray[Any]]) -> dict[str, tuple[int, ...]]:
    """The shapes that all weights must have, by the widths of the layers."""
    shapes: dict[str, tuple[int, ...]] = {}
    into = len(kernels[0])
    for index, kernel in enumerate(kernels):
        last = index == len(kernels) - 1
        out = 3 if last else kernel.shape[1]
        shapes[f"main.{3 * index}.weight"] = (into, out, _SIDE, _SIDE)
        if not last:
            parts = ("weight", "bias", "running_mean", "running_var")
            shapes |= {f"main.{3 * index + 1}.{part}": (out,) for part in parts}
        into = out
    return shapes


def _layer(graph: Graph, data: str, weights: Weights, index: int, *, last: bool) -> str:
    kernel = weights[f"main.{3 * index}.weight"]
    places = {"strides": (2, 2), "pads": (1, 1, 1, 1)} if index else {}
    if last:
        return graph.add("ConvTranspose", data, graph.half(kernel), **places)
    scale, shift, mean, spread = (
        weights[f"main.{3 * index + 1}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
    )
    gain = scale / np.sqrt(spread + _EPSILON)
    weight, bias = graph.half(kernel * gain[:, None, None]), graph.constant(shift - mean * gain, "float32")
    return graph.add("Relu", graph.add("ConvTranspose", data, weight, bias, **places))

"""Arbitrary style by AdaIN: which weights the public networks have, and from those to ONNX.

Huang and Belongie, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization" (ICCV 2017): what VGG19
sees of a photo at relu4_1 is given the mean and deviation, channel by channel, of what it sees of a painting, and a
decoder makes a picture of that. The weights, `vgg_normalised.pth` and `decoder.pth`, are those of the reimplementation
https://github.com/naoto0804/pytorch-AdaIN (MIT): two `torch.nn.Sequential` whose keys are places in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melies.models.convert.fast_style import must_match
from melies.models.convert.onnx_graph import Graph
from melies.translating.card import IMAGE, MADE

Weights = Mapping[str, NDArray[Any]]
Shapes = dict[str, tuple[int, ...]]

MEAN, DEVIATION = "mean", "deviation"
"""What is taken from a style: `1×512×1×1` float32 each."""
CHANNELS = 512
MULTIPLE = 8
"""Height and width must be a multiple of it: three times everything is halved, and doubled again."""
EPSILON = 1e-5
"""What is added to variances, which are those of a sample: divided by one less than the number of pixels."""

ENCODER: tuple[int | str, ...] = (
    3, 0, 64, 0, 64, "pool", 0, 128, 0, 128, "pool", 0, 256, 0, 256, 0, 256, 0, 256, "pool", 0, 512,
    0, 512, 0, 512, 0, 512, "pool", 0, 512, 0, 512, 0, 512, 0, 512,
)  # fmt: skip
"""VGG19 with a first 1×1 convolution that takes the mean off: channels; 0 is a reflection padding by 1."""
DECODER: tuple[int | str, ...] = (
    0, 256, "up", 0, 256, 0, 256, 0, 256, 0, 128, "up", 0, 128, 0, 64, "up", 0, 64, 0, 3,
)  # fmt: skip


def keys(plan: tuple[int | str, ...], into: int) -> Shapes:
    """Return the name and shape of every entry of a state dict, in their order.

    Args:
        plan: `ENCODER` or `DECODER`.
        into: Channels of what goes in: 3 or 512.
    """
    shapes: Shapes = {}
    place = 0
    for index, layer in enumerate(plan):
        if isinstance(layer, int) and layer:
            side = 3 if index and plan[index - 1] == 0 else 1
            shapes[f"{place}.weight"] = (layer, into, side, side)
            shapes[f"{place}.bias"] = (layer,)
            into = layer
            # A ReLU follows all but the very first and the very last.
            place += 1 if side == 1 or index == len(plan) - 1 else 2
        else:
            place += 1
    return shapes


def encoder(weights: Weights) -> bytes:
    """Turn what looks at a style into ONNX.

    Args:
        weights: Of `vgg_normalised.pth`.

    Returns:
        An ONNX file that takes `image`, float32 1×3×H×W RGB of 0…1, and gives `mean` and `deviation`.

    Raises:
        ModelError: A weight is missing, is not known, or has another shape; it says which.
    """
    must_match(weights, keys(ENCODER, 3), "AdaIN's vgg_normalised.pth")
    graph = Graph()
    mean, deviation = _statistics(graph, _seen(graph, weights))
    for name, value in ((MEAN, mean), (DEVIATION, deviation)):
        graph.output(name, value, "float32", (1, CHANNELS, 1, 1))
    return graph.to_bytes()


def painter(weights: Weights, decoder: Weights) -> bytes:
    """Turn what paints a photo in a style into ONNX.

    Args:
        weights: Of `vgg_normalised.pth`.
        decoder: Of `decoder.pth`.

    Returns:
        An ONNX file that takes `image`, float32 1×3×H×W RGB of 0…1 with sides that are multiples of 8, and `mean` and
        `deviation`, float32 1×512×1×1, and gives `made`, float32 1×3×H×W RGB of 0…1.

    Raises:
        ModelError: A weight is missing, is not known, or has another shape; it says which.
    """
    must_match(weights, keys(ENCODER, 3), "AdaIN's vgg_normalised.pth")
    must_match(decoder, keys(DECODER, CHANNELS), "AdaIN's decoder.pth")
    graph = Graph()
    seen = _seen(graph, weights)
    mean, deviation = _statistics(graph, seen)
    normal = graph.add("Div", graph.add("Sub", seen, mean), deviation)
    given = [graph.input(name, "float32", (1, CHANNELS, 1, 1)) for name in (DEVIATION, MEAN)]
    wanted = graph.add("Add", graph.add("Mul", normal, given[0]), given[1])
    made = _run(graph, wanted, DECODER, decoder)
    zero, one = graph.constant(np.float32(0)), graph.constant(np.float32(1))
    graph.output(MADE, graph.add("Clip", made, zero, one), "float32", (1, 3, "height", "width"))
    return graph.to_bytes()


def _seen(graph: Graph, weights: Weights) -> str:
    """Add VGG19 up to relu4_1."""
    upto = ENCODER.index(512) + 1
    image = graph.input(IMAGE, "float32", (1, 3, "height", "width"))
    return graph.add("Relu", _run(graph, image, ENCODER[:upto], weights))


def _run(graph: Graph, data: str, plan: tuple[int | str, ...], weights: Weights) -> str:
    """Add a network whose last convolution has no ReLU."""
    place = 0
    for index, layer in enumerate(plan):
        last = index == len(plan) - 1
        if layer == "pool":
            data = graph.add("MaxPool", data, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
        elif layer == "up":
            data = graph.add(
                "Resize", data, "", graph.constant([1, 1, 2, 2], "float32"),
                mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor",
            )  # fmt: skip
        elif layer == 0:
            data = graph.add("Pad", data, graph.constant([0, 0, 1, 1] * 2, "int64"), mode="reflect")
        else:
            weight, bias = (graph.constant(weights[f"{place}.{kind}"]) for kind in ("weight", "bias"))
            data = graph.add("Conv", data, weight, bias)
            if weights[f"{place}.weight"].shape[-1] == 3 and not last:
                data = graph.add("Relu", data)
                place += 1
        place += 1
    return data


def _statistics(graph: Graph, data: str) -> tuple[str, str]:
    """Add mean and deviation of each channel."""
    mean = graph.add("ReduceMean", data, axes=[2, 3], keepdims=1)
    squares = graph.add("ReduceSumSquare", graph.add("Sub", data, mean), axes=[2, 3], keepdims=1)
    size = graph.add("Slice", graph.add("Shape", data), graph.constant([2], "int64"), graph.constant([4], "int64"))
    count = graph.add("Cast", graph.add("ReduceProd", size, keepdims=0), to=1)
    variance = graph.add("Div", squares, graph.add("Sub", count, graph.constant(np.float32(1))))
    return mean, graph.add("Sqrt", graph.add("Add", variance, graph.constant(np.float32(EPSILON))))

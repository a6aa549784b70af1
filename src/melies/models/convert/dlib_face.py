"""dlib's network that tells faces apart, from the weights of face-api.js, to ONNX.

King, "Dlib-ml: A Machine Learning Toolkit" (JMLR 2009), `dlib_face_recognition_resnet_model_v1`: a residual network of
29 layers (He et al. 2016) whose 128 numbers for two pictures of one person are near each other. Most weights stay the
bytes that face-api.js stores; ONNX Runtime makes float32 numbers of them once, when it loads the network.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from melies.errors import ModelError
from melies.models.convert.onnx_graph import ELEMENT_TYPES, Graph
from melies.models.convert.tfjs import Stored

SIDE = 150
"""Pixels of the square that the network is given."""

_MEAN = np.array((122.782, 117.001, 104.298), np.float32).reshape(1, 3, 1, 1)
"""The mean red, green and blue of the pictures that it was trained on."""
_BLOCKS = (
    *("conv32_1", "conv32_2", "conv32_3", "conv64_down", "conv64_1", "conv64_2", "conv64_3", "conv128_down"),
    *("conv128_1", "conv128_2", "conv256_down", "conv256_1", "conv256_2", "conv256_down_out"),
)


def convert(weights: Mapping[str, Stored]) -> bytes:
    """Turn the weights of face-api.js's `face_recognition_model` into an ONNX file.

    Args:
        weights: As `tfjs.stored` returns them.

    Returns:
        The ONNX file. Input `image`: float32 N×3×150×150, RGB 0…255, cut as dlib cuts faces. Output `descriptor`:
        float32 N×128.

    Raises:
        ModelError: These are not the weights of such a network.
    """
    needed = {f"{block}/conv2/scale/biases" for block in _BLOCKS}
    if not needed <= weights.keys() or weights["fc"].values.shape != (256, 128):
        raise ModelError("These are not the weights of face-api.js's face_recognition_model.")
    return _Writer(weights).write()


class _Writer:
    def __init__(self, weights: Mapping[str, Stored]) -> None:
        self.weights = weights
        self.graph = Graph()

    def write(self) -> bytes:
        graph = self.graph
        image = graph.input("image", "float32", ["faces", 3, SIDE, SIDE])
        made = graph.add("Sub", image, graph.constant(_MEAN))
        made = graph.add("Mul", made, graph.constant(np.float32(1 / 256)))
        made, side, channels = self._convolve(made, "conv32_down", stride=2), (SIDE - 7) // 2 + 1, 32
        made, side = graph.add("MaxPool", made, kernel_shape=[3, 3], strides=[2, 2]), (side - 3) // 2 + 1
        for block in _BLOCKS:
            if "down" in block:
                made, side, channels = self._down(made, block, side, channels)
            else:
                inner = self._convolve(self._convolve(made, f"{block}/conv1"), f"{block}/conv2", relu=False)
                made = graph.add("Relu", graph.add("Add", made, inner))
        made = graph.add("ReduceMean", made, axes=[2, 3], keepdims=0)
        graph.output("descriptor", graph.add("MatMul", made, self._numbers("fc", (0, 1))), "float32", ["faces", 128])
        return graph.to_bytes()

    def _convolve(self, data: str, name: str, stride: int = 1, relu: bool = True) -> str:
        graph = self.graph
        scale = self.weights[f"{name}/scale/weights"].floats()
        bias = self.weights[f"{name}/conv/bias"].floats() * scale + self.weights[f"{name}/scale/biases"].floats()
        kernel = self._numbers(f"{name}/conv/filters", (3, 2, 0, 1))
        kernel = graph.add("Mul", kernel, graph.constant(scale.reshape(-1, 1, 1, 1)))
        side = self.weights[f"{name}/conv/filters"].values.shape[0]
        pads = [side // 2 if stride == 1 else 0] * 4
        shape = {"kernel_shape": [side, side], "strides": [stride, stride], "pads": pads}
        made = graph.add("Conv", data, kernel, graph.constant(bias), **shape)
        return graph.add("Relu", made) if relu else made

    def _down(self, data: str, block: str, side: int, channels: int) -> tuple[str, int, int]:
        """A residual block that halves the picture, where zeros stand in for what one of its two ways lacks."""
        graph = self.graph
        inner = self._convolve(self._convolve(data, f"{block}/conv1", stride=2), f"{block}/conv2", relu=False)
        short, pooled, wide = (side - 3) // 2 + 1, side // 2, self.weights[f"{block}/conv2/conv/bias"].values.size
        data = graph.add("AveragePool", data, kernel_shape=[2, 2], strides=[2, 2])
        if short < pooled:
            inner = graph.add("Pad", inner, graph.constant([0] * 6 + [pooled - short] * 2, "int64"))
        if channels < wide:
            data = graph.add("Pad", data, graph.constant([0] * 5 + [wide - channels, 0, 0], "int64"))
        return graph.add("Relu", graph.add("Add", data, inner)), pooled, wide

    def _numbers(self, name: str, axes: tuple[int, ...]) -> str:
        """Add weights in the order of axes that ONNX wants, as small as they are stored."""
        stored, graph = self.weights[name], self.graph
        values = stored.values.transpose(axes)
        if stored.scale is None:
            return graph.half(values)
        made = graph.add("Cast", graph.constant(values), to=ELEMENT_TYPES["float32"])
        made = graph.add("Mul", made, graph.constant(np.float32(stored.scale)))
        return graph.add("Add", made, graph.constant(np.float32(stored.least)))

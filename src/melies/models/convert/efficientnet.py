"""EfficientNet-Lite's weights to ONNX.

Tan and Le, "EfficientNet" (ICML 2019), in the variant of its authors for small devices
(https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite): no attention between channels, ReLU6
in place of swish. `models/data/efficientnet-lite0.onnx` was made from the weights of
https://github.com/ml-illustrated/efficientnet-lite-pytorch, which are the authors' own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melies.errors import ModelError
from melies.models.convert.onnx_graph import Graph

_EPSILON = 1e-3
_HALVING = {1, 3, 5, 11}
"""Blocks that halve the picture."""
_BLOCKS = 16


def convert(weights: Mapping[str, NDArray[Any]]) -> bytes:
    """Turn the state dict of EfficientNet-Lite0 into an ONNX file with weights in 16 bits.

    Args:
        weights: `_conv_stem.weight`, `_blocks.0._depthwise_conv.weight`, … as `checkpoint.read` returns them.

    Returns:
        The ONNX file. Input `image`: float32 N×3×H×W, (code value − 127) / 128. Output `look`: float32 N×1280, the
        features that the judgement is made of, 0…6; output `chances`: N×1000, of ImageNet's kinds, which sum to 1.

    Raises:
        ModelError: These are not the weights of such a network.
    """
    blocks = {key.split(".")[1] for key in weights if key.startswith("_blocks.")}
    if len(blocks) != _BLOCKS or "_fc.weight" not in weights or weights["_fc.weight"].shape[1] != 1280:
        raise ModelError("These are not the weights of EfficientNet-Lite0.")
    return _Writer(weights).write()


class _Writer:
    def __init__(self, weights: Mapping[str, NDArray[Any]]) -> None:
        self.weights = weights
        self.graph = Graph()

    def write(self) -> bytes:
        graph, kinds = self.graph, len(self.weights["_fc.bias"])
        image = graph.input("image", "float32", ["pictures", 3, "height", "width"])
        made = self._convolve(image, "_conv_stem", "_bn0", stride=2)
        for number in range(_BLOCKS):
            made = self._block(made, number)
        made = self._convolve(made, "_conv_head", "_bn1")
        made = graph.add("ReduceMean", made, axes=[2, 3], keepdims=0)
        graph.output("look", made, "float32", ["pictures", 1280])
        made = graph.add("MatMul", made, graph.half(self.weights["_fc.weight"].T))
        made = graph.add("Add", made, graph.constant(self.weights["_fc.bias"]))
        graph.output("chances", graph.add("Softmax", made, axis=-1), "float32", ["pictures", kinds])
        return graph.to_bytes()

    def _block(self, data: str, number: int) -> str:
        name = f"_blocks.{number}"
        made, stride = data, 2 if number in _HALVING else 1
        before = len(self.weights[f"{name}._depthwise_conv.weight"])
        if f"{name}._expand_conv.weight" in self.weights:
            before = self.weights[f"{name}._expand_conv.weight"].shape[1]
            made = self._convolve(made, f"{name}._expand_conv", f"{name}._bn0")
        made = self._convolve(made, f"{name}._depthwise_conv", f"{name}._bn1", stride=stride)
        made = self._convolve(made, f"{name}._project_conv", f"{name}._bn2", relu=False)
        after = len(self.weights[f"{name}._project_conv.weight"])
        return self.graph.add("Add", made, data) if stride == 1 and before == after else made

    def _convolve(self, data: str, name: str, norm: str, stride: int = 1, relu: bool = True) -> str:
        """Add a convolution with the normalisation after it, which is a factor and a summand for each channel."""
        graph, weights = self.graph, self.weights
        kernel = weights[f"{name}.weight"]
        factor = weights[f"{norm}.weight"] / np.sqrt(weights[f"{norm}.running_var"] + np.float32(_EPSILON))
        bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * factor
        scaled = graph.half(kernel * factor.reshape(-1, 1, 1, 1))
        group = len(kernel) if kernel.shape[1] == 1 else 1
        # TensorFlow's padding: where a side is odd, the right and lower ends get more.
        shape = {"kernel_shape": kernel.shape[2:], "strides": [stride] * 2, "auto_pad": "SAME_UPPER"}
        made = graph.add("Conv", data, scaled, graph.constant(bias), group=group, **shape)
        if not relu:
            return made
        return graph.add("Clip", made, graph.constant(0, "float32"), graph.constant(6, "float32"))

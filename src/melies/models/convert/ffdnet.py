"""FFDNet's weights to ONNX.

Zhang, Zuo and Zhang, "FFDNet: Toward a Fast and Flexible Solution for CNN-Based Image Denoising" (IEEE TIP 2018): a
picture is folded to half its size with four times the channels, a plane of noise levels is put beside them, and a row
of convolutions follows. `models/data/ffdnet.onnx` was made from the authors' `ffdnet_color.pth`
(https://github.com/cszn/KAIR).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from melies.errors import ModelError
from melies.models.convert.onnx_graph import Graph


def convert(weights: Mapping[str, NDArray[Any]]) -> bytes:
    """Turn the state dict of a colour FFDNet into an ONNX file.

    Args:
        weights: `model.0.weight`, `model.0.bias`, `model.2.weight`, … of its 3×3 convolutions, as `checkpoint.read`
            returns them.

    Returns:
        The ONNX file. Input `image`: float32 1×3×height×width, 0…1, of even sides; input `noise`: float32
        1×1×height/2×width/2, the noise's standard deviation in the same unit. Output `clean`: as `image`.

    Raises:
        ModelError: These are not the weights of such a network.
    """
    indices = sorted(int(key.split(".")[1]) for key in weights if key.endswith(".weight"))
    kernels = [weights[f"model.{index}.weight"] for index in indices]
    if len(kernels) < 2 or kernels[0].shape[1] != 13 or kernels[-1].shape[0] != 12:
        raise ModelError("These are not the weights of a colour FFDNet.")
    # PyTorch folds colour by colour, ONNX position by position.
    order = [*(colour * 4 + place for place in range(4) for colour in range(3)), 12]
    kernels[0] = kernels[0][:, order]

    graph = Graph()
    image = graph.input("image", "float32", [1, 3, "height", "width"])
    noise = graph.input("noise", "float32", [1, 1, "half_height", "half_width"])
    made = graph.add("Concat", graph.add("SpaceToDepth", image, blocksize=2), noise, axis=1)
    for index, kernel in zip(indices, kernels, strict=True):
        bias = weights[f"model.{index}.bias"]
        made = graph.add(
            "Conv", made, graph.constant(kernel), graph.constant(bias), kernel_shape=kernel.shape[2:], pads=[1, 1, 1, 1]
        )
        if index != indices[-1]:
            made = graph.add("Relu", made)
    made = graph.add("DepthToSpace", made, blocksize=2, mode="CRD")
    graph.output("clean", made, "float32", [1, 3, "height", "width"])
    return graph.to_bytes()

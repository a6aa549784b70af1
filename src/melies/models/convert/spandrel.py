"""Other networks than ours to ONNX, by way of PyTorch and of spandrel, which knows some forty.

Both are optional, and see nothing but the weights that our own reader has read.
https://github.com/chaiNNer-org/spandrel
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melies.errors import ModelError

SIZES = ((24, 40), (37, 29))
"""Heights and widths of the pictures on which the ONNX file must do what the network does."""

CLOSE = 1e-3


def convert(weights: Mapping[str, NDArray[Any]]) -> bytes:
    """Turn the weights of a network that enlarges pictures into an ONNX file.

    Args:
        weights: As `checkpoint.read` returns them.

    Returns:
        The ONNX file, with `data` and `output` as `super_resolution.convert` has them.

    Raises:
        ModelError: PyTorch or spandrel cannot be imported, spandrel does not know the network, it is not for RGB
            pictures, or its ONNX file is not the same network at every size.
    """
    try:
        import torch
        from spandrel import ImageModelDescriptor, ModelLoader, UnsupportedModelError
    except (ImportError, RuntimeError) as error:  # a torchvision made for another PyTorch raises RuntimeError
        raise ModelError(
            f"Other networks need PyTorch and spandrel, which cannot be imported ({error}).",
            "Install them: pip install 'melies[train]' spandrel torchvision",
        ) from None
    tensors = {name: torch.from_numpy(np.array(value)) for name, value in weights.items()}
    with warnings.catch_warnings():
        # Networks warn of what PyTorch will drop, tracing of sizes that it takes as fixed: _must_agree looks at those.
        warnings.simplefilter("ignore")
        try:
            found = ModelLoader(device="cpu").load_from_state_dict(tensors)
        except UnsupportedModelError:
            raise ModelError("spandrel does not know it either.") from None
        name = found.architecture.name
        if not isinstance(found, ImageModelDescriptor) or (found.input_channels, found.output_channels) != (3, 3):
            raise ModelError(f"It is {name}, which does not turn RGB pictures into RGB pictures.")
        network = found.model.eval()
        made = _exported(network)
        _must_agree(made, network, name)
    return made


def _exported(network: Any) -> bytes:
    import torch

    file = io.BytesIO()
    free = {2: "height", 3: "width"}
    torch.onnx.export(
        network,
        (torch.rand(1, 3, *SIZES[0]),),
        file,
        input_names=["data"],
        output_names=["output"],
        dynamic_axes={"data": free, "output": {2: "height_out", 3: "width_out"}},
        opset_version=17,
        dynamo=False,
    )
    return file.getvalue()


def _must_agree(made: bytes, network: Any, name: str) -> None:
    import onnxruntime
    import torch
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    for size in SIZES:
        picture = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
        with torch.inference_mode():
            wanted = network(picture).numpy()
        try:
            (got,) = onnxruntime.InferenceSession(made).run(None, {"data": picture.numpy()})
        except (errors.Fail, errors.InvalidArgument, errors.RuntimeException, errors.NotImplemented):
            got = np.empty(0)
        if got.shape != wanted.shape or not np.allclose(got, wanted, atol=CLOSE):
            raise ModelError(f"It is {name}, which does not work at any size as an ONNX file.")

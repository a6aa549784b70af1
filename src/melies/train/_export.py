"""Writing a trained network as an ONNX file, with its card, in one place for all trainers."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper

from melies.errors import ModelError
from melies.translating.card import KEY, Card

OUTPUT = "made"
"""What networks call what they make: a picture, `1×3×H×W`, RGB, 0…1."""

_OPSET = 17
_AGREE = 1 / 255
"""How far what ONNX Runtime makes, from weights of 16 bits, may be from what PyTorch made."""
_SMALL = 4096
"""Weights of fewer numbers, such as those of normalisations, stay in 32 bits: they cost nothing."""


def write(
    net: Any,
    example_inputs: Sequence[Any],
    path: Path,
    input_names: Sequence[str],
    card: Card,
    *,
    half: bool = True,
    fixed: bool = False,
) -> Path:
    """Write a network as an ONNX file that takes pictures of any size.

    Args:
        net: A module in evaluation mode, on the CPU, whose only output is a picture, `1×3×H×W`.
        example_inputs: What goes in, `1×C×H×W` each, or `1×K` for what is no picture.
        path: Where to; it appears when it is complete.
        input_names: Names of the inputs.
        card: What the file says about itself.
        half: Keep the large weights in 16 bits: half the size, and the same pictures.
        fixed: It takes and makes what has the size of the examples only, whatever that is.

    Raises:
        ModelError: ONNX Runtime makes something else of it than PyTorch.
    """
    part = path.with_name(path.name + ".part")
    sizes = {
        name: {2: "height", 3: "width"}
        for name, value in zip(input_names, example_inputs, strict=True)
        if value.ndim == 4
    }
    with warnings.catch_warnings():
        # The newer exporter needs another package (onnxscript), and does no better with networks this plain. Checks of
        # sizes in Python, which the tracer warns of, are of the example alone; constants are folded on loading; and
        # instance normalisation takes its statistics from the picture when it is used, too.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        warnings.filterwarnings("ignore", "Constant folding", UserWarning)
        warnings.filterwarnings("ignore", "ONNX export mode is set", UserWarning)
        torch.onnx.export(
            net,
            tuple(example_inputs),
            part,
            input_names=list(input_names),
            output_names=[OUTPUT],
            dynamic_axes=None if fixed else {**sizes, OUTPUT: {2: "height", 3: "width"}},
            opset_version=_OPSET,
            dynamo=False,
        )
    model = onnx.load(part)
    if half:
        _halve(model.graph)
    onnx.helper.set_model_props(model, {KEY: card.model_dump_json()})
    onnx.save(model, part)
    _must_agree(part, net, example_inputs, input_names)
    part.replace(path)
    return path


def _halve(graph: Any) -> None:
    """Keep large weights in 16 bits, and widen them when the file is loaded."""
    widened = []
    for tensor in graph.initializer:
        value = numpy_helper.to_array(tensor)
        if value.dtype != np.float32 or value.size < _SMALL:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(value.astype(np.float16), f"{name}_16"))
        widened.append(onnx.helper.make_node("Cast", [f"{name}_16"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*widened, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _must_agree(path: Path, net: Any, inputs: Sequence[Any], names: Sequence[str]) -> None:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    with torch.no_grad():
        wanted = net(*inputs).numpy()
    (made,) = session.run([OUTPUT], {name: value.numpy() for name, value in zip(names, inputs, strict=True)})
    apart = float(np.abs(made - wanted).max())
    if apart > _AGREE:
        raise ModelError(f"ONNX Runtime differs by {apart:.2g} from PyTorch in {path.name}.", "Update onnxruntime.")

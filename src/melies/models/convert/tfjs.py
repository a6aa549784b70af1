"""TensorFlow.js graph models to ONNX.

A graph model is a JSON file (the topology, a TensorFlow GraphDef, and the manifest of the weights) and binary files
that hold the weights one after the other, often quantised.
Format: https://github.com/tensorflow/tfjs/blob/master/tfjs-core/src/io/types.ts
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from melies.errors import ModelError
from melies.models.convert.tfjs_ops import DTYPES, HANDLERS, Node, TfGraph

STORED = {"uint8": "<u1", "uint16": "<u2", "float16": "<f2", "float32": "<f4", "int32": "<i4", "bool": "?"}

Values = list[str | None]
"""Names of a node's outputs; None for one that the fixed conditions never let be computed."""


class Stored(NamedTuple):
    """Weights as the files hold them: what they mean is `values * scale + least`, or `values` where scale is None."""

    values: NDArray[Any]
    scale: float | None
    least: float
    dtype: str

    def floats(self) -> NDArray[Any]:
        """Return what they mean, in the type that the manifest says."""
        if self.scale is None:
            return self.values.astype(self.dtype)
        # JavaScript computes in double precision before it stores a float.
        return (self.values.astype(np.float64) * self.scale + self.least).astype(self.dtype)


def stored(manifest: Sequence[Mapping[str, Any]], files: Mapping[str, bytes]) -> dict[str, Stored]:
    """Take the weights out of their files, by name.

    Args:
        manifest: The manifest, as read from JSON.
        files: Content of the weight files by the paths that the manifest gives them.

    Raises:
        ModelError: A file is missing, or manifest and files do not fit each other.
    """
    weights = {}
    for group in manifest:
        missing = [path for path in group["paths"] if path not in files]
        if missing:
            raise ModelError(f"The TensorFlow.js model needs the file {missing[0]}, which is not there.")
        data, position = b"".join(files[path] for path in group["paths"]), 0
        for entry in group["weights"]:
            quantization = entry.get("quantization", {})
            kind = np.dtype(STORED[quantization.get("dtype", entry["dtype"])])
            count = math.prod(entry["shape"])
            if position + count * kind.itemsize > len(data):
                raise ModelError("The TensorFlow.js weights end before the manifest does.")
            values = np.frombuffer(data, kind, count, position).reshape(entry["shape"])
            position += count * kind.itemsize
            scale = quantization.get("scale")
            weights[entry["name"]] = Stored(values, scale, quantization.get("min", 0.0), entry["dtype"])
        if position != len(data):
            raise ModelError(f"The TensorFlow.js manifest reads {position} of {len(data)} bytes of weights.")
    return weights


def _with_words(shape: Sequence[int], name: str) -> list[int | str]:
    """Put a word in place of every free size (-1)."""
    return [size if size >= 0 else f"{name}_{axis}" for axis, size in enumerate(shape)]


def _split_reference(reference: str) -> tuple[str, int]:
    name, _, index = reference.partition(":")
    return name, int(index or 0)


def _in_order(nodes: Mapping[str, Node], wanted: Sequence[str], fixed: Mapping[str, Any]) -> Iterator[Node]:
    """Yield every node that `wanted` needs, after the nodes that it needs itself."""
    done: set[str] = set()
    stack = [(name, False) for name in reversed(wanted)]
    while stack:
        name, ready = stack.pop()
        if name in done:
            continue
        inputs = [] if name in fixed else [_split_reference(reference)[0] for reference in nodes[name].inputs]
        if ready or not inputs:
            done.add(name)
            yield nodes[name]
        else:
            stack.append((name, True))
            stack.extend((needed, False) for needed in reversed(inputs))


class _Converter:
    def __init__(
        self, graph: TfGraph, shapes: Mapping[str, Any], fixed: Mapping[str, Any], weights: Mapping[str, NDArray[Any]]
    ) -> None:
        self.graph = graph
        self.values: dict[str, Values] = {}
        self._shapes = shapes
        self._fixed = fixed
        self._weights = weights

    def value(self, reference: str) -> str | None:
        name, index = _split_reference(reference)
        return self.values[name][index]

    def add(self, node: Node) -> None:
        self.values[node.name] = self._outputs(node)

    def _outputs(self, node: Node) -> Values:
        if node.name in self._fixed:
            return [self.graph.constant(self._fixed[node.name])]
        if node.op == "Const":
            return [self.graph.constant(self._weights[node.name])]
        if node.op == "Placeholder":
            return [self.graph.input(node.name, node.dtype("dtype"), self._input_shape(node))]
        inputs = [self.value(reference) for reference in node.inputs]
        if node.op == "Merge":
            return [next((name for name in inputs if name is not None), None)]
        alive = [name for name in inputs if name is not None]
        if len(alive) < len(inputs):
            # Switch has two outputs, Split and Unpack as many as they say; nothing here has more than this.
            return [None] * max(2, node.integer("num_split"))
        if node.op == "Switch":
            data, condition = alive
            return [None, data] if self.graph.known(node, condition) else [data, None]
        if node.op not in HANDLERS:
            raise node.refuse("the operation is not known")
        made = HANDLERS[node.op](self.graph, node, alive)
        return [made] if isinstance(made, str) else list(made)

    def _input_shape(self, node: Node) -> list[int | str] | None:
        if node.name in self._shapes:
            return list(self._shapes[node.name])
        shape = node.shape()
        return None if shape is None else _with_words(shape, node.name)


def convert(
    topology: bytes,
    files: Mapping[str, bytes],
    *,
    shapes: Mapping[str, Sequence[int | str]] | None = None,
    fixed: Mapping[str, Any] | None = None,
    keep: Mapping[str, Sequence[int | str]] | None = None,
    halves: bool = False,
    doubles: bool = False,
) -> bytes:
    """Turn a TensorFlow.js graph model into an ONNX file.

    Args:
        topology: Content of the JSON file.
        files: Content of the weight files by the paths that the manifest gives them.
        shapes: Shapes of inputs, in place of the graph's own, with words for free sizes.
        fixed: Values of nodes, by name, in place of what they compute; conditions (Switch) must be fixed.
        keep: The outputs to keep and their shapes, with words for free sizes; all of them as they are when None.
        halves: Whether to store the kernels of convolutions in 16 bits, which loses nothing where the files do so too.
        doubles: Whether to double the pictures that the graph brings to a constant size; then those may be of any size.

    Returns:
        The ONNX file. Inputs and outputs have the signature's names (without `:0`), types and axis order.

    Raises:
        ModelError: An operation is not known, or topology and weights do not fit each other.
    """
    model = json.loads(topology)
    outputs = (model.get("signature") or {}).get("outputs")
    if not outputs:
        raise ModelError("The TensorFlow.js model has no signature, so its outputs are not known.")
    nodes = {raw["name"]: Node(raw) for raw in model["modelTopology"]["node"]}
    fixed = fixed or {}
    weights = {name: one.floats() for name, one in stored(model["weightsManifest"], files).items()}
    converter = _Converter(TfGraph(halves=halves, doubles=doubles), shapes or {}, fixed, weights)
    wanted = {key.partition(":")[0]: tensor for key, tensor in outputs.items()}
    if keep is not None:
        wanted = {key: wanted[key] for key in keep}
    for node in _in_order(nodes, [_split_reference(tensor["name"])[0] for tensor in wanted.values()], fixed):
        converter.add(node)
    for key, tensor in wanted.items():
        source = converter.value(tensor["name"])
        if source is None:
            raise ModelError(f"The TensorFlow.js output {key} is never computed under the fixed conditions.")
        sizes = [int(dim["size"]) for dim in tensor.get("tensorShape", {}).get("dim", [])]
        shape = _with_words(sizes, key) if keep is None else keep[key]
        converter.graph.output(key, source, DTYPES[tensor["dtype"]], shape)
    return converter.graph.to_bytes()

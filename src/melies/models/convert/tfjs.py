"""TensorFlow.js graph models to ONNX.

A graph model is a JSON file (the topology, a TensorFlow GraphDef, and the manifest of the weights) and binary files
that hold the weights one after the other, often quantised.
Format: https://github.com/tensorflow/tfjs/blob/master/tfjs-core/src/io/types.ts
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melies.errors import ModelError
from melies.models.convert.tfjs_ops import DTYPES, HANDLERS, Node, TfGraph

STORED = {"uint8": "<u1", "uint16": "<u2", "float16": "<f2", "float32": "<f4", "int32": "<i4", "bool": "?"}

Values = list[str | None]
"""Names of a node's outputs; None for one that the fixed conditions never let be computed."""


def _weights(manifest: Sequence[Mapping[str, Any]], files: Mapping[str, bytes]) -> dict[str, NDArray[Any]]:
    weights = {}
    for group in manifest:
        missing = [path for path in group["paths"] if path not in files]
        if missing:
            raise ModelError(f"The TensorFlow.js model needs the file {missing[0]}, which is not there.")
        data, position = b"".join(files[path] for path in group["paths"]), 0
        for entry in group["weights"]:
            stored = np.dtype(STORED[entry.get("quantization", entry)["dtype"]])
            count = math.prod(entry["shape"])
            if position + count * stored.itemsize > len(data):
                raise ModelError("The TensorFlow.js weights end before the manifest does.")
            values = np.frombuffer(data, stored, count, position)
            position += count * stored.itemsize
            weights[entry["name"]] = _dequantise(values, entry).reshape(entry["shape"])
        if position != len(data):
            raise ModelError(f"The TensorFlow.js manifest reads {position} of {len(data)} bytes of weights.")
    return weights


def _dequantise(values: NDArray[Any], entry: Mapping[str, Any]) -> NDArray[Any]:
    quantization = entry.get("quantization", {})
    if "scale" in quantization:
        # JavaScript computes in double precision before it stores a float.
        values = values.astype(np.float64) * quantization["scale"] + quantization["min"]
    return values.astype(entry["dtype"])


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
    def __init__(self, shapes: Mapping[str, Any], fixed: Mapping[str, Any], weights: Mapping[str, NDArray[Any]]):
        self.graph = TfGraph()
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
) -> bytes:
    """Turn a TensorFlow.js graph model into an ONNX file.

    Args:
        topology: Content of the JSON file.
        files: Content of the weight files by the paths that the manifest gives them.
        shapes: Shapes of inputs, in place of the graph's own, with words for free sizes.
        fixed: Values of nodes, by name, in place of what they compute; conditions (Switch) must be fixed.

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
    converter = _Converter(shapes or {}, fixed, _weights(model["weightsManifest"], files))
    wanted = {key.partition(":")[0]: tensor for key, tensor in outputs.items()}
    for node in _in_order(nodes, [_split_reference(tensor["name"])[0] for tensor in wanted.values()], fixed):
        converter.add(node)
    for key, tensor in wanted.items():
        source = converter.value(tensor["name"])
        if source is None:
            raise ModelError(f"The TensorFlow.js output {key} is never computed under the fixed conditions.")
        sizes = [int(dim["size"]) for dim in tensor.get("tensorShape", {}).get("dim", [])]
        converter.graph.output(key, source, DTYPES[tensor["dtype"]], _with_words(sizes, key))
    return converter.graph.to_bytes()

"""MiniLM's weights to ONNX: a sentence becomes a direction, and sentences that mean much the same point the same way.

Wang et al., "MiniLM: Deep Self-Attention Distillation for Task-Agnostic Compression of Pre-Trained Transformers"
(NeurIPS 2020), trained on pairs of sentences as Reimers and Gurevych, "Sentence-BERT" (EMNLP 2019), have it:
https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2. Matrices are stored in 8 bits with a scale for every
column, and every word has a scale of its own; they are computed with in 32 bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melies.errors import ModelError
from melies.models.convert.onnx_graph import ELEMENT_TYPES, Graph

WIDTH = 384
"""Numbers that stand for a text."""
LAYERS = 6
HEADS = 12
FLOAT = ELEMENT_TYPES["float32"]


def convert(weights: Mapping[str, NDArray[Any]]) -> bytes:
    """Turn the state dict of all-MiniLM-L6-v2 into an ONNX file.

    Args:
        weights: `embeddings.word_embeddings.weight` and so on, as `checkpoint.read` returns them.

    Returns:
        The ONNX file. Input `words`: int64 texts×length, numbers of word pieces, 0 after a text's end.
        Output `meaning`: float32 texts×384 of length 1.

    Raises:
        ModelError: These are not the weights of such a network.
    """
    last = weights.get(f"encoder.layer.{LAYERS - 1}.output.dense.weight", np.empty(0))
    if last.shape != (WIDTH, 4 * WIDTH) or f"encoder.layer.{LAYERS}.output.dense.weight" in weights:
        raise ModelError("These are not the weights of all-MiniLM-L6-v2.")
    return _Writer(weights).write()


class _Writer:
    def __init__(self, weights: Mapping[str, NDArray[Any]]) -> None:
        self.weights = weights
        self.graph = Graph()

    def write(self) -> bytes:
        graph = self.graph
        words = graph.input("words", "int64", ["texts", "length"])
        there = graph.add("Cast", graph.add("Greater", words, self._whole(0)), to=FLOAT)
        # What lies after a text's end must not be looked at.
        hidden = graph.add("Mul", graph.add("Sub", there, self._real(1)), self._real(1e4))
        hidden = graph.add("Unsqueeze", hidden, self._whole([1, 2]))
        made = self._embedded(words)
        for layer in range(LAYERS):
            made = self._layer(made, hidden, f"encoder.layer.{layer}")
        there = graph.add("Unsqueeze", there, self._whole([2]))
        total = graph.add("ReduceSum", graph.add("Mul", made, there), self._whole([1]), keepdims=0)
        made = graph.add("Div", total, graph.add("ReduceL2", total, axes=[1], keepdims=1))
        graph.output("meaning", made, "float32", ["texts", WIDTH])
        return graph.to_bytes()

    def _embedded(self, words: str) -> str:
        graph = self.graph
        stored, scale = _small(self.weights["embeddings.word_embeddings.weight"], 1)
        found = graph.add("Cast", graph.add("Gather", graph.constant(stored), words), to=FLOAT)
        found = graph.add("Mul", found, graph.add("Gather", graph.constant(scale), words))
        length = graph.add("Slice", graph.add("Shape", words), self._whole([1]), self._whole([2]))
        places = self.weights["embeddings.position_embeddings.weight"]
        places = places + self.weights["embeddings.token_type_embeddings.weight"][0]
        place = graph.add("Slice", graph.half(places), self._whole([0]), length)
        return self._normal(graph.add("Add", found, place), "embeddings.LayerNorm")

    def _layer(self, data: str, hidden: str, name: str) -> str:
        graph, add = self.graph, self.graph.add
        query, key, value = (self._heads(data, f"{name}.attention.self.{part}") for part in ("query", "key", "value"))
        alike = add("MatMul", query, add("Transpose", key, perm=[0, 1, 3, 2]))
        alike = add("Mul", alike, self._real((WIDTH // HEADS) ** -0.5))
        alike = add("Softmax", add("Add", alike, hidden), axis=-1)
        seen = add("Transpose", add("MatMul", alike, value), perm=[0, 2, 1, 3])
        seen = self._linear(add("Reshape", seen, self._whole([0, 0, WIDTH])), f"{name}.attention.output.dense")
        data = self._normal(add("Add", seen, data), f"{name}.attention.output.LayerNorm")
        inner = self._linear(data, f"{name}.intermediate.dense")
        share = add("Add", add("Erf", add("Mul", inner, self._real(0.5**0.5))), self._real(1))
        inner = add("Mul", add("Mul", inner, share), self._real(0.5))
        made = graph.add("Add", self._linear(inner, f"{name}.output.dense"), data)
        return self._normal(made, f"{name}.output.LayerNorm")

    def _heads(self, data: str, name: str) -> str:
        made = self.graph.add("Reshape", self._linear(data, name), self._whole([0, 0, HEADS, WIDTH // HEADS]))
        return self.graph.add("Transpose", made, perm=[0, 2, 1, 3])

    def _linear(self, data: str, name: str) -> str:
        graph = self.graph
        stored, scale = _small(self.weights[f"{name}.weight"].T, 0)
        matrix = graph.add("Mul", graph.add("Cast", graph.constant(stored), to=FLOAT), graph.constant(scale))
        return graph.add("Add", graph.add("MatMul", data, matrix), graph.constant(self.weights[f"{name}.bias"]))

    def _normal(self, data: str, name: str) -> str:
        scale, bias = (self.graph.constant(self.weights[f"{name}.{part}"]) for part in ("weight", "bias"))
        return self.graph.add("LayerNormalization", data, scale, bias, epsilon=1e-12)

    def _whole(self, value: Any) -> str:
        return self.graph.constant(value, "int64")

    def _real(self, value: float) -> str:
        return self.graph.constant(value, "float32")


def _small(matrix: NDArray[Any], axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return a matrix in 8 bits, and what each of its columns (axis 0) or rows (axis 1) is to be multiplied by."""
    scale = np.maximum(np.abs(matrix).max(axis, keepdims=True), 1e-12).astype(np.float32) / 127
    return np.rint(matrix / scale).astype(np.int8), scale

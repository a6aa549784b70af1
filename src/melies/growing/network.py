"""A cellular automaton that a small network drives: its ONNX file, and one step of it.

Mordvintsev, Randazzo, Niklasson and Levin, "Growing Neural Cellular Automata" (Distill 2020); Niklasson, Mordvintsev,
Randazzo and Levin, "Self-Organising Textures" (Distill 2021).

A cell has `CHANNELS` numbers. For a pattern the first four are red, green and blue, times opacity, and the opacity; for
a texture the first three are red, green and blue, less a half. The others are how cells talk to each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from melies.errors import ModelError
from melies.models import runtime
from melies.models.convert.onnx_graph import Graph
from melies.models.metadata import metadata

Kind = Literal["pattern", "texture"]
Cells = NDArray[np.float32]
"""`C×H×W`."""

CHANNELS = 12
HIDDEN = 64
KEY = "melies.growth"
"""The entry of the file's metadata that says which kind it is."""
LIMIT = 1.5
"""Between this and its opposite the numbers of cells are meant to stay."""
ALIVE = 0.1
"""Opacity above which a cell lets its neighbours live."""

# Itself, its slope across and down, and how much it differs from what is around it.
FILTERS = np.array(
    [
        [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
        [[-0.125, 0, 0.125], [-0.25, 0, 0.25], [-0.125, 0, 0.125]],
        [[-0.125, -0.25, -0.125], [0, 0, 0], [0.125, 0.25, 0.125]],
        [[0.0625, 0.125, 0.0625], [0.125, -0.75, 0.125], [0.0625, 0.125, 0.0625]],
    ],
    np.float32,
)
"""What a cell perceives of each number, `4×3×3`."""


def written(weights: Mapping[str, NDArray[Any]], kind: Kind) -> bytes:
    """Write one step as an ONNX file, without its card.

    Inputs, float32: `cells`, `1×C×(H+2)×(W+2)`, with a margin of what is around; `chosen`, `1×1×H×W`, 1 where a cell
    changes now. Output: `made`, `1×C×H×W`.

    Args:
        weights: `first`, `HIDDEN×4C`, `bias`, `HIDDEN`, and `second`, `C×HIDDEN`, as `melies.nets.growth` has them.
        kind: A pattern dies where no cell around is opaque.
    """
    graph = Graph()
    cells = graph.input("cells", "float32", (1, CHANNELS, "rows", "columns"))
    chosen = graph.input("chosen", "float32", (1, 1, "height", "width"))
    filters = graph.constant(np.tile(FILTERS, (CHANNELS, 1, 1))[:, None], "float32")
    seen = graph.add("Conv", cells, filters, group=CHANNELS)
    first = graph.half(weights["first"].reshape(HIDDEN, 4 * CHANNELS, 1, 1))
    hidden = graph.add("Relu", graph.add("Conv", seen, first, graph.half(weights["bias"])))
    change = graph.add("Conv", hidden, graph.half(weights["second"].reshape(CHANNELS, HIDDEN, 1, 1)))
    here = _middle(graph, cells)
    made = graph.add("Add", here, graph.add("Mul", change, chosen))
    if kind == "pattern":
        before = graph.add("MaxPool", _opacity(graph, cells), kernel_shape=(3, 3))
        after = graph.add("MaxPool", _opacity(graph, made), kernel_shape=(3, 3), pads=(1, 1, 1, 1))
        alive = graph.add("Greater", graph.add("Min", before, after), graph.constant(ALIVE, "float32"))
        made = graph.add("Mul", made, graph.add("Cast", alive, to=1))
    graph.output("made", made, "float32", (1, CHANNELS, "height", "width"))
    return graph.to_bytes()


def _middle(graph: Graph, cells: str) -> str:
    start, stop, axes = ([1, 1], [-1, -1], [2, 3])
    return graph.add("Slice", cells, *(graph.constant(value, "int64") for value in (start, stop, axes)))


def _opacity(graph: Graph, cells: str) -> str:
    return graph.add("Slice", cells, *(graph.constant([value], "int64") for value in (3, 4, 1)))


class Automaton:
    """A trained automaton; the caller keeps the cells.

    Args:
        session: A network as `written` describes it.
        kind: Which.
    """

    def __init__(self, session: runtime.Session, kind: Kind) -> None:
        self._session = session
        self.kind = kind

    def seeded(self, height: int, width: int, rng: np.random.Generator) -> Cells:
        """Return the cells of the beginning: one in the middle for a pattern, noise for a texture."""
        if self.kind == "texture":
            return rng.uniform(-0.1, 0.1, (CHANNELS, height, width)).astype(np.float32)
        cells = np.zeros((CHANNELS, height, width), np.float32)
        cells[3:, height // 2, width // 2] = 1
        return cells

    def step(self, cells: Cells, chosen: NDArray[np.bool_]) -> Cells:
        """Return the cells a step later.

        Args:
            cells: As they are; a texture goes round at the edges, around a pattern there is nothing.
            chosen: Which of them change, `H×W`; they do not keep time with each other.
        """
        margin: Any = "wrap" if self.kind == "texture" else "constant"
        padded = np.pad(cells, ((0, 0), (1, 1), (1, 1)), margin)
        given = {"cells": padded[None], "chosen": chosen[None, None].astype(np.float32)}
        made: Cells = self._session.run(given)["made"][0]
        return made


@lru_cache(maxsize=8)
def open(path: Path) -> Automaton:
    """Open the file of an automaton.

    Raises:
        UseError: There is no such file.
        ModelError: It holds another network, or is damaged.
    """
    kind = metadata(path).get(KEY)
    if kind not in ("pattern", "texture"):
        raise ModelError(f"{path} is no cellular automaton.", "Make one: melies train growth --picture FILE --out run")
    return Automaton(runtime.written(path.name, path.read_bytes()), kind)  # type: ignore[arg-type]

"""Compositional pattern-producing networks: pictures as functions of where one looks.

Stanley, "Compositional pattern producing networks: A novel abstraction of development" (2007), with random weights and
a latent vector as Ha ("Generating Abstract Patterns with TensorFlow", 2016) has it. The network is written as ONNX with
its weights in it; what changes from frame to frame, the view and the styles, goes in as inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from melies.frame import Image
from melies.models import runtime
from melies.models.convert.onnx_graph import ELEMENT_TYPES, Graph
from melies.walking.space import Latent, Styles

Vocabulary = Literal["smooth", "waves", "spiky", "cells", "ink", "mixed"]
Symmetry = Literal["none", "mirror", "quarters", "kaleidoscope", "tiles"]
Colours = Literal["free", "hue", "sunset", "ocean", "forest", "fire", "ice", "grey"]

DIMENSION = 8
_PIXELS = 12288
"""In one run of the network: what a layer makes of them stays in a processor's cache."""
_FOLDS = 6
"""Mirrors of a kaleidoscope."""

VOCABULARIES: Mapping[Vocabulary, tuple[tuple[str, ...], float]] = MappingProxyType(
    {
        "smooth": (("tanh", "gauss", "soft"), 2.6),
        "waves": (("sine", "tanh", "gauss"), 1.1),
        "spiky": (("triangle", "tanh", "absolute", "tanh"), 1.0),
        "cells": (("parabola", "absolute", "gauss"), 0.8),
        "ink": (("step", "tanh", "sine"), 0.9),
        "mixed": (("tanh", "sine", "gauss", "triangle", "absolute", "step"), 1.0),
    }
)
"""What the units of a layer compute, in turns, and how large their weights are, so that all are about as lively."""
_SCALES = {"soft": 2.0, "sine": 0.4, "triangle": 0.4, "parabola": 0.5, "step": 12.0}
_FIRST = 1.2
"""Standard deviation of the weights of the coordinates."""
_LISTENS = 0.9
"""The same of the weights of a latent vector, for all its numbers together."""

# Each colour is a + b·cos(2π(c·value + d)): Quilez, "Palettes" (1999).
_PALETTES: Mapping[str, tuple[tuple[float, float, float], ...]] = MappingProxyType(
    {
        "sunset": ((0.62, 0.40, 0.42), (0.40, 0.36, 0.30), (0.5, 0.5, 0.5), (0.55, 0.68, 0.95)),
        "ocean": ((0.25, 0.48, 0.58), (0.26, 0.40, 0.36), (0.5, 0.5, 0.5), (0.45, 0.55, 0.62)),
        "forest": ((0.42, 0.48, 0.28), (0.36, 0.36, 0.24), (0.5, 0.5, 0.5), (0.50, 0.58, 0.72)),
        "fire": ((0.66, 0.36, 0.14), (0.42, 0.38, 0.20), (0.5, 0.5, 0.5), (0.50, 0.62, 0.72)),
        "ice": ((0.62, 0.72, 0.82), (0.36, 0.28, 0.18), (0.5, 0.5, 0.5), (0.50, 0.52, 0.50)),
        "grey": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    }
)
_HUES = (0.0, 1 / 3, 2 / 3)


@dataclass(frozen=True)
class Plan:
    """What makes a network what it is.

    Attributes:
        seed: Of its weights.
        layers: Hidden layers.
        width: Units of each.
        vocabulary: What they compute.
        symmetry: How the plane is folded before.
        colours: How what comes out becomes colours.
        alpha: Whether there is an opacity, too.
        depth: Bits of each channel, 8 or 16.
        contrast: How large the weights are: the more, the finer and harder what is seen.
    """

    seed: int = 0
    layers: int = 4
    width: int = 12
    vocabulary: Vocabulary = "smooth"
    symmetry: Symmetry = "none"
    colours: Colours = "free"
    alpha: bool = False
    depth: int = 8
    contrast: float = 1.0


@dataclass(frozen=True)
class View:
    """How one looks at the plane.

    Attributes:
        zoom: How near: at 1 the shorter side of the picture is 2 long.
        angle: How far it is turned, in degrees, to the left.
        x: How far one has gone to the right, in halves of the shorter side at zoom 1.
        y: How far down.
    """

    zoom: float = 1.0
    angle: float = 0.0
    x: float = 0.0
    y: float = 0.0


class Cppn:
    """A latent space of patterns: each row of styles is the latent vector, for one layer.

    Args:
        plan: Which network.
    """

    dimension = DIMENSION

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.alpha = plan.alpha
        self.depth = plan.depth
        self.average = np.zeros((plan.layers, DIMENSION), np.float32)

    def styles(self, latent: Latent) -> Styles:
        """Tell every layer the same."""
        return np.tile(latent, (self.plan.layers, 1))

    def image(self, styles: Styles, size: tuple[int, int], view: View = View()) -> Image:
        """Make the picture as it is seen from somewhere, some rows at a time and several at once."""
        width, height = size
        options = runtime.current()
        session = _session(self.plan, options)
        columns, rows = _grid(width, height)
        turn, shift = _seen(view)
        image = np.empty((height, width, 3 + self.alpha), np.uint8 if self.depth == 8 else np.uint16)
        step = max(1, _PIXELS // width)

        def make(top: int) -> None:
            given = {"x": columns, "y": rows[top : top + step], "turn": turn, "shift": shift, "styles": styles}
            image[top : top + step] = session.run(given)["picture"].reshape(-1, *image.shape[1:])

        with ThreadPoolExecutor(options.width, "melies-cppn") as pool:
            list(pool.map(make, range(0, height, step)))
        return image


@lru_cache(maxsize=16)
def find(plan: Plan = Plan()) -> Cppn:
    """Return the space of a network, always the same object."""
    return Cppn(plan)


def _grid(width: int, height: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The middles of the pixels, from the middle of the picture, in halves of its shorter side."""
    half = min(width, height) / 2
    columns = (np.arange(width) + 0.5 - width / 2) / half
    rows = (np.arange(height) + 0.5 - height / 2) / half
    return columns.astype(np.float32)[None], rows.astype(np.float32)[:, None]


def _seen(view: View) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    angle = np.deg2rad(view.angle)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / view.zoom
    return turn.astype(np.float32), np.array([view.x, view.y], np.float32)


@lru_cache(maxsize=8)
def _session(plan: Plan, options: runtime.Options) -> runtime.Session:
    # Threads that each make rows of their own need not wait for each other, as those that share a layer must.
    with runtime.options(device=options.device, threads=1):
        return runtime.written("cppn", written(plan))


def written(plan: Plan) -> bytes:
    """Write a network as an ONNX file.

    Inputs, all float32: `x`, `1×W`, and `y`, `H×1`, of the pixels; `turn`, `2×2`, and `shift`, `2`, of the view;
    `styles`, `layers×dimension`. Output: `picture`, `HW×C`, uint8 or, of 16 bits, uint16.
    """
    return _Writer(plan).bytes()


class _Writer:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._graph = Graph()
        self._rng = np.random.default_rng([plan.seed, 7])

    def bytes(self) -> bytes:
        graph, plan = self._graph, self._plan
        data, count = self._coordinates()
        styles = graph.input("styles", "float32", (plan.layers, DIMENSION))
        for index in range(plan.layers):
            data = self._layer(data, count, styles, index)
            count = plan.width
        graph.output(
            "picture", self._picture(data), "uint8" if plan.depth == 8 else "uint16", ("pixels", 3 + plan.alpha)
        )
        return graph.to_bytes()

    def _number(self, value: Any) -> str:
        return self._graph.constant(value, "float32")

    def _do(self, op: str, *inputs: str) -> str:
        return self._graph.add(op, *inputs)

    def _coordinates(self) -> tuple[str, int]:
        """Rows of numbers, one for each pixel, that say where it is; and how many rows."""
        graph = self._graph
        x, y = graph.input("x", "float32", (1, "width")), graph.input("y", "float32", ("height", 1))
        turn, shift = graph.input("turn", "float32", (2, 2)), graph.input("shift", "float32", (2,))

        def part(name: str, row: int, column: int | None = None) -> str:
            index = self._graph.constant([row], "int64")
            found = self._do("Gather", name, index)
            return found if column is None else self._do("Slice", found, *self._span(column, 1))

        places = []
        for row in range(2):
            moved = self._do("Add", self._do("Mul", x, part(turn, row, 0)), self._do("Mul", y, part(turn, row, 1)))
            places.append(self._flat(self._do("Add", moved, part(shift, row))))
        return self._folded(*places)

    def _span(self, start: int, axis: int) -> list[str]:
        return [self._graph.constant([value], "int64") for value in (start, start + 1, axis)]

    def _flat(self, data: str) -> str:
        return self._do("Reshape", data, self._graph.constant([1, -1], "int64"))

    def _folded(self, x: str, y: str) -> tuple[str, int]:
        """Fold the plane as the symmetry wants it."""
        match self._plan.symmetry:
            case "tiles":  # on a torus, going round once in the shorter side at zoom 1
                around = [self._do("Mul", place, self._number(np.pi)) for place in (x, y)]
                rows = [self._do(op, place) for place in around for op in ("Cos", "Sin")]
                return self._graph.add("Concat", *rows, axis=0), 4
            case "mirror":
                x = self._do("Abs", x)
            case "quarters":
                x, y = self._do("Abs", x), self._do("Abs", y)
            case "kaleidoscope":
                x, y = self._kaleidoscope(x, y)
        return self._graph.add("Concat", x, y, self._radius(x, y), axis=0), 3

    def _radius(self, x: str, y: str) -> str:
        return self._do("Sqrt", self._do("Add", self._do("Mul", x, x), self._do("Mul", y, y)))

    def _kaleidoscope(self, x: str, y: str) -> tuple[str, str]:
        """Mirror the plane at lines through the middle until it lies in one of the sectors between them."""
        y = self._do("Abs", y)
        for fold in (4, 2, 1):
            angle = np.pi * fold / _FOLDS
            normal = self._number(-np.sin(angle)), self._number(np.cos(angle))
            beyond = self._do("Relu", self._do("Add", self._do("Mul", x, normal[0]), self._do("Mul", y, normal[1])))
            twice = self._do("Mul", beyond, self._number(2.0))
            x = self._do("Sub", x, self._do("Mul", twice, normal[0]))
            y = self._do("Sub", y, self._do("Mul", twice, normal[1]))
        return x, self._do("Abs", y)

    def _layer(self, data: str, count: int, styles: str, index: int) -> str:
        """Groups of units, each computing another function of a weighted sum of what is below and of the styles."""
        plan, graph = self._plan, self._graph
        names, gain = VOCABULARIES[plan.vocabulary]
        units = [len(range(group, plan.width, len(names))) for group in range(len(names))]
        # What a function multiplies its number with is multiplied into the weights: there it costs nothing.
        scales = np.repeat([_SCALES.get(name, 1.0) for name in names], units)[:, None] * plan.contrast
        weights = self._rng.normal(0, gain / np.sqrt(count) if index else _FIRST, (plan.width, count)) * scales
        listens = self._rng.normal(0, _LISTENS / np.sqrt(DIMENSION), (plan.width, DIMENSION)) * scales
        own = self._rng.normal(0, 0.5, (plan.width, 1)) * scales
        told = self._do("Gather", styles, graph.constant(index, "int64"))
        column = self._do("Reshape", told, graph.constant([DIMENSION, 1], "int64"))
        bias = self._do("Add", self._do("MatMul", self._number(listens), column), self._number(own))
        total = self._do("Add", self._do("MatMul", self._number(weights), data), bias)
        groups = [group for group in zip(names, units, strict=True) if group[1]]
        parts = graph.add_many(
            "Split", [total, graph.constant([count for _, count in groups], "int64")], len(groups), axis=0
        )
        made = [self._function(name, part) for (name, _), part in zip(groups, parts, strict=True)]
        return graph.add("Concat", *made, axis=0)

    def _function(self, name: str, data: str) -> str:
        match name:
            case "tanh" | "step":
                return self._do("Tanh", data)
            case "soft":
                return self._do("Sigmoid", data)
            case "gauss":
                return self._do("Exp", self._do("Neg", self._do("Mul", data, data)))
            case "absolute":
                return self._do("Sub", self._do("Abs", data), self._number(0.7))
        # What repeats with a period of 1.
        near = self._do("Sub", data, self._do("Round", data))
        size = self._do("Abs", near)
        match name:
            case "triangle":
                return self._do("Sub", self._do("Mul", size, self._number(4.0)), self._number(1.0))
            case "parabola":  # with an edge where one meets the next, as between cells
                return self._do(
                    "Sub", self._do("Mul", self._do("Mul", near, near), self._number(8.0)), self._number(1.0)
                )
        # A sine of two parabolas, 0.06 off at most: ONNX Runtime's own takes twice the time.
        return self._do("Mul", near, self._do("Sub", self._number(8.0), self._do("Mul", size, self._number(16.0))))

    def _picture(self, data: str) -> str:
        plan, graph = self._plan, self._graph
        wanted = {"free": 3, "hue": 3}.get(plan.colours, 1)
        scale = 1.6 / np.sqrt(plan.width)
        weights = self._rng.normal(0, scale, (wanted, plan.width))
        # Units that are positive everywhere shall not make all pictures bright, or all dark.
        weights -= weights.mean(axis=1, keepdims=True)
        colours = self._coloured(self._do("MatMul", self._number(weights), data))
        if plan.alpha:
            opacity = self._do("MatMul", self._number(self._rng.normal(0, 3 * scale, (1, plan.width))), data)
            colours = graph.add("Concat", colours, self._do("Sigmoid", opacity), axis=0)
        white = 255 if plan.depth == 8 else 65535
        # Cut off on casting: half a step more rounds.
        codes = self._do("Add", self._do("Mul", colours, self._number(white)), self._number(0.5))
        kind = ELEMENT_TYPES["uint8" if plan.depth == 8 else "uint16"]
        return graph.add("Transpose", graph.add("Cast", codes, to=kind), perm=(1, 0))

    def _coloured(self, data: str) -> str:
        """Make colours, `3×N`, 0…1."""
        match self._plan.colours:
            case "free":
                return self._do("Sigmoid", self._do("Mul", data, self._number(2.0)))
            case "hue":
                hue, weight, light = self._graph.add_many(
                    "Split", [data, self._graph.constant([1, 1, 1], "int64")], 3, axis=0
                )
                ring = self._cosine(hue, (0.0,) * 3, (1.0,) * 3, (0.35,) * 3, _HUES)
                much = self._do("Mul", self._do("Sigmoid", weight), ring)
                return self._do("Sigmoid", self._do("Mul", self._do("Add", much, light), self._number(2.0)))
            case name:
                made = self._cosine(data, *_PALETTES[name])
                return self._do("Clip", made, self._number(0.0), self._number(1.0))

    def _cosine(self, data: str, *rows: tuple[float, ...]) -> str:
        a, b, c, d = (np.array(row)[:, None] for row in rows)
        turned = self._do("Add", self._do("Mul", data, self._number(2 * np.pi * c)), self._number(2 * np.pi * d))
        return self._do("Add", self._do("Mul", self._do("Cos", turned), self._number(b)), self._number(a))

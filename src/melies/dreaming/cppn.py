"""A picture as a small network that says the colour of every place; its weights are what is dreamt.

Stanley, "Compositional pattern producing networks" (2007); Mordvintsev, Pezzotti, Schubert and Olah, "Differentiable
Image Parameterizations" (Distill 2018), whose pairs of activations these are, with tanh in place of arctan.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from melies.dreaming.ascent import Effort, Guide, Momentum, climb
from melies.dreaming.camera import Picture
from melies.models import runtime
from melies.models.convert.onnx_graph import Graph

Weights = NDArray[np.float32]

WIDTH = 24
"""Units of each hidden layer."""
HIDDEN = 5
"""Hidden layers."""
_SPREAD = 3.0
"""How wide the first layer's weights lie: how fine the first patterns are, in halves of the shorter side."""
_PACE = 0.5
"""How far a weight goes in a step, for each unit of how far the picture should go."""
_AT_ONCE = 1 << 16
"""Places whose colours are made in one go, so that large pictures take little memory."""
_SHAPES = ((3, WIDTH), *((2 * WIDTH + 1, WIDTH),) * (HIDDEN - 1), (2 * WIDTH + 1, 3))


class Pattern(NamedTuple):
    """A network's weights, and what the steps so far are remembered for.

    Attributes:
        weights: All in one row. The first layer reads x to the right and y down, in halves of the shorter side from the
            middle, and 1.
        momentum: Adam's.
    """

    weights: Weights
    momentum: Momentum

    @classmethod
    def random(cls, random: np.random.Generator) -> Pattern:
        """Return soft clouds, the same at every size."""
        deviations = (_SPREAD, *(1.25 / WIDTH**0.5,) * (HIDDEN - 1), 0.5 / WIDTH**0.5)
        layers = [
            random.standard_normal(shape, np.float32) * np.float32(deviation)
            for shape, deviation in zip(_SHAPES, deviations, strict=True)
        ]
        weights = np.concatenate([layer.ravel() for layer in layers])
        return cls(weights, Momentum.none(weights.shape))

    def moved(self, matrix: NDArray[np.float64]) -> Pattern:
        """Return the pattern after a move of the plane: exactly, for only the first layer reads where a place is.

        Args:
            matrix: 3×3 float64, affine, from where a place was to where it goes, in the network's coordinates.
        """
        made = self.weights.copy()
        first = _layers(made)[0]
        first[:] = np.linalg.inv(matrix).T @ first
        return self._replace(weights=made)

    def mixed(self, before: Pattern, after: Pattern, share: float) -> Pattern:
        """Return the pattern a share of the way on, where the whole way leads from `before` to `after`."""
        return self._replace(weights=self.weights + np.float32(share) * (after.weights - before.weights))

    def picture(self, size: tuple[int, int], shape: tuple[int, int]) -> Picture:
        """Return the picture: `H×W×3` float32, 0…1.

        Args:
            size: Width and height in pixels.
            shape: Width and height of what is shown, in any unit.
        """
        session, named, places = _session(way_back=False), _named(self.weights), _places(size, shape)
        parts = np.array_split(places, -(-len(places) // _AT_ONCE))
        made = [session.run({"places": part, **named})["colours"] for part in parts]
        return np.concatenate(made).reshape(size[1], size[0], 3)

    def dreamt(self, shape: tuple[int, int], guide: Guide, effort: Effort, random: np.random.Generator) -> Pattern:
        """Return the pattern with more of what the guide wants.

        Args:
            shape: Width and height of what is shown.
            guide: What is wanted.
            effort: How hard.
            random: What the guide takes by chance.
        """
        made = self
        for size in effort.sizes(*shape):
            made = climb(_Sketch(made, size, shape), guide, effort, random).pattern
        return made


class _Sketch:
    """A pattern while it is dreamt, at one size."""

    def __init__(self, pattern: Pattern, size: tuple[int, int], shape: tuple[int, int]) -> None:
        self.pattern = pattern
        self._size, self._shape = size, shape

    @property
    def picture(self) -> Picture:
        """What it shows now."""
        return self.pattern.picture(self._size, self._shape)

    def step(self, way: Picture, rate: float) -> None:
        """Change the weights so that the picture goes that way."""
        gradient = _gradient(self.pattern.weights, self._size, self._shape, way)
        step, momentum = self.pattern.momentum.step(gradient)
        self.pattern = Pattern(self.pattern.weights + np.float32(rate * _PACE) * step, momentum)


def _layers(weights: Weights) -> list[Weights]:
    """Views of the rows as the layers' matrices."""
    ends = np.cumsum([np.prod(shape) for shape in _SHAPES])
    return [part.reshape(shape) for part, shape in zip(np.split(weights, ends[:-1]), _SHAPES, strict=True)]


def _places(size: tuple[int, int], shape: tuple[int, int]) -> Weights:
    """Where the pixels' middles are, in halves of the shorter side: `N×3`, the last column 1."""
    x, y = (
        ((np.arange(count, dtype=np.float32) + 0.5) * 2 / count - 1) * np.float32(length / min(shape))
        for count, length in zip(size, shape, strict=True)
    )
    plane = np.ones((size[1], size[0], 3), np.float32)
    plane[..., 0], plane[..., 1] = x, y[:, None]
    return plane.reshape(-1, 3)


def _gradient(weights: Weights, size: tuple[int, int], shape: tuple[int, int], way: Picture) -> Weights:
    """How the weights should go for the picture to go that way: the product with the network's Jacobian."""
    given = {"places": _places(size, shape), "way": way.reshape(-1, 3)}
    found = _session(way_back=True).run({**given, **_named(weights)})
    return np.concatenate([found[f"gradient{index}"].ravel() for index in range(len(_SHAPES))])


def _named(weights: Weights) -> dict[str, Weights]:
    return {f"layer{index}": layer for index, layer in enumerate(_layers(weights))}


@lru_cache(maxsize=2)
def _session(way_back: bool) -> runtime.Session:
    """Return the network, or the way back through it, for ONNX Runtime: numpy takes several times as long.

    Args:
        way_back: Give the product with its Jacobian in place of the colours.

    Returns:
        Inputs `places` float32 N×3, a `layer` for each of `_SHAPES` and, for the way back, `way` N×3: where the colours
        should go. Output `colours` N×3, 0…1, or a `gradient` for each layer.
    """
    graph = Graph()
    places = graph.input("places", "float32", ["count", 3])
    layers = [graph.input(f"layer{index}", "float32", list(shape)) for index, shape in enumerate(_SHAPES)]
    ones = graph.add("Slice", places, *(graph.constant([number], "int64") for number in (2, 3, 1)))
    read, active = [places], []
    for layer in layers[:-1]:
        active.append(graph.add("Tanh", graph.add("MatMul", read[-1], layer)))
        read.append(graph.add("Concat", active[-1], graph.add("Mul", active[-1], active[-1]), ones, axis=1))
    colours = graph.add("Sigmoid", graph.add("MatMul", read[-1], layers[-1]))
    if not way_back:
        graph.output("colours", colours, "float32", ["count", 3])
        return runtime.written("a CPPN", graph.to_bytes())
    # The derivative of a sigmoid s is s - s², that of a tanh a is 1 - a², and that of its square is 2a as long.
    way = graph.input("way", "float32", ["count", 3])
    sums = graph.add("Mul", way, graph.add("Sub", colours, graph.add("Mul", colours, colours)))
    one, split = graph.constant(1, "float32"), graph.constant([WIDTH, WIDTH, 1], "int64")
    for index in reversed(range(len(layers))):
        found = graph.add("Gemm", read[index], sums, transA=1)
        graph.output(f"gradient{index}", found, "float32", list(_SHAPES[index]))
        if index:
            back = graph.add("Gemm", sums, layers[index], transB=1)
            plain, squared, _ = graph.add_many("Split", [back, split], 3, axis=1)
            a = active[index - 1]
            both = graph.add("Add", plain, graph.add("Mul", squared, graph.add("Add", a, a)))
            sums = graph.add("Mul", both, graph.add("Sub", one, graph.add("Mul", a, a)))
    return runtime.written("the gradient of a CPPN", graph.to_bytes())

"""pix2pix's generators, `unet_256` and `unet_128`: which weights they have, and from those to ONNX.

Isola, Zhu, Zhou and Efros, "Image-to-Image Translation with Conditional Adversarial Networks" (CVPR 2017). The public
checkpoints (`facades_label2photo`, `edges2shoes`, `map2sat` and their kin, of
https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix) take pictures: the layout in the colours it is drawn in. Their
authors run them as in training. So normalisations use the statistics of the picture in hand, and the running ones in
the file are left. Dropout, which then makes every run another, stands for its mean here: nothing is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from numpy.typing import NDArray

from melies.errors import ModelError
from melies.models.convert.onnx_graph import Graph
from melies.models.convert.strict import must_be_generator
from melies.translating.card import LAYOUT, MADE, Card, with_card

Weights = Mapping[str, NDArray[Any]]
Shapes = dict[str, tuple[int, ...]]

EPSILON = 1e-5
"""What batch normalisation adds to variances."""
_INNER = re.compile(r"model\.model(\.[13]\.model)*\.[0-6]\.weight")
_OPTIONAL = (".num_batches_tracked", ".running_mean", ".running_var")
"""What older files lack, and what is not used."""


class Layout(NamedTuple):
    """What the generator is like; the defaults are those of `unet_256`.

    Attributes:
        depth: How often it halves the picture.
        width: Channels at half the size.
        labels: Channels that it takes.
        made: Channels that it makes.
    """

    depth: int = 8
    width: int = 64
    labels: int = 3
    made: int = 3

    @property
    def channels(self) -> list[int]:
        """Channels below each level, the outermost first."""
        return [self.width * min(1 << level, 8) for level in range(self.depth)]

    def into(self, level: int) -> int:
        """Channels that go into a level."""
        return self.channels[level - 1] if level else self.labels

    def path(self, level: int) -> str:
        """What the names of a level's weights begin with."""
        return "model.model" + "".join(".1.model" if step == 0 else ".3.model" for step in range(level))

    @property
    def shapes(self) -> Shapes:
        """The shapes of all weights, by name, in the order of the files."""
        channels, deepest = self.channels, self.depth - 1
        shapes: Shapes = {"model.model.0.weight": (self.width, self.labels, 4, 4)}
        for level in range(1, self.depth):
            path = self.path(level)
            shapes[f"{path}.1.weight"] = (channels[level], self.into(level), 4, 4)
            if level < deepest:
                shapes |= self._norm(f"{path}.2", channels[level])
        for level in range(deepest, 0, -1):
            path, place = self.path(level), 3 if level == deepest else 5
            below = channels[level] * (1 if level == deepest else 2)
            shapes[f"{path}.{place}.weight"] = (below, self.into(level), 4, 4)
            shapes |= self._norm(f"{path}.{place + 1}", self.into(level))
        return shapes | {"model.model.3.weight": (2 * self.width, self.made, 4, 4), "model.model.3.bias": (self.made,)}

    @staticmethod
    def _norm(name: str, channels: int) -> Shapes:
        kinds = ("weight", "bias", "running_mean", "running_var")
        return {**{f"{name}.{kind}": (channels,) for kind in kinds}, f"{name}.num_batches_tracked": ()}


def layout(weights: Weights) -> Layout:
    """Read off their names and shapes what the generator is like, and check every one of them.

    Raises:
        ModelError: A weight is missing, is not known, or has another shape; it says which comes first.
    """
    found = _guess(weights)
    must_be_generator(weights, found.shapes, "pix2pix", optional=_OPTIONAL)
    return found


def _guess(weights: Weights) -> Layout:
    first, last = (weights.get(f"model.model.{place}.weight") for place in (0, 3))
    if first is None or last is None or first.ndim != 4 or last.ndim != 4:
        return Layout()
    depth = 1 + max((name.count(".model") - 1 for name in weights if _INNER.fullmatch(name)), default=0)
    return Layout(max(depth, 2), len(first), first.shape[1], last.shape[1])


def convert(weights: Weights) -> bytes:
    """Turn a generator into ONNX: `layout`, 1×C×H×W, 0…1, to `made`, 1×3×H×W RGB of 0…1, both float32.

    Raises:
        ModelError: The weights are not those of such a generator, or it makes no pictures in colour.
    """
    plan = layout(weights)
    if plan.made != 3:
        raise ModelError(f"This generator of pix2pix makes {plan.made} channels, and pictures have three.")
    net = _Net(weights, plan)
    data = net.input(LAYOUT, "float32", [1, plan.labels, "height", "width"])
    data = net.add("Sub", net.add("Mul", data, net.number(2)), net.number(1))
    data = net.add("Tanh", net.outermost(data))
    data = net.add("Mul", net.add("Add", data, net.number(1)), net.number(0.5))
    net.output(MADE, data, "float32", [1, 3, "height", "width"])
    colours = () if plan.labels == 3 else tuple((f"class {n}", (n, n, n)) for n in range(min(plan.labels, 256)))
    multiple = min(1 << plan.depth, 256)
    about = "A generator of pix2pix."
    card = Card(name=f"unet_{multiple}", task="paint", description=about, classes=colours, multiple=multiple)
    return with_card(net.to_bytes(), card)


class _Net(Graph):
    """The graph under construction."""

    def __init__(self, weights: Weights, plan: Layout) -> None:
        super().__init__()
        self._weights, self._plan = weights, plan

    def number(self, value: float) -> str:
        return self.constant(value, "float32")

    def outermost(self, data: str) -> str:
        """Build the whole U."""
        made = self._level(self._conv("model.model.0", data), 1)
        bias = self.constant(self._weights["model.model.3.bias"])
        return self._conv("model.model.3", self.add("Relu", made), bias, op="ConvTranspose")

    def _level(self, data: str, level: int) -> str:
        """Build a level and all below it; what goes in comes out beside what is made of it."""
        path, deepest = self._plan.path(level), level == self._plan.depth - 1
        made = self._conv(f"{path}.1", self.add("LeakyRelu", data, alpha=0.2))
        if not deepest:
            made = self._level(self._normal(f"{path}.2", made), level + 1)
        place = 3 if deepest else 5
        made = self._conv(f"{path}.{place}", self.add("Relu", made), op="ConvTranspose")
        return self.add("Concat", data, self._normal(f"{path}.{place + 1}", made), axis=1)

    def _normal(self, name: str, data: str) -> str:
        scale, shift = (self.constant(self._weights[f"{name}.{kind}"]) for kind in ("weight", "bias"))
        return self.add("InstanceNormalization", data, scale, shift, epsilon=EPSILON)

    def _conv(self, name: str, data: str, *bias: str, op: str = "Conv") -> str:
        how = {"kernel_shape": [4, 4], "pads": [1] * 4, "strides": [2, 2]}
        return self.add(op, data, self.constant(self._weights[f"{name}.weight"]), *bias, **how)

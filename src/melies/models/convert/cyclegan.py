"""CycleGAN's generators, `resnet_9blocks` and `resnet_6blocks`: which weights they have, and from those to ONNX.

Zhu, Park, Isola and Efros, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks" (ICCV
2017). The public checkpoints (`horse2zebra`, `monet2photo`, `style_vangogh`, `summer2winter_yosemite` and their kin, of
https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix) are state dicts of such a generator. Older ones hold running
statistics of the normalisations, which were never meant to be used: statistics are those of each picture.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from melies.models.convert.onnx_graph import Graph
from melies.models.convert.strict import must_be_generator
from melies.translating.card import IMAGE, MADE, Card, with_card

Weights = Mapping[str, NDArray[Any]]
Shapes = dict[str, tuple[int, ...]]

EPSILON = 1e-5
"""What instance normalisation adds to variances."""
MULTIPLE = 4
"""Height and width must be a multiple of it."""
_STALE = re.compile(r"model\.\d+\.(conv_block\.\d+\.)?(running_mean|running_var|num_batches_tracked)")
_BLOCK = re.compile(r"model\.(\d+)\.conv_block\.(\d+)\.weight")


class Layout(NamedTuple):
    """What the generator is like; the defaults are those of the public models.

    Attributes:
        blocks: Residual blocks.
        width: Channels at full size.
        dropout: Whether blocks have a dropout between their convolutions, as some pix2pix models do.
    """

    blocks: int = 9
    width: int = 64
    dropout: bool = False

    @property
    def second(self) -> int:
        """The place of a block's second convolution in it."""
        return 6 if self.dropout else 5

    @property
    def shapes(self) -> Shapes:
        """The shapes of all weights, by name, in the order of the files."""
        width, up = self.width, 10 + self.blocks
        kernels = {"model.1": (width, 3, 7, 7), "model.4": (2 * width, width, 3, 3)}
        kernels["model.7"] = (4 * width, 2 * width, 3, 3)
        for block in range(10, up):
            for place in (1, self.second):
                kernels[f"model.{block}.conv_block.{place}"] = (4 * width, 4 * width, 3, 3)
        # A transposed convolution's kernel begins with the channels that go in.
        kernels[f"model.{up}"] = (4 * width, 2 * width, 3, 3)
        kernels[f"model.{up + 3}"] = (2 * width, width, 3, 3)
        kernels[f"model.{up + 7}"] = (3, width, 7, 7)
        shapes: Shapes = {}
        for name, kernel in kernels.items():
            shapes[f"{name}.weight"] = kernel
            shapes[f"{name}.bias"] = (kernel[1] if name in (f"model.{up}", f"model.{up + 3}") else kernel[0],)
        return shapes


def layout(weights: Weights) -> Layout:
    """Read off their names and shapes what the generator is like, and check every one of them.

    Raises:
        ModelError: A weight is missing, is not known, or has another shape; it says which comes first.
    """
    found = _guess(weights)
    must_be_generator(weights, found.shapes, "CycleGAN", stale=_STALE.fullmatch)
    return found


def _guess(weights: Weights) -> Layout:
    blocks = [match for match in map(_BLOCK.fullmatch, weights) if match]
    first = weights.get("model.1.weight")
    return Layout(
        len({match[1] for match in blocks}) or Layout().blocks,
        len(first) if first is not None and first.ndim else Layout().width,
        any(match[2] == "6" for match in blocks),
    )


def convert(weights: Weights) -> bytes:
    """Turn a generator into ONNX: `image` to `made`, both float32 1×3×H×W, RGB, 0…1, H and W multiples of 4.

    Raises:
        ModelError: The weights are not those of such a generator.
    """
    plan = layout(weights)
    net = _Net(weights)
    data = net.input(IMAGE, "float32", [1, 3, "height", "width"])
    data = net.add("Sub", net.add("Mul", data, net.number(2)), net.number(1))
    data = net.layer("model.1", data, reflect=3)
    for name in ("model.4", "model.7"):
        data = net.layer(name, data, pads=[1, 1, 1, 1], strides=[2, 2])
    up = 10 + plan.blocks
    for block in range(10, up):
        # At use, a dropout does nothing.
        made = net.layer(f"model.{block}.conv_block.1", data, reflect=1)
        made = net.layer(f"model.{block}.conv_block.{plan.second}", made, reflect=1, relu=False)
        data = net.add("Add", data, made)
    for name in (f"model.{up}", f"model.{up + 3}"):
        data = net.layer(name, data, "ConvTranspose", pads=[1, 1, 1, 1], strides=[2, 2], output_padding=[1, 1])
    data = net.add("Tanh", net.convolved(f"model.{up + 7}", data, reflect=3))
    data = net.add("Mul", net.add("Add", data, net.number(1)), net.number(0.5))
    net.output(MADE, data, "float32", [1, 3, "height", "width"])
    card = Card(name=f"resnet_{plan.blocks}blocks", task="translate", multiple=MULTIPLE)
    return with_card(net.to_bytes(), card)


class _Net(Graph):
    """The graph under construction."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self._weights = weights

    def number(self, value: float) -> str:
        return self.constant(value, "float32")

    def layer(
        self, name: str, data: str, op: str = "Conv", *, reflect: int = 0, relu: bool = True, **how: list[int]
    ) -> str:
        """Add a convolution and its normalisation."""
        channels = len(self._weights[f"{name}.bias"])
        scale, shift = (self.constant(fill(channels), "float32") for fill in (np.ones, np.zeros))
        made = self.convolved(name, data, op, reflect=reflect, **how)
        made = self.add("InstanceNormalization", made, scale, shift, epsilon=EPSILON)
        return self.add("Relu", made) if relu else made

    def convolved(self, name: str, data: str, op: str = "Conv", *, reflect: int = 0, **how: list[int]) -> str:
        """Add a convolution, after reflecting so many pixels at the edges."""
        if reflect:
            data = self.add("Pad", data, self.constant([0, 0, reflect, reflect] * 2, "int64"), mode="reflect")
        kernel, bias = (self._weights[f"{name}.{kind}"] for kind in ("weight", "bias"))
        sides = list(kernel.shape[2:])
        return self.add(op, data, self.constant(kernel), self.constant(bias), kernel_shape=sides, **how)

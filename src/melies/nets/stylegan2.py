"""StyleGAN2's synthesis network in PyTorch, where gradients are wanted: finding a photo again in its latent space.

Karras, Laine, Aittala, Hellsten, Lehtinen and Aila, "Analyzing and Improving the Image Quality of StyleGAN" (2020). It
computes what `melies.models.convert.stylegan2` writes as ONNX, from the same weights.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (everybody's name)

from melies.models.convert import stylegan2
from melies.models.convert.persistence import Network

Tensor = Any

_SLOPE, _EPSILON = 0.2, 1e-8
_GAIN = math.sqrt(2)
"""What follows the bend."""


class Synthesis(nn.Module):
    """The synthesis network.

    Args:
        network: A generator as it was read from a file.

    Attributes:
        layout: How large it is.

    Raises:
        ModelError: It is no generator of StyleGAN2 that is known here.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.layout = stylegan2.layout(network)
        self._network = network
        for name in stylegan2.keys(self.layout):
            if name.startswith("synthesis."):
                self.register_buffer(_buffer(name), torch.tensor(network.weights[name]))

    @property
    def noises(self) -> dict[str, Tensor]:
        """The noise of each layer that has any, by name, `H×W`: as it is stored."""
        names = [f"b{size}.conv{index}" for size in self.layout.resolutions for index in (0, 1) if size > 4 or index]
        return {name: self._weight(f"{name}.noise_const") for name in names}

    def forward(self, ws: Tensor, noises: dict[str, Tensor] | None = None) -> Tensor:
        """Make a picture, `1×3×S×S`, nominally -1…1.

        Args:
            ws: What each layer is told, `rows×width`.
            noises: For each layer, in place of the stored ones.
        """
        noises = self.noises if noises is None else noises
        data, image = self._weight("b4.const")[None], None
        row = 0
        for size in self.layout.resolutions:
            block = f"b{size}"
            if size > 4:
                data = self._convolved(data, f"{block}.conv0", ws[row], noises)
                row += 1
            data = self._convolved(data, f"{block}.conv1", ws[row], noises)
            row += 1
            colours = self._coloured(data, f"{block}.torgb", ws[row])
            image = colours if image is None else self._enlarged(image, f"{block}.resample_filter") + colours
        return image

    def _weight(self, name: str) -> Tensor:
        return getattr(self, _buffer(f"synthesis.{name}"))

    def _number(self, name: str) -> float:
        return self._network.number(f"synthesis.{name}")

    def _style(self, name: str, w: Tensor) -> Tensor:
        weight = self._weight(f"{name}.affine.weight") * self._number(f"{name}.affine.weight_gain")
        return weight @ w + self._weight(f"{name}.affine.bias") * self._number(f"{name}.affine.bias_gain")

    def _convolved(self, data: Tensor, name: str, w: Tensor, noises: dict[str, Tensor]) -> Tensor:
        style = self._style(name, w)
        weight = self._weight(f"{name}.weight") * style[:, None, None]
        weight = weight * (weight.square().sum((1, 2, 3), keepdim=True) + _EPSILON).rsqrt()
        if name.endswith("conv0"):
            data = F.conv_transpose2d(data, weight.transpose(0, 1), stride=2)
            low = self._weight(f"{name}.resample_filter").flip(0, 1) * 4
            data = F.conv2d(data, low.expand(len(weight), 1, 4, 4), padding=1, groups=len(weight))
        else:
            data = F.conv2d(data, weight, padding=1)
        data = data + self._weight(f"{name}.noise_strength") * noises[name]
        data = F.leaky_relu(data + self._weight(f"{name}.bias")[:, None, None], _SLOPE) * _GAIN
        return self._clamped(data, name)

    def _coloured(self, data: Tensor, name: str, w: Tensor) -> Tensor:
        style = self._style(name, w) * self._number(f"{name}.weight_gain")
        weight = self._weight(f"{name}.weight") * style[:, None, None]
        return self._clamped(F.conv2d(data, weight, self._weight(f"{name}.bias")), name)

    def _clamped(self, data: Tensor, name: str) -> Tensor:
        if self._network.attribute(f"synthesis.{name}.conv_clamp") is None:
            return data
        limit = self._number(f"{name}.conv_clamp")
        return data.clamp(-limit, limit)

    def _enlarged(self, image: Tensor, name: str) -> Tensor:
        low = (self._weight(name) * 4).expand(3, 1, 4, 4)
        return F.conv_transpose2d(image, low, stride=2, padding=1, groups=3)


def _buffer(name: str) -> str:
    """PyTorch allows no full stop in the name of a buffer."""
    return name.replace(".", "_")

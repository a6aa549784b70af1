"""SPADE's generator under its authors' names: a reference for the converter of public checkpoints.

Park, Liu, Wang and Zhu, "Semantic Image Synthesis with Spatially-Adaptive Normalization" (CVPR 2019). `load_state_dict`
takes the entries of a checkpoint as they are; spectral normalisation is computed from what is stored, as at use.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (everybody's name)

from melies.models.convert.spade import Layout

Tensor = Any


class SpectralConv(nn.Module):
    """A convolution whose kernel is divided by its largest singular value, from stored singular vectors."""

    def __init__(self, into: int, out: int, side: int, *, bias: bool = True) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(out)) if bias else None
        self.weight_orig = nn.Parameter(torch.randn(out, into, side, side) * 0.05)
        self.register_buffer("weight_u", F.normalize(torch.randn(out), dim=0))
        self.register_buffer("weight_v", F.normalize(torch.randn(into * side * side), dim=0))

    def forward(self, data: Tensor) -> Tensor:
        """Convolve, keeping the size."""
        sigma = self.weight_u @ self.weight_orig.flatten(1) @ self.weight_v
        return F.conv2d(data, self.weight_orig / sigma, self.bias, padding=self.weight_orig.shape[-1] // 2)


class Spade(nn.Module):
    """A normalisation without parameters of its own, scaled and shifted as the layout wants it."""

    def __init__(self, channels: int, plan: Layout) -> None:
        super().__init__()
        self.param_free_norm = nn.BatchNorm2d(channels, affine=False)
        self.mlp_shared = nn.Sequential(nn.Conv2d(plan.labels, plan.hidden, 3, padding=1), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(plan.hidden, channels, 3, padding=1)
        self.mlp_beta = nn.Conv2d(plan.hidden, channels, 3, padding=1)

    def forward(self, data: Tensor, layout: Tensor) -> Tensor:
        """Normalise."""
        seen = self.mlp_shared(F.interpolate(layout, size=data.shape[2:], mode="nearest"))
        return self.param_free_norm(data) * (1 + self.mlp_gamma(seen)) + self.mlp_beta(seen)


class Block(nn.Module):
    """Two convolutions after two of these normalisations, added to what goes in."""

    def __init__(self, into: int, out: int, plan: Layout) -> None:
        super().__init__()
        middle = min(into, out)
        self.conv_0 = SpectralConv(into, middle, 3)
        self.conv_1 = SpectralConv(middle, out, 3)
        self.learned = into != out
        if self.learned:
            self.conv_s = SpectralConv(into, out, 1, bias=False)
        self.norm_0 = Spade(into, plan)
        self.norm_1 = Spade(middle, plan)
        if self.learned:
            self.norm_s = Spade(into, plan)

    def forward(self, data: Tensor, layout: Tensor) -> Tensor:
        """Paint a little more."""
        short = self.conv_s(self.norm_s(data, layout)) if self.learned else data
        made = self.conv_0(F.leaky_relu(self.norm_0(data, layout), 0.2))
        return short + self.conv_1(F.leaky_relu(self.norm_1(made, layout), 0.2))


class Generator(nn.Module):
    """The whole generator.

    Args:
        plan: How wide it is and what layouts it takes.
    """

    def __init__(self, plan: Layout) -> None:
        super().__init__()
        self.plan = plan
        self.fc = nn.Conv2d(plan.labels, 16 * plan.width, 3, padding=1)
        for name, into, out in plan.blocks:
            self.add_module(name, Block(into, out, plan))
        self.conv_img = nn.Conv2d(plan.width, 3, 3, padding=1)

    def forward(self, layout: Tensor) -> Tensor:
        """Paint, `N×3×H×W`, -1…1, from a layout, `N×C×H×W`."""
        height, width = layout.shape[2:]
        smallest = height // self.plan.multiple, width // self.plan.multiple
        data = self.fc(F.interpolate(layout, size=smallest, mode="nearest"))
        for name, _, _ in self.plan.blocks:
            if name in self.plan.doubled:
                data = F.interpolate(data, scale_factor=2.0, mode="nearest")
            data = self.get_submodule(name)(data, layout)
        return torch.tanh(self.conv_img(F.leaky_relu(data, 0.2)))

"""A small fast generator: what `style`, `translate` and `paint` train, and what is shipped.

Johnson, Alahi and Fei-Fei, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution" (ECCV 2016), made
faster: it works on blocks of 2×2 pixels, so that no layer ever sees the picture at its full size. Several styles in one
network: Dumoulin, Shlens and Kudlur, "A Learned Representation For Artistic Style" (ICLR 2017).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (everybody's name)

Tensor = Any

MULTIPLE = 4
"""Height and width must be a multiple of it."""
APART = 0.5
"""How different the normalisations of several styles are at first."""
COPY = 1.5
"""How much of a picture is seen at first in what comes out, where it may skip the network: 4 would be nearly all."""


class StyledNorm(nn.Module):
    """Instance normalisation with a set of scales and shifts for each style.

    Args:
        channels: Channels of what is normalised.
        styles: Number of styles.
    """

    def __init__(self, channels: int, styles: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(styles, channels))
        self.shift = nn.Parameter(torch.zeros(styles, channels))
        if styles > 1:
            # Each style begins with channels of its own; from equal ones, what they want of the shared convolutions
            # would cancel out for hundreds of steps.
            self.scale.data = (APART * torch.randn(styles, channels)).exp()
            self.shift.data = APART * torch.randn(styles, channels)

    def forward(self, data: Tensor, styles: Tensor) -> Tensor:
        """Normalise, `N×C×H×W`, as the weights of the styles, `N×K` or `1×K`, want it."""
        scale, shift = styles @ self.scale, styles @ self.shift
        if len(scale) == 1:
            return F.instance_norm(data, weight=scale[0], bias=shift[0])
        return F.instance_norm(data) * scale[..., None, None] + shift[..., None, None]


class Layer(nn.Module):
    """Reflection padding, a convolution and a normalisation, then ReLU or not."""

    def __init__(self, into: int, out: int, side: int, styles: int, *, stride: int = 1, relu: bool = True) -> None:
        super().__init__()
        self.pad = nn.ReflectionPad2d(side // 2)
        self.conv = nn.Conv2d(into, out, side, stride, bias=False)
        self.norm = StyledNorm(out, styles)
        self.relu = relu

    def forward(self, data: Tensor, styles: Tensor) -> Tensor:
        """Turn `N×into×H×W` into `N×out×H/stride×W/stride`."""
        made = self.norm(self.conv(self.pad(data)), styles)
        return F.relu(made) if self.relu else made


class Block(nn.Module):
    """Two layers whose result is added to what goes in."""

    def __init__(self, channels: int, styles: int) -> None:
        super().__init__()
        self.first = Layer(channels, channels, 3, styles)
        self.second = Layer(channels, channels, 3, styles, relu=False)

    def forward(self, data: Tensor, styles: Tensor) -> Tensor:
        """Change `N×C×H×W` a little."""
        return data + self.second(self.first(data, styles), styles)


class Small(nn.Module):
    """A generator of about 0.24 million parameters: 640×360 in about 60 ms on two processor cores.

    Args:
        into: Channels of what goes in: 3 of a picture, or as many as a layout has classes.
        width: Channels at half the size; there are twice as many at a quarter, where most of the work is done.
        blocks: Residual blocks.
        styles: Number of styles; with one there is nothing to choose.
        skip: Whether what goes in also goes to what comes out directly, through a map of its colours for each style:
            then what is to be seen shines through from the beginning.
    """

    def __init__(self, into: int = 3, width: int = 24, blocks: int = 5, styles: int = 1, *, skip: bool = False) -> None:
        super().__init__()
        self.styles = styles
        self.head = Layer(4 * into, width, 5, styles)
        self.down = Layer(width, 2 * width, 3, styles, stride=2)
        self.body = nn.ModuleList(Block(2 * width, styles) for _ in range(blocks))
        self.up = Layer(2 * width, width, 3, styles)
        self.pad = nn.ReflectionPad2d(2)
        self.tail = nn.Conv2d(width, 12, 5)
        self.colours = nn.Parameter(COPY * torch.eye(3, into).repeat(styles, 1, 1)) if skip else None
        if skip:
            nn.init.constant_(self.tail.bias, -COPY / 2)

    def forward(self, image: Tensor, styles: Tensor | None = None) -> Tensor:
        """Make a picture, `N×3×H×W`, 0…1.

        Args:
            image: `N×into×H×W`, 0…1; H and W are multiples of 4, at least 12.
            styles: How much of each style, `N×K` or `1×K`, weights that add up to 1; not needed where there is one.
        """
        styles = image.new_ones(1, 1) if styles is None else styles
        return self.decode(self.encode(image, styles), styles, image)

    def encode(self, image: Tensor, styles: Tensor) -> Tensor:
        """Return what the residual blocks make of a picture, `N×2w×H/4×W/4`."""
        data = self.down(self.head(F.pixel_unshuffle(image, 2), styles), styles)
        for block in self.body:
            data = block(data, styles)
        return data

    def decode(self, data: Tensor, styles: Tensor, image: Tensor) -> Tensor:
        """Make a picture, `N×3×H×W`, of what `encode` returned of another."""
        data = self.up(F.interpolate(data, scale_factor=2.0, mode="nearest"), styles)
        made = F.pixel_shuffle(self.tail(self.pad(data)), 2)
        if self.colours is not None:
            maps = (styles @ self.colours.flatten(1)).unflatten(1, self.colours.shape[1:])
            made = made + (maps @ image.flatten(2)).view_as(made)
        return torch.sigmoid(made)

"""A small painter: from a layout of labels to a picture, and the critic that teaches it.

The layout is shown to the network at every scale, as scales and shifts after each normalisation, so that a large plain
region is not washed away: Park, Liu, Wang and Zhu, "Semantic Image Synthesis with Spatially-Adaptive Normalization"
(CVPR 2019). Narrow, and with the layout looked at once for both normalisations of a block, it is small enough for a
processor.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (everybody's name)
from torch.nn.utils.parametrizations import spectral_norm

Tensor = Any

MULTIPLE = 16
"""Height and width must be a multiple of it."""
SCALES = ((16, 128), (8, 128), (4, 96), (2, 48))
"""By how much the picture is smaller, and channels there."""
NOISE, TILE = 4, 64
"""Planes of noise that are shown with the layout at every scale, and after how many pixels they are repeated.

Without them a plain region is the same everywhere, and what the critic wants to see there becomes a regular mesh.
"""


class Block(nn.Module):
    """Two convolutions, each after a normalisation that the layout scales and shifts, added to what goes in.

    Args:
        into: Channels that go in.
        out: Channels that come out.
        labels: Channels of the layout.
        seen: Channels in which the layout is looked at.
    """

    def __init__(self, into: int, out: int, labels: int, seen: int = 32) -> None:
        super().__init__()
        self.look = nn.Conv2d(labels, seen, 3, 1, 1)
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels, affine=False) for channels in (into, out))
        self.scales = nn.ModuleList(nn.Conv2d(seen, channels, 1) for channels in (into, out))
        self.shifts = nn.ModuleList(nn.Conv2d(seen, channels, 1) for channels in (into, out))
        self.convs = nn.ModuleList((nn.Conv2d(into, out, 3, 1, 1), nn.Conv2d(out, out, 3, 1, 1)))
        self.short = nn.Identity() if into == out else nn.Conv2d(into, out, 1, bias=False)

    def forward(self, data: Tensor, layout: Tensor) -> Tensor:
        """Paint a little more of a layout of the same height and width."""
        seen = F.relu(self.look(layout))
        made = data
        for norm, scale, shift, conv in zip(self.norms, self.scales, self.shifts, self.convs, strict=True):
            made = conv(F.leaky_relu(norm(made) * (1 + scale(seen)) + shift(seen), 0.2))
        return self.short(data) + made


class Painter(nn.Module):
    """A generator of about a million parameters.

    Args:
        classes: Labels that a layout may hold.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        # Beside the labels: how far down in the picture a place is. Roads end at a horizon and facades stand on them.
        labels = classes + 1
        self.first = nn.Conv2d(labels + NOISE, SCALES[0][1], 3, 1, 1)
        before = [SCALES[0][1], *(channels for _, channels in SCALES)]
        self.blocks = nn.ModuleList(
            Block(before[index], channels, (4 * labels if scale == 2 else labels) + NOISE)
            for index, (scale, channels) in enumerate(SCALES)
        )
        self.last = nn.Conv2d(SCALES[-1][1], 12, 3, 1, 1)
        # The four pixels that one place becomes begin alike: no mesh to unlearn (Aitken et al. 2017).
        self.last.weight.data = self.last.weight.data[::4].repeat_interleave(4, 0)

        noise = torch.randn(NOISE, TILE, TILE, generator=torch.Generator().manual_seed(0))
        self.register_buffer("noise", noise)

    def forward(self, layout: Tensor) -> Tensor:
        """Paint, `N×3×H×W`, 0…1.

        Args:
            layout: `N×C×H×W`, one-hot; H and W are multiples of 16.
        """
        down = torch.ones_like(layout[:, :1]).cumsum(2)
        layout = torch.cat([layout, down / down[:, :, -1:]], 1)
        data = self.first(self._shown(F.avg_pool2d(layout, SCALES[0][0])))
        for index, ((scale, _), block) in enumerate(zip(SCALES, self.blocks, strict=True)):
            if index:
                data = F.interpolate(data, scale_factor=2.0, mode="nearest")
            smaller = F.avg_pool2d(layout, scale) if scale > 2 else F.pixel_unshuffle(layout, 2)
            data = block(data, self._shown(smaller))
        return torch.sigmoid(F.pixel_shuffle(self.last(F.leaky_relu(data, 0.2)), 2))

    def _shown(self, layout: Tensor) -> Tensor:
        """Return a layout with noise beside it."""
        rows, columns = (torch.arange(side, device=layout.device) % TILE for side in layout.shape[2:])
        noise = self.noise[:, rows][:, :, columns]
        return torch.cat([layout, noise.expand(layout.shape[0], -1, -1, -1)], 1)


class Critic(nn.Module):
    """Says of each patch of a picture whether it looks like a photograph of its layout (Isola et al., CVPR 2017).

    Args:
        classes: Labels that a layout may hold.
        width: Channels of the first layer.
    """

    def __init__(self, classes: int, width: int = 32) -> None:
        super().__init__()
        sizes = [classes + 3, width, 2 * width, 4 * width]
        self.layers = nn.ModuleList(spectral_norm(nn.Conv2d(into, out, 4, 2, 1)) for into, out in pairwise(sizes))
        self.last = spectral_norm(nn.Conv2d(sizes[-1], 1, 3, 1, 1))

    def forward(self, layout: Tensor, pictures: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return what it thinks of each patch, `N×1×H/8×W/8`, and what its layers saw."""
        data = torch.cat([layout, 2 * pictures - 1], 1)
        seen = []
        for layer in self.layers:
            data = F.leaky_relu(layer(data), 0.2)
            seen.append(data)
        return self.last(data), seen

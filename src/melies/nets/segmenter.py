"""A small segmenter: from a picture to the kind of thing that every pixel shows.

Ronneberger, Fischer and Brox, "U-Net" (MICCAI 2015), narrow, with half the resolution at both ends.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from torch import cat, nn
from torch.nn import functional as F  # noqa: N812 (everybody's name)

Tensor = Any

MULTIPLE = 32
"""Height and width must be a multiple of it."""
CHANNELS = (24, 48, 96, 128, 128)
"""Channels at a half, a quarter … of the size."""


def _layer(into: int, out: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(nn.Conv2d(into, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU())


class Segmenter(nn.Module):
    """A network of about 1.3 million parameters.

    Args:
        classes: Labels that it tells apart.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.first = _layer(12, CHANNELS[0])
        pairs = list(pairwise(CHANNELS))
        self.down = nn.ModuleList(nn.Sequential(_layer(into, out, 2), _layer(out, out)) for into, out in pairs)
        self.up = nn.ModuleList(_layer(out + into, into) for into, out in reversed(pairs))
        self.last = nn.Conv2d(CHANNELS[0], classes, 3, 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return a score for every class and pixel, `N×C×H×W`.

        Args:
            image: `N×3×H×W`, RGB, 0…1; H and W are multiples of 32.
        """
        data = self.first(F.pixel_unshuffle(2 * image - 1, 2))
        kept = []
        for layer in self.down:
            kept.append(data)
            data = layer(data)
        for layer in self.up:
            data = F.interpolate(data, scale_factor=2.0, mode="bilinear", align_corners=False)
            data = layer(cat([data, kept.pop()], 1))
        return F.interpolate(self.last(data), scale_factor=2.0, mode="bilinear", align_corners=False)

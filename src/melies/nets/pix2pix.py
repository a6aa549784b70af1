"""pix2pix's U-Net: its authors' network under their names, which a narrow one is trained with as well.

Isola, Zhu, Zhou and Efros, "Image-to-Image Translation with Conditional Adversarial Networks" (CVPR 2017).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from melies.models.convert.pix2pix import Layout

Tensor = Any


class Level(nn.Module):
    """One level of the U, with all that are deeper inside.

    Args:
        plan: What the network is like.
        depth: Which level; 0 is the outermost.
    """

    def __init__(self, plan: Layout, depth: int = 0) -> None:
        super().__init__()
        self.outermost = depth == 0
        into, out = plan.into(depth), plan.channels[depth]
        down = nn.Conv2d(into, out, 4, 2, 1, bias=False)
        if self.outermost:
            up = nn.ConvTranspose2d(2 * out, plan.made, 4, 2, 1)
            parts = [down, Level(plan, 1), nn.ReLU(), up, nn.Tanh()]
        elif depth == plan.depth - 1:
            up = nn.ConvTranspose2d(out, into, 4, 2, 1, bias=False)
            parts = [nn.LeakyReLU(0.2), down, nn.ReLU(), up, _Norm(into)]
        else:
            up = nn.ConvTranspose2d(2 * out, into, 4, 2, 1, bias=False)
            parts = [nn.LeakyReLU(0.2), down, _Norm(out), Level(plan, depth + 1), nn.ReLU(), up, _Norm(into)]
        self.model = nn.Sequential(*parts)

    def forward(self, data: Tensor) -> Tensor:
        """Go down and up again; what goes in is kept beside what comes of it, but for the outermost level."""
        made = self.model(data)
        return made if self.outermost else torch.cat([data, made], 1)


class Generator(nn.Module):
    """The network as it was published: `N×C×H×W` of -1…1 to `N×3×H×W` of -1…1."""

    def __init__(self, plan: Layout) -> None:
        super().__init__()
        self.model = Level(plan)

    def forward(self, data: Tensor) -> Tensor:
        """Paint."""
        return self.model(data)


class Unet(nn.Module):
    """A narrow one for layouts of classes.

    Args:
        classes: Labels that a layout may hold.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.plan = Layout(5, 20, classes)
        self.generator = Generator(self.plan)

    def forward(self, layout: Tensor) -> Tensor:
        """Paint, `N×3×H×W`, 0…1, from a one-hot layout; H and W are multiples of 32."""
        return (self.generator(2 * layout - 1) + 1) / 2


class _Norm(nn.BatchNorm2d):
    """Batch normalisation as its authors run it: with the statistics of what it is given, in use as in training.

    In use they are those of each picture, whatever a batch holds.
    """

    def forward(self, data: Tensor) -> Tensor:
        """Normalise."""
        return nn.functional.instance_norm(data, weight=self.weight, bias=self.bias)

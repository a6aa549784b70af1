"""The two networks of AdaIN as they are published: what `vgg_normalised.pth` and `decoder.pth` hold.

Huang and Belongie, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization" (ICCV 2017). Effects
run what `models.convert.adain` makes of such files; this is what that is compared with.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from melies.models.convert.adain import CHANNELS, DECODER, ENCODER, EPSILON

Tensor = Any

SEEN = 31
"""Layers of the encoder up to relu4_1."""


def sequence(plan: tuple[int | str, ...], into: int) -> Any:
    """Return a network as a `torch.nn.Sequential`, whose places are the keys of its weights.

    Args:
        plan: `ENCODER` or `DECODER` of `models.convert.adain`.
        into: Channels of what goes in.
    """
    layers: list[Any] = []
    for index, layer in enumerate(plan):
        if layer == "pool":
            layers.append(nn.MaxPool2d(2, 2, ceil_mode=True))
        elif layer == "up":
            layers.append(nn.Upsample(scale_factor=2, mode="nearest"))
        elif isinstance(layer, int) and layer:
            side = 3 if index else 1
            layers.append(nn.Conv2d(into, layer, side))
            into = layer
            if side == 3 and index < len(plan) - 1:
                layers.append(nn.ReLU())
        else:
            layers.append(nn.ReflectionPad2d(1))
    if plan is ENCODER:
        layers.append(nn.ReLU())
    return nn.Sequential(*layers)


class Adain(nn.Module):
    """Paint pictures, `N×3×H×W` RGB of 0…1, sides multiples of 8, in the style of others."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = sequence(ENCODER, 3), sequence(DECODER, CHANNELS)

    def forward(self, pictures: Tensor, styles: Tensor) -> Tensor:
        """Return the same pictures, painted; what comes out is not clipped to 0…1."""
        seen = self.encoder[:SEEN](pictures)
        (mean, deviation), (own_mean, own) = map(statistics, (self.encoder[:SEEN](styles), seen))
        return self.decoder((seen - own_mean) / own * deviation + mean)


def statistics(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and deviation of each channel, `N×C×1×1`."""
    mean = features.mean((2, 3), keepdim=True)
    return mean, (features.var((2, 3), keepdim=True, correction=1) + EPSILON).sqrt()

"""A latent space of one's own footage: an encoder, a decoder, and a critic that only training needs.

Kingma and Welling, "Auto-Encoding Variational Bayes" (ICLR 2014); Larsen, Sønderby, Larochelle and Winther,
"Autoencoding beyond pixels using a learned similarity metric" (ICML 2016), for the critic by whose eyes pictures are
compared.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (everybody's name)
from torch.nn.utils.parametrizations import spectral_norm

Tensor = Any

MULTIPLE = 16
"""Height and width of pictures must be multiples of it."""
GROUPS = 8
"""Into which the channels of a layer are divided, to be normalised together."""
WIDEST = 2.0
"""How uncertain a code may be at most: the logarithm of its variance."""


def widths(width: int) -> tuple[int, int, int, int]:
    """Return the channels at a half, a quarter, an eighth and a sixteenth of the size."""
    return width, 2 * width, 3 * width, 4 * width


class Layer(nn.Module):
    """A convolution, a normalisation and a bend; before that the picture is made twice as large, or it is halved."""

    def __init__(self, into: int, out: int, *, down: bool = False, up: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(into, out, 4 if down else 3, 2 if down else 1, 1, bias=False)
        self.norm = nn.GroupNorm(GROUPS, out)
        self.up = up

    def forward(self, data: Tensor) -> Tensor:
        """Turn `N×into×H×W` into `N×out×H×W`, twice as large or half as large."""
        if self.up:
            data = F.interpolate(data, scale_factor=2.0, mode="nearest")
        return F.leaky_relu(self.norm(self.conv(data)), 0.2)


class Encoder(nn.Module):
    """Says where a picture lies in the latent space, and how sure that is.

    Args:
        height: Of pictures.
        width: Of pictures.
        latent: Numbers of a code.
        channels: Of the first layer.
    """

    def __init__(self, height: int, width: int, latent: int, channels: int) -> None:
        super().__init__()
        a, b, c, d = widths(channels)
        self.layers = nn.Sequential(
            Layer(12, a), Layer(a, b, down=True), Layer(b, c, down=True), Layer(c, d, down=True)
        )
        self.out = nn.Linear(d * (height // MULTIPLE) * (width // MULTIPLE), 2 * latent)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean and the logarithm of the variance of the codes of pictures, `N×3×H×W`, 0…1: `N×L` each."""
        data = self.layers(F.pixel_unshuffle(2 * pictures - 1, 2))
        mean, spread = self.out(data.flatten(1)).chunk(2, 1)
        return mean, spread.clamp(-10, WIDEST)


class Decoder(nn.Module):
    """Makes pictures of codes; as for `Encoder`."""

    def __init__(self, height: int, width: int, latent: int, channels: int) -> None:
        super().__init__()
        _, b, c, d = widths(channels)
        self.shape = 2 * d, height // MULTIPLE, width // MULTIPLE
        self.into = nn.Linear(latent, 2 * d * self.shape[1] * self.shape[2])
        self.layers = nn.Sequential(
            Layer(2 * d, d), Layer(d, d, up=True), Layer(d, c, up=True), Layer(c, c), Layer(c, b, up=True), Layer(b, b)
        )
        self.out = nn.Conv2d(b, 12, 3, padding=1)

    def forward(self, codes: Tensor) -> Tensor:
        """Make pictures, `N×3×H×W`, 0…1, of codes, `N×L`."""
        data = F.leaky_relu(self.into(codes), 0.2).unflatten(1, self.shape)
        return torch.sigmoid(F.pixel_shuffle(self.out(self.layers(data)), 2))


class Critic(nn.Module):
    """Tells real pictures from made ones, place by place; what it sees on the way is how pictures are compared."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        a, b, _, d = widths(channels)
        convolutions = (nn.Conv2d(12, a, 3, 1, 1), nn.Conv2d(a, b, 4, 2, 1), nn.Conv2d(b, d, 4, 2, 1))
        self.layers = nn.ModuleList(spectral_norm(layer) for layer in convolutions)
        self.out = spectral_norm(nn.Conv2d(d, 1, 3, 1, 1))

    def forward(self, pictures: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return how real each place of pictures, `N×3×H×W`, looks, and what was seen at three depths."""
        data, seen = F.pixel_unshuffle(2 * pictures - 1, 2), []
        for layer in self.layers:
            data = F.leaky_relu(layer(data), 0.2)
            seen.append(data)
        return self.out(data), seen


class Seeing(nn.Module):
    """What is written to find pictures again.

    Args:
        encoder: Whose means are taken.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the codes, `N×L`, of pictures, `N×3×H×W`, 0…1."""
        return self.encoder(pictures)[0]

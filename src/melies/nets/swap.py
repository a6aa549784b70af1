"""The network of a learned swap: one encoder that sees expression and pose, and a decoder for each of two people.

After "deepfakes" (2017) and DeepFaceLab (Perov et al. 2020), small enough for a processor. Batches of the two people
pass the encoder one after the other, so that batch normalisation takes out of the code what each has in common: who it
is. In one batch, the people would be two clusters of codes, and a decoder would know nothing of the other's.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy

import torch
from torch import Tensor, nn

HALVINGS = 4
"""How often the encoder halves a crop: its side must be a multiple of 2 to this power."""


def _down(into: int, out: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(into, out, 5, 2, 2), nn.BatchNorm2d(out), nn.LeakyReLU(0.1))


def _up(into: int, out: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(into, 4 * out, 3, 1, 1), nn.PixelShuffle(2), nn.BatchNorm2d(out), nn.LeakyReLU(0.1))


class Encoder(nn.Module):
    """From a crop, `N×3×S×S`, 0…1, to what its decoders start from, `N×128×S/8×S/8`, through a narrow code.

    Args:
        size: Side of the crops, a multiple of 16.
        width: Channels of the first layer.
        code: Numbers in the code.
    """

    def __init__(self, size: int, width: int = 32, code: int = 128) -> None:
        super().__init__()
        self.deepest, self.side = 8 * width, size >> HALVINGS
        flat = self.deepest * self.side**2
        self.down = nn.Sequential(
            _down(3, width), _down(width, 2 * width), _down(2 * width, 4 * width), _down(4 * width, 8 * width)
        )
        self.code = nn.Sequential(nn.Linear(flat, code), nn.BatchNorm1d(code))
        self.spread = nn.Linear(code, flat)
        self.up = _up(self.deepest, 4 * width)

    def forward(self, crop: Tensor) -> Tensor:
        """Encode."""
        code = self.code(self.down(crop).flatten(1))
        made: Tensor = self.up(self.spread(code).view(-1, self.deepest, self.side, self.side))
        return made


class Decoder(nn.Module):
    """From what the encoder makes to one person's face, `N×3×S×S`, and its mask, `N×1×S×S`; 0…1.

    Args:
        width: As the encoder's.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.up = nn.Sequential(_up(4 * width, 3 * width), _up(3 * width, 3 * width // 2), _up(3 * width // 2, width))
        self.paint = nn.Conv2d(width, 4, 3, 1, 1)

    def forward(self, spread: Tensor) -> tuple[Tensor, Tensor]:
        """Paint."""
        made = torch.sigmoid(self.paint(self.up(spread)))
        return made[:, :3], made[:, 3:]


class Swap(nn.Module):
    """An encoder and a decoder that belong together: one direction of a swap.

    Args:
        encoder: Of both people.
        decoder: Of the person who comes out.
    """

    def __init__(self, encoder: Encoder, decoder: Decoder) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, crop: Tensor) -> tuple[Tensor, Tensor]:
        """Return a face and its mask."""
        made: tuple[Tensor, Tensor] = self.decoder(self.encoder(crop))
        return made


def settled(encoder: Encoder, decoder: Decoder, faces: Tensor, batch: int = 32) -> Swap:
    """Return a swap of its own whose batch normalisation uses the statistics of the person who goes in.

    Args:
        encoder: Stays as it is.
        decoder: Stays as it is.
        faces: `N×3×S×S`, many faces of the person who goes in.
        batch: Faces that pass at a time.
    """
    swap = Swap(deepcopy(encoder), deepcopy(decoder))
    norms = [layer for layer in swap.modules() if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
    swap.train()
    with torch.no_grad():
        for part in _parts(faces, batch):
            swap(part)
    swap.eval()
    return swap


def _parts(faces: Tensor, batch: int) -> Iterable[Tensor]:
    """Cut into parts of about the same size, none of a single face: that has no statistics."""
    parts: tuple[Tensor, ...] = faces.tensor_split(max(1, round(len(faces) / batch)))
    return parts


class Dssim(nn.Module):
    """Half of one minus the structural similarity, of pictures `N×3×S×S`, 0…1 (Wang et al. 2004: Gaussian, 7×7)."""

    def __init__(self) -> None:
        super().__init__()
        line = torch.exp(-((torch.arange(7) - 3.0) ** 2) / 4.5)
        kernel = torch.outer(line, line)
        self.register_buffer("kernel", (kernel / kernel.sum())[None, None].repeat(3, 1, 1, 1))

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """Return the mean over all pixels."""
        mean, other_mean = self._blur(one), self._blur(other)
        both, squares = mean * other_mean, mean * mean + other_mean * other_mean
        spread = self._blur(one * one + other * other) - squares
        shared = self._blur(one * other) - both
        similar = (2 * both + 0.01**2) * (2 * shared + 0.03**2) / ((squares + 0.01**2) * (spread + 0.03**2))
        return (1 - similar).mean() / 2

    def _blur(self, pictures: Tensor) -> Tensor:
        return nn.functional.conv2d(pictures, self.kernel, padding=3, groups=3)

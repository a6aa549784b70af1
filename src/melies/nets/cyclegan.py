"""The networks of CycleGAN, pix2pix and CUT: residual generators, the patch critic, and what contrasts patches.

Zhu, Park, Isola and Efros, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks" (ICCV
2017); Park, Efros, Zhang and Zhu, "Contrastive Learning for Unpaired Image-to-Image Translation" (ECCV 2020). The
generator's weights have the names of https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix, whose checkpoints
`models.convert.cyclegan` reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (everybody's name)

from melies.nets.small import Small

Tensor = Any


class ResnetBlock(nn.Module):
    """Two convolutions whose result is added to what goes in."""

    def __init__(self, channels: int, dropout: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3)]
        layers += [nn.InstanceNorm2d(channels), nn.ReLU()]
        layers += [nn.Dropout(0.5)] if dropout else []
        layers += [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), nn.InstanceNorm2d(channels)]
        self.conv_block = nn.Sequential(*layers)

    def forward(self, data: Tensor) -> Tensor:
        """Change `N×C×H×W` a little."""
        return data + self.conv_block(data)


class Resnet(nn.Module):
    """The generator of CycleGAN: `resnet_9blocks` or `resnet_6blocks`, after Johnson et al. (ECCV 2016).

    Args:
        blocks: Residual blocks.
        width: Channels at full size; 64 in all public models.
        dropout: Whether blocks have a dropout, as in some pix2pix models.
    """

    def __init__(self, blocks: int = 9, width: int = 64, dropout: bool = False) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7), nn.InstanceNorm2d(width), nn.ReLU()]
        for into in (width, 2 * width):
            layers += [nn.Conv2d(into, 2 * into, 3, 2, 1), nn.InstanceNorm2d(2 * into), nn.ReLU()]
        layers += [ResnetBlock(4 * width, dropout) for _ in range(blocks)]
        for into in (4 * width, 2 * width):
            layers += [nn.ConvTranspose2d(into, into // 2, 3, 2, 1, 1), nn.InstanceNorm2d(into // 2), nn.ReLU()]
        self.model = nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh())

    def forward(self, image: Tensor) -> Tensor:
        """Make a picture of a picture: both `N×3×H×W`, 0…1, H and W multiples of 4."""
        return (self.model(2 * image - 1) + 1) / 2


class Change(nn.Module):
    """The small generator, which says what is to be added to the picture: it begins by changing nothing.

    What it has no reason to change stays as sharp as it is. While it is trained, its pictures may have values beyond
    0…1, so that gradients do not end there.

    Args:
        width: As for `Small`.
        blocks: As for `Small`.
    """

    def __init__(self, width: int = 24, blocks: int = 5) -> None:
        super().__init__()
        self.small = Small(width=width, blocks=blocks)
        nn.init.zeros_(self.small.tail.weight)
        nn.init.zeros_(self.small.tail.bias)

    def forward(self, image: Tensor) -> Tensor:
        """Make a picture of a picture: both `N×3×H×W`, 0…1, H and W multiples of 4."""
        made = image + 2 * self.small(image) - 1
        return made if self.training else made.clamp(0, 1)


class Patches(nn.Module):
    """The critic of pix2pix and CycleGAN, which says of every patch of a picture how real it looks.

    Args:
        width: Channels of the first layer; 64 in the papers.
        layers: Layers that halve the size; with 3 a patch has 70×70 pixels.
        spectral: Normalise the weights (Miyato et al., ICLR 2018) and not, as in the papers, what is seen: instance
            normalisation takes away how light a picture is, and then nobody learns to make night of day.
    """

    def __init__(self, width: int = 64, layers: int = 3, *, spectral: bool = False) -> None:
        super().__init__()
        parts: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        into = width
        for index in range(1, layers + 1):
            out = width * min(2**index, 8)
            parts.append(nn.Conv2d(into, out, 4, 2 if index < layers else 1, 1))
            parts += [nn.LeakyReLU(0.2)] if spectral else [nn.InstanceNorm2d(out), nn.LeakyReLU(0.2)]
            into = out
        self.model = nn.Sequential(*parts, nn.Conv2d(into, 1, 4, 1, 1))
        normal(self)
        if spectral:
            for layer in self.model:
                if isinstance(layer, nn.Conv2d):
                    nn.utils.parametrizations.spectral_norm(layer)

    def forward(self, image: Tensor) -> Tensor:
        """Judge pictures, `N×3×H×W`, 0…1: `N×1×h×w`, 1 for real."""
        return self.model(2 * image - 1)


class Pool(nn.Module):
    """Pictures made earlier, half of which the critic sees in place of new ones (Shrivastava et al., CVPR 2017).

    They are buffers, so that a training that is resumed has them.

    Args:
        room: How many.
        size: Their side in pixels.
    """

    def __init__(self, room: int, size: int) -> None:
        super().__init__()
        self.register_buffer("kept", torch.zeros(room, 3, size, size))
        self.register_buffer("filled", torch.zeros((), dtype=torch.long))

    def swap(self, made: Tensor) -> Tensor:
        """Return what the critic is to see in place of pictures, `N×3×S×S`, which are kept for later."""
        shown = []
        for picture in made.detach():
            count = int(self.filled)
            if count < len(self.kept):
                self.kept[count] = picture
                self.filled += 1
                shown.append(picture)
            elif torch.rand(()) < 0.5:
                index = int(torch.randint(count, ()))
                shown.append(self.kept[index].clone())
                self.kept[index] = picture
            else:
                shown.append(picture)
        return torch.stack(shown)


class Contrast(nn.Module):
    """The loss of CUT: a patch of the result should be nearer to its own place in the source than to others.

    What generators see at several depths is compared, through a small network for each depth.

    Args:
        channels: Channels at each depth.
        places: How many places are compared, at most.
    """

    TEMPERATURE = 0.07

    def __init__(self, channels: Sequence[int], places: int = 256) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(count, 128), nn.ReLU(), nn.Linear(128, 128)) for count in channels
        )
        self._places = places

    def forward(self, source: Sequence[Tensor], made: Sequence[Tensor]) -> Tensor:
        """Return the loss.

        Args:
            source: What is seen in the sources at each depth, `N×C×H×W`.
            made: The same of the results.
        """
        losses = []
        for head, theirs, mine in zip(self.heads, source, made, strict=True):
            count = theirs.shape[2] * theirs.shape[3]
            which = torch.randperm(count, device=theirs.device)[: self._places]
            keys, queries = (F.normalize(head(seen.flatten(2)[..., which].mT), dim=-1) for seen in (theirs, mine))
            alike = queries @ keys.detach().mT / self.TEMPERATURE
            right = torch.arange(len(which), device=alike.device).expand(len(alike), -1)
            losses.append(F.cross_entropy(alike.flatten(0, 1), right.flatten()))
        return torch.stack(losses).mean()


def generator(name: str) -> Resnet | Change:
    """Make a generator: `small`, `resnet6` or `resnet9`."""
    net = Change() if name == "small" else Resnet(6 if name == "resnet6" else 9)
    if isinstance(net, Resnet):
        normal(net)
    return net


def depths(net: Resnet | Change) -> list[tuple[nn.Module, int]]:
    """Return the layers of a generator whose features `Contrast` compares, and how many channels they have."""
    if isinstance(net, Change):
        body, width = net.small.body, net.small.tail.in_channels
        return [(net.small.head, width), (net.small.down, 2 * width), (body[1], 2 * width), (body[3], 2 * width)]
    width = net.model[1].out_channels
    return [(net.model[3], width), (net.model[6], 2 * width), (net.model[9], 4 * width), (net.model[13], 4 * width)]


def normal(net: nn.Module) -> None:
    """Begin as the papers do: weights from a normal distribution of deviation 0.02, and biases of 0."""
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0, 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

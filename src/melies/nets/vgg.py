"""What VGG19 sees in a picture: the yardstick of perceptual losses.

Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition" (ICLR 2015); Johnson,
Alahi and Fei-Fei, "Perceptual Losses for Real-Time Style Transfer" (ECCV 2016).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (everybody's name)

from melies.errors import ModelError
from melies.models.convert import checkpoint

Tensor = Any

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pictures."""
LAYERS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512)
"""Channels of the convolutions; 0 is a pooling."""
SEEN = (1, 3, 5, 9, 13)
"""The convolutions, counted from 1, after whose ReLU one looks: relu1_1, relu2_1 … relu5_1."""


class Vgg19(nn.Module):
    """The convolutions of VGG19 up to relu5_1, under torchvision's names."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[Any] = []
        into = 3
        for out in LAYERS:
            layers += [nn.Conv2d(into, out, 3, padding=1), nn.ReLU()] if out else [nn.MaxPool2d(2)]
            into = out or into
        self.features = nn.Sequential(*layers)
        self.register_buffer("mean", torch.tensor(MEAN).reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION).reshape(1, 3, 1, 1), persistent=False)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read torchvision's weights.

        Raises:
            UseError: There is no such file.
            ModelError: It holds something else.
        """
        net = cls()
        weights = {name: torch.tensor(value) for name, value in checkpoint.read(path).items()}
        try:
            net.load_state_dict({name: weights[name] for name in net.state_dict()})
        except (KeyError, RuntimeError) as error:
            raise ModelError(f"{path} does not hold the weights of torchvision's VGG19: {error}.") from None
        net.requires_grad_(False).eval()
        return net

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Return what is seen at five depths in pictures, `N×3×H×W`, RGB of 0…1."""
        data = (pictures - self.mean) / self.deviation
        seen, count = [], 0
        for layer in self.features:
            if isinstance(layer, nn.MaxPool2d) and min(data.shape[2:]) == 1:
                break
            data = layer(data) if not isinstance(layer, nn.ReLU) else F.relu(data)
            if isinstance(layer, nn.ReLU):
                count += 1
                if count in SEEN:
                    seen.append(data)
        return seen

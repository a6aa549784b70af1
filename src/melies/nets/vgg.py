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


VGG16 = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512)
"""Channels of VGG16's convolutions up to conv4_3; 0 is a pooling."""
STYLES_SEEN = ("1_2", "2_2", "3_3", "4_3")
"""The layers of VGG16 at which styles are compared, after their ReLU, as Johnson et al. do."""
CAFFE_MEAN = (103.939, 116.779, 123.68)
"""Of ImageNet's pictures, 0…255, blue first, as the original weights want it."""


class Vgg16(nn.Module):
    """The convolutions of VGG16 up to conv4_3, with the original weights.

    Args:
        path: The file of the registry's row `vgg16`, an ONNX file of Keras's network.

    Raises:
        ModelError: It holds something else.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        import onnx

        weights = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer}
        self.convolutions = nn.ModuleDict()
        into, stage, number = 3, 1, 1
        for out in VGG16:
            if not out:
                stage, number = stage + 1, 1
                continue
            name = f"functional_1/block{stage}_conv{number}_1"
            convolution = nn.Conv2d(into, out, 3, padding=1)
            try:
                convolution.weight.data.copy_(torch.tensor(weights[f"{name}/convolution/ReadVariableOp:0"]))
                convolution.bias.data.copy_(torch.tensor(weights[f"{name}/Squeeze:0"]))
            except (KeyError, RuntimeError) as error:
                raise ModelError(f"{path} does not hold the weights of VGG16: {error}.") from None
            self.convolutions[f"{stage}_{number}"] = convolution
            into, number = out, number + 1
        self.register_buffer("mean", torch.tensor(CAFFE_MEAN).reshape(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    def forward(self, pictures: Tensor, upto: str = STYLES_SEEN[-1]) -> dict[str, Tensor]:
        """Return what is seen at `STYLES_SEEN`, up to a layer, in pictures, `N×3×H×W`, RGB of 0…1.

        It is computed in the precision of the weights, and given in float32.
        """
        data = pictures.flip(1) * 255 - self.mean
        data = data.to(self.convolutions["1_1"].weight.dtype, memory_format=torch.channels_last)
        seen, stage = {}, "1"
        for name, convolution in self.convolutions.items():
            if name[0] != stage:
                data, stage = F.max_pool2d(data, 2), name[0]
            data = F.relu(convolution(data))
            if name in STYLES_SEEN:
                seen[name] = data.float()
            if name == upto:
                break
        return seen

"""The generator of PyTorch's fast style example, under its names: what public `.pth` files hold.

Johnson, Alahi and Fei-Fei, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution" (ECCV 2016). Effects
run what `models.convert.fast_style` makes of such files; this is what that is compared with.
"""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn import functional as F  # noqa: N812 (everybody's name)

Tensor = Any


class _Conv(nn.Module):
    def __init__(self, into: int, out: int, side: int, stride: int = 1, larger: int = 1) -> None:
        super().__init__()
        self.larger, self.pad = larger, nn.ReflectionPad2d(side // 2)
        self.conv2d = nn.Conv2d(into, out, side, stride)

    def forward(self, data: Tensor) -> Tensor:
        if self.larger > 1:
            data = F.interpolate(data, scale_factor=float(self.larger), mode="nearest")
        return self.conv2d(self.pad(data))


class _Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.in1 = _Conv(channels, channels, 3), nn.InstanceNorm2d(channels, affine=True)
        self.conv2, self.in2 = _Conv(channels, channels, 3), nn.InstanceNorm2d(channels, affine=True)

    def forward(self, data: Tensor) -> Tensor:
        return data + self.in2(self.conv2(F.relu(self.in1(self.conv1(data)))))


class TransformerNet(nn.Module):
    """Paint pictures, `N×3×H×W` of 0…255, sides multiples of 4; what comes out is not clipped to that range."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.in1 = _Conv(3, 32, 9), nn.InstanceNorm2d(32, affine=True)
        self.conv2, self.in2 = _Conv(32, 64, 3, 2), nn.InstanceNorm2d(64, affine=True)
        self.conv3, self.in3 = _Conv(64, 128, 3, 2), nn.InstanceNorm2d(128, affine=True)
        for index in range(1, 6):
            setattr(self, f"res{index}", _Block(128))
        self.deconv1, self.in4 = _Conv(128, 64, 3, larger=2), nn.InstanceNorm2d(64, affine=True)
        self.deconv2, self.in5 = _Conv(64, 32, 3, larger=2), nn.InstanceNorm2d(32, affine=True)
        self.deconv3 = _Conv(32, 3, 9)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the same pictures, painted."""
        data = F.relu(self.in1(self.conv1(pictures)))
        data = F.relu(self.in2(self.conv2(data)))
        data = F.relu(self.in3(self.conv3(data)))
        for index in range(1, 6):
            data = getattr(self, f"res{index}")(data)
        data = F.relu(self.in4(self.deconv1(data)))
        data = F.relu(self.in5(self.deconv2(data)))
        return self.deconv3(data)

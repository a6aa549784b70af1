"""The First Order Motion Model, with the weights' names of the public checkpoints.

Siarohin, Lathuilière, Tulyakov, Ricci and Sebe, "First Order Motion Model for Image Animation" (NeurIPS 2019).
Pictures are RGB, 0…1, `N×3×H×W`; places are -1…1, x before y, and -1 and 1 are the middles of the outermost pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (everybody's name)

from melies.errors import ModelError
from melies.models.convert import fomm
from melies.models.convert.fomm import TEMPERATURE, VARIANCE, Layout

Tensor = Any
"""PyTorch is not among what the types are checked with."""
KeyPoints = dict[str, Tensor]
"""`value`, `N×K×2`, where points are; `jacobian`, `N×K×2×2`, how the picture is turned and stretched around them."""


def grid(height: int, width: int, like: Tensor) -> Tensor:
    """Return the places of all pixels, `H×W×2`."""
    x = torch.linspace(-1, 1, width, device=like.device, dtype=like.dtype)
    y = torch.linspace(-1, 1, height, device=like.device, dtype=like.dtype)
    return torch.stack([x.expand(height, width), y[:, None].expand(height, width)], dim=-1)


class Block(nn.Module):
    """Convolution, batch normalisation, ReLU; and a change of size before or after them."""

    def __init__(self, into: int, out: int, side: int = 3, size: str = "same") -> None:
        super().__init__()
        self.conv = nn.Conv2d(into, out, side, padding=side // 2)
        self.norm = nn.BatchNorm2d(out)
        self.size = size

    def forward(self, data: Tensor) -> Tensor:
        """Half (`down`), twice (`up`) or the same height and width."""
        if self.size == "up":
            data = F.interpolate(data, scale_factor=2)
        data = F.relu(self.norm(self.conv(data)))
        return F.avg_pool2d(data, 2) if self.size == "down" else data


class Residual(nn.Module):
    """Two convolutions, each after normalisation and ReLU, beside the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(channels)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, data: Tensor) -> Tensor:
        """The same shape."""
        made = self.conv1(F.relu(self.norm1(data)))
        return data + self.conv2(F.relu(self.norm2(made)))


class Hourglass(nn.Module):
    """A U-Net without a last convolution: its output ends with its input."""

    def __init__(self, down: list[tuple[int, int]], up: list[tuple[int, int]]) -> None:
        super().__init__()
        self.encoder = nn.Module()
        self.decoder = nn.Module()
        self.encoder.down_blocks = nn.ModuleList(Block(*pair, size="down") for pair in down)
        self.decoder.up_blocks = nn.ModuleList(Block(*pair, size="up") for pair in up)

    def forward(self, data: Tensor) -> Tensor:
        """The same height and width."""
        outs = [data]
        for block in self.encoder.down_blocks:
            outs.append(block(outs[-1]))
        data = outs.pop()
        for block in self.decoder.up_blocks:
            data = torch.cat([block(data), outs.pop()], dim=1)
        return data


class Shrink(nn.Module):
    """A blur and then every so many pixels of a picture, so that fine patterns do not turn into coarse ones."""

    def __init__(self, scale: float, side: int) -> None:
        super().__init__()
        self.step = round(1 / scale)
        away = torch.arange(side) - side // 2
        sigma = (1 / scale - 1) / 2
        line = torch.exp(-(away**2) / (2 * sigma**2)) if sigma else torch.ones(1)
        kernel = line[:, None] * line
        self.register_buffer("weight", (kernel / kernel.sum()).expand(3, 1, side, side).clone())

    def forward(self, picture: Tensor) -> Tensor:
        """`1 / step` of the height and width."""
        return F.conv2d(picture, self.weight, padding=self.weight.shape[-1] // 2, stride=self.step, groups=3)


class Detector(nn.Module):
    """Finds points in a picture, and how it is turned and stretched around them."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.predictor = Hourglass(
            *layout.hourglass(3, layout.detector_width, layout.detector_depth, layout.detector_most)
        )
        self.kp = nn.Conv2d(layout.detector_width + 3, layout.points, 7)
        self.jacobian = nn.Conv2d(layout.detector_width + 3, 4 * layout.points, 7)
        self.down = Shrink(layout.scale, layout.blur)
        nn.init.zeros_(self.jacobian.weight)
        with torch.no_grad():
            self.jacobian.bias.copy_(torch.tensor([1.0, 0, 0, 1] * layout.points))

    def forward(self, picture: Tensor) -> KeyPoints:
        """Return the points."""
        data = self.predictor(self.down(picture))
        heat = self.kp(data)
        height, width = heat.shape[2:]
        where = torch.softmax(heat.flatten(2) / TEMPERATURE, dim=2)
        value = where @ grid(height, width, heat).reshape(-1, 2)
        turns = self.jacobian(data).reshape(*where.shape[:2], 4, -1)
        jacobian = (turns * where[:, :, None]).sum(-1).reshape(*where.shape[:2], 2, 2)
        return {"value": value, "jacobian": jacobian}


class DenseMotion(nn.Module):
    """Decides which point's motion each place follows, and what of the source cannot be seen there."""

    def __init__(self, layout: Layout, align_corners: bool) -> None:
        super().__init__()
        into = 4 * (layout.points + 1)
        self.hourglass = Hourglass(
            *layout.hourglass(into, layout.motion_width, layout.motion_depth, layout.motion_most)
        )
        self.mask = nn.Conv2d(layout.motion_width + into, layout.points + 1, 7, padding=3)
        self.occlusion = nn.Conv2d(layout.motion_width + into, 1, 7, padding=3)
        self.down = Shrink(layout.scale, layout.blur)
        self.align_corners = align_corners

    def forward(self, source: Tensor, at: KeyPoints, to: KeyPoints) -> tuple[Tensor, Tensor]:
        """Return where each place comes from, `N×H×W×2`, and how much of it is to be seen there, `N×1×H×W`.

        Args:
            source: The picture.
            at: Its points.
            to: Where they should come to lie.
        """
        small = self.down(source)
        number, _, height, width = small.shape
        places = grid(height, width, small)
        here, there = (points["value"][:, :, None, None] for points in (to, at))
        turn = at["jacobian"] @ torch.linalg.inv(to["jacobian"])
        away = places - here
        moved = torch.einsum("nkij,nkhwj->nkhwi", turn, away) + there
        moved = torch.cat([places.expand(number, 1, height, width, 2), moved], dim=1)
        blobs = torch.exp(-0.5 * (away**2).sum(-1) / VARIANCE)
        blobs = blobs - torch.exp(-0.5 * ((places - there) ** 2).sum(-1) / VARIANCE)
        blobs = torch.cat([torch.zeros_like(blobs[:, :1]), blobs], dim=1)

        copies = small[:, None].expand(-1, moved.shape[1], -1, -1, -1).flatten(0, 1)
        deformed = F.grid_sample(copies, moved.flatten(0, 1), align_corners=self.align_corners)
        seen = torch.cat([blobs.unsqueeze(2), deformed.reshape(number, -1, 3, height, width)], dim=2)
        data = self.hourglass(seen.flatten(1, 2))
        mask = torch.softmax(self.mask(data), dim=1)
        return (mask.unsqueeze(-1) * moved).sum(1), torch.sigmoid(self.occlusion(data))


class Generator(nn.Module):
    """Moves the source's features, hides what was not to be seen, and paints the picture.

    Args:
        layout: How wide and deep it is.
        align_corners: See `fomm.convert`.
    """

    def __init__(self, layout: Layout, align_corners: bool = True) -> None:
        super().__init__()
        self.dense_motion_network = DenseMotion(layout, align_corners)
        self.first = Block(3, layout.width, 7)
        steps = list(pairwise(layout.features))
        self.down_blocks = nn.ModuleList(Block(into, out, size="down") for into, out in steps)
        self.up_blocks = nn.ModuleList(Block(into, out, size="up") for out, into in reversed(steps))
        self.bottleneck = nn.Sequential()
        for index in range(layout.blocks):
            self.bottleneck.add_module(f"r{index}", Residual(layout.features[-1]))
        self.final = nn.Conv2d(layout.width, 3, 7, padding=3)
        self.align_corners = align_corners

    def forward(self, source: Tensor, at: KeyPoints, to: KeyPoints) -> Tensor:
        """Return the picture in which the source's points lie elsewhere; arguments as for `DenseMotion`."""
        flow, seen = self.dense_motion_network(source, at, to)
        data = self.first(source)
        for block in self.down_blocks:
            data = block(data)
        inner = data.shape[2:]
        if flow.shape[1:3] != inner:
            flow = F.interpolate(flow.permute(0, 3, 1, 2), size=inner, mode="bilinear").permute(0, 2, 3, 1)
            seen = F.interpolate(seen, size=inner, mode="bilinear")
        data = F.grid_sample(data, flow, align_corners=self.align_corners) * seen
        data = self.bottleneck(data)
        for block in self.up_blocks:
            data = block(data)
        return torch.sigmoid(self.final(data))


def load(weights: fomm.Weights, *, align_corners: bool = True) -> tuple[Detector, Generator]:
    """Make both networks of a checkpoint, strictly: every weight is used and none is missing.

    Args:
        weights: As `checkpoint.read(path, fomm.PARTS)` returns them.
        align_corners: See `fomm.convert`.

    Raises:
        ModelError: These are not the weights of such a model.
    """
    layout = fomm.layout(weights)
    made: tuple[Any, Any] = Detector(layout), Generator(layout, align_corners)
    for part, net in zip(fomm.PARTS, made, strict=True):
        state = {
            name.removeprefix(f"{part}."): torch.tensor(value)
            for name, value in weights.items()
            if name.startswith(f"{part}.")
        }
        try:
            net.load_state_dict(state)
        except RuntimeError as error:
            raise ModelError(f"The weights of {part} do not fit: {error}") from None
        net.eval()
    return made


def weights_of(networks: Mapping[str, Any]) -> dict[str, Any]:
    """Return the weights of networks, by the names in a checkpoint, as numpy arrays."""
    return {
        f"{part}.{name}": value.detach().cpu().numpy()
        for part, net in networks.items()
        for name, value in net.state_dict().items()
    }

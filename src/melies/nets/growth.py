"""A cellular automaton that a small network drives, for training: `melies.growing.network` says what it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (everybody's name)

from melies.growing.network import ALIVE, CHANNELS, FILTERS, HIDDEN, Kind

Tensor = Any

OFTEN = 0.5
"""The share of the cells that change in a step."""


class Growth(nn.Module):
    """The network in every cell.

    Args:
        kind: Whether a pattern is to grow, or a texture.
    """

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.kind = kind
        self.first = nn.Conv2d(4 * CHANNELS, HIDDEN, 1)
        self.second = nn.Conv2d(HIDDEN, CHANNELS, 1, bias=False)
        # At first nothing happens: a network that begins with noise ends with it.
        nn.init.zeros_(self.second.weight)
        filters = torch.from_numpy(np.tile(FILTERS, (CHANNELS, 1, 1))[:, None])
        self.register_buffer("filters", filters, persistent=False)

    def forward(self, cells: Tensor, chosen: Tensor) -> Tensor:
        """Do a step: cells, `N×C×H×W`, and which of them change, `N×1×H×W` of 0 and 1."""
        padded = F.pad(cells, (1, 1, 1, 1), mode="circular" if self.kind == "texture" else "constant")
        seen = F.conv2d(padded, self.filters, groups=CHANNELS)
        made = cells + self.second(F.relu(self.first(seen))) * chosen
        if self.kind == "texture":
            return made
        around = [F.max_pool2d(data[:, 3:4], 3, 1, 1) for data in (cells, made)]
        return made * (torch.minimum(*around) > ALIVE)

    def steps(self, cells: Tensor, count: int) -> Tensor:
        """Do several steps, in each of which a cell changes or not by lot."""
        for _ in range(count):
            chosen = (torch.rand(len(cells), 1, *cells.shape[2:], device=cells.device) < OFTEN).float()
            cells = self(cells, chosen)
        return cells

    def weights(self) -> dict[str, Any]:
        """Return the weights as `melies.growing.network.written` takes them."""
        named = {"first": self.first.weight, "bias": self.first.bias, "second": self.second.weight}
        return {name: value.detach().cpu().numpy().squeeze() for name, value in named.items()}


class Pool(nn.Module):
    """Cells that were grown earlier and go on from there, so that what is learned holds for long.

    Args:
        cells: `N×C×H×W`.
    """

    def __init__(self, cells: Tensor) -> None:
        super().__init__()
        self.register_buffer("cells", cells)

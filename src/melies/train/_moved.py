"""Pictures moved a little, as a camera would: what a network makes of them should have moved along.

In place of films with their optical flow, stills are moved by known affine maps: the motion is exact, and any will do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch.nn import functional as F  # noqa: N812 (everybody's name)

Tensor = Any

TURN, ZOOM, SHIFT = 0.06, 0.05, 0.08
"""How far a picture is moved: radians, a share of its size, and a share of half its size."""


def affine(rng: np.random.Generator, count: int) -> Any:
    """Draw small turns, zooms and shifts: `count×2×3` float32, as `torch.nn.functional.affine_grid` takes them."""
    turns, zooms = rng.uniform(-TURN, TURN, count), 1 + rng.uniform(-ZOOM, ZOOM, count)
    shifts = rng.uniform(-SHIFT, SHIFT, (2, count))
    cosines, sines = zooms * np.cos(turns), zooms * np.sin(turns)
    rows: Sequence[Any] = ((cosines, -sines, shifts[0]), (sines, cosines, shifts[1]))
    return np.array(rows, np.float32).transpose(2, 0, 1).copy()


def warped(batch: Tensor, maps: Tensor, beyond: str = "reflection") -> Tensor:
    """Move pictures or features, `N×C×H×W`, by affine maps, `N×2×3`."""
    grid = F.affine_grid(maps, list(batch.shape), align_corners=False)
    return F.grid_sample(batch, grid, mode="bilinear", padding_mode=beyond, align_corners=False)

"""Random smooth deformations of pictures, whose effect on any place is known."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F  # noqa: N812 (everybody's name)

from melies.nets.fomm import grid

Tensor = Any


class Deformation:
    """A random affine map and a thin-plate spline on top, one for each picture of a batch.

    Args:
        count: How many.
        affine: Standard deviation of the affine map's six numbers, around the identity.
        spline: Standard deviation of the spline's weights.
        points: The spline has `points`×`points` control points.
        device: Where.
    """

    def __init__(
        self, count: int, device: Any, *, affine: float = 0.05, spline: float = 0.005, points: int = 5
    ) -> None:
        self._affine = torch.eye(2, 3, device=device) + affine * torch.randn(count, 2, 3, device=device)
        self._controls = grid(points, points, self._affine).reshape(1, 1, -1, 2)
        self._weights = spline * torch.randn(count, 1, points**2, device=device)

    def places(self, places: Tensor) -> Tensor:
        """Carry places, `N×P×2`, -1…1, from the deformed pictures to the ones they were made of."""
        moved = places @ self._affine[:, :, :2].mT + self._affine[:, None, :, 2]
        distances = (places[:, :, None] - self._controls).abs().sum(-1)
        bent = (self._weights * distances**2 * torch.log(distances + 1e-6)).sum(-1)
        return moved + bent[..., None]

    def pictures(self, pictures: Tensor) -> Tensor:
        """Deform pictures, `N×C×H×W`; beyond the edge they are mirrored."""
        height, width = pictures.shape[2:]
        everywhere = grid(height, width, pictures).reshape(1, -1, 2).expand(len(pictures), -1, -1)
        came_from = self.places(everywhere).reshape(-1, height, width, 2)
        return F.grid_sample(pictures, came_from, padding_mode="reflection", align_corners=True)

    def jacobian(self, places: Tensor) -> Tensor:
        """Return how `places` turns and stretches the picture around places, `N×P×2×2`; these must need gradients."""
        moved = self.places(places)
        rows = [torch.autograd.grad(moved[..., axis].sum(), places, create_graph=True)[0] for axis in (0, 1)]
        return torch.stack(rows, dim=-2)

"""What `melies train growth` does in a step, shows, measures and writes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812 (everybody's name)

import melies
from melies.errors import UseError
from melies.frame import Image
from melies.growing.network import CHANNELS, KEY, LIMIT, Kind, written
from melies.imaging import to_depth
from melies.matting.scale import cv
from melies.models.metadata import with_metadata
from melies.nets.growth import Growth as Net
from melies.nets.growth import Pool
from melies.translating.card import KEY as CARD
from melies.translating.card import Card

if TYPE_CHECKING:
    from melies.train.growth import Growth

Tensor = Any

POOL = 64
"""Fields of cells that are kept."""
ANEW = 0.125
"""The share of the fields that begin anew, the worst first: of more, none grows old enough to show whether it lasts."""
DAMAGED = 1
"""Fields of a pattern in a step out of which a disc is cut, so that it learns to heal."""
EMPTY = 0.15
"""Share of a pattern's side that is left free around it."""
PATCH = 7
"""Side of the patches by which textures are compared."""
DIRECTIONS = 96
"""Ways in which they are looked at, drawn anew every time."""
LEVELS = 3
"""Sizes at which they are looked at, each half the one before."""
OVERFLOW = 0.1
"""How much it counts that numbers leave the limit, from where they would run away."""


class GrowthWork:
    """The network, the picture, and fields of cells that were grown earlier."""

    def __init__(self, options: Growth, rng: np.random.Generator, device: str) -> None:
        if options.most < options.least:
            raise UseError(f"--most is {options.most} and less than --least, {options.least}.", "Change one of them.")
        self._options, self._rng, self._device = options, rng, device
        self._kind: Kind = self._found_kind()
        self._net: Any = Net(self._kind).to(device)
        self._pool: Any = Pool(self._seeds(POOL)).to(device)
        self.networks: Mapping[str, Any] = {"growth": self._net, "pool": self._pool}
        self.optimisers: Mapping[str, Any] = {"adam": torch.optim.Adam(self._net.parameters(), options.rate)}

    def step(self) -> Mapping[str, Any]:
        """Let some fields grow, and change the network so that they come out more like the picture."""
        options = self._options
        chosen = self._rng.choice(POOL, options.batch, replace=False)
        cells = self._pool.cells[chosen]
        with torch.no_grad():
            order = self._apart(cells).argsort(descending=True)
            chosen, cells = chosen[order.cpu().numpy()], cells[order]
            anew = int((self._rng.random(options.batch) < ANEW).sum())
            cells[:anew] = self._seeds(anew)
            if self._kind == "pattern":
                cells[-DAMAGED:] *= self._holes(DAMAGED)
        grown = self._net.steps(cells, int(self._rng.integers(options.least, options.most + 1)))
        apart = self._apart(grown).mean()
        overflow = (grown - grown.clamp(-LIMIT, LIMIT)).abs().mean()
        (optimiser,) = self.optimisers.values()
        optimiser.zero_grad()
        (apart + OVERFLOW * overflow).backward()
        for weights in self._net.parameters():  # the many steps make gradients of any size
            weights.grad /= weights.grad.norm() + 1e-8
        optimiser.step()
        self._pool.cells[chosen] = grown.detach()
        return {"apart": apart.detach(), "overflow": overflow.detach()}

    def measure(self) -> Mapping[str, float]:
        """Tell how far from the picture cells are that grow from the beginning, and that go on growing."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            once = self._net.steps(self._seeds(2), self._options.most)
            later = self._net.steps(once, 3 * self._options.most)
            return {"apart": float(self._apart(once).mean()), "apart later": float(self._apart(later).mean())}

    def preview(self) -> Image:
        """The picture, and cells as they grow."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            cells, shown = self._seeds(1), [self._target]
            for _ in range(5):
                cells = self._net.steps(cells, self._options.most)
                shown.append(self._painted(cells)[0])
        sheet = np.concatenate([self._sheet(one) for one in shown], axis=1)
        return np.asarray(cv.resize(sheet, None, fx=3, fy=3, interpolation=0))

    def export(self, folder: Path) -> list[Path]:
        """Write `growth.onnx`."""
        card = Card(name=folder.name, task="growth", description=f"Cells that grow into a {self._kind}.")
        path = folder / "growth.onnx"
        about = {KEY: self._kind, CARD: card.model_dump_json()}
        path.write_bytes(with_metadata(written(self._net.weights(), self._kind), about))
        return [path]

    @cached_property
    def _picture(self) -> Image:
        image = next(iter(melies.open(self._options.picture).source.frames())).image
        return to_depth(image, np.dtype(np.uint8))

    def _found_kind(self) -> Kind:
        if self._options.kind != "auto":
            return self._options.kind
        return "pattern" if self._picture.shape[2] == 4 and self._picture[..., 3].min() < 128 else "texture"

    @cached_property
    def _target(self) -> Tensor:
        """What is to be grown: of a pattern colours times opacity, and opacity, `4×S×S`; of a texture colours."""
        image = self._picture.astype(np.float32) / 255
        size = self._options.size
        if self._kind == "texture":
            scale = size / min(image.shape[:2])
            small = cv.resize(image[..., :3], None, fx=scale, fy=scale, interpolation=3)
            return torch.from_numpy(small.transpose(2, 0, 1).copy()).to(self._device)
        if image.shape[2] == 3:
            image = np.dstack([image, np.ones(image.shape[:2], np.float32)])
        image[..., :3] *= image[..., 3:]
        inner = size - 2 * round(EMPTY * size)
        scale = inner / max(image.shape[:2])
        small = cv.resize(image, None, fx=scale, fy=scale, interpolation=3)
        target = np.zeros((size, size, 4), np.float32)
        top, left = (size - small.shape[0]) // 2, (size - small.shape[1]) // 2
        target[top : top + small.shape[0], left : left + small.shape[1]] = small
        return torch.from_numpy(target.transpose(2, 0, 1).copy()).to(self._device)

    def _seeds(self, count: int) -> Tensor:
        """Fields as they begin, as `melies.growing.network.Automaton.seeded` makes them."""
        size = self._options.size
        if self._kind == "texture":
            return (torch.rand(count, CHANNELS, size, size, device=self._device) - 0.5) * 0.2
        cells = torch.zeros(count, CHANNELS, size, size, device=self._device)
        cells[:, 3:, size // 2, size // 2] = 1
        return cells

    def _holes(self, count: int) -> Tensor:
        """Discs of 0 in fields of 1, `N×1×S×S`."""
        size = self._options.size
        y, x = torch.meshgrid(*[torch.linspace(-1, 1, size)] * 2, indexing="ij")
        lots = self._rng.uniform((-0.5, -0.5, 0.15), (0.5, 0.5, 0.4), (count, 3))
        discs = [((x - a) ** 2 + (y - b) ** 2 > r * r).float() for a, b, r in lots]
        return torch.stack(discs)[:, None].to(self._device)

    def _painted(self, cells: Tensor) -> Tensor:
        return cells[:, :4] if self._kind == "pattern" else cells[:, :3] + 0.5

    def _sheet(self, painted: Tensor) -> Image:
        """Make a square of a sheet, before white."""
        size = self._options.size
        colours = painted[:3, :size, :size]
        if len(painted) == 4:
            colours = colours + 1 - painted[3:]
        image: Image = (colours.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
        return image

    def _apart(self, cells: Tensor) -> Tensor:
        """How far each field is from the picture, `N`."""
        painted = self._painted(cells)
        if self._kind == "pattern":
            return (painted - self._target).square().mean((1, 2, 3))
        return patches_apart(painted, self._target)


def patches_apart(fields: Tensor, picture: Tensor) -> Tensor:
    """How differently the small patches of fields are distributed from those of a picture, at several sizes.

    The sliced Wasserstein distance of patches: Elnekave and Weiss, "Generating natural images with direct Patch
    Distributions Matching" (ECCV 2022).

    Args:
        fields: `N×3×S×S`, 0…1.
        picture: `3×H×W`.

    Returns:
        `N`.
    """
    total: Tensor = 0
    wanted = picture[None]
    for level in range(LEVELS):
        directions = torch.randn(DIRECTIONS, 3, PATCH, PATCH, device=fields.device)
        directions /= directions.flatten(1).norm(dim=1)[:, None, None, None]
        have = F.conv2d(fields, directions).flatten(2).sort(2).values
        want = F.conv2d(wanted, directions).flatten(2).sort(2).values
        want = F.interpolate(want, have.shape[2], mode="linear", align_corners=True)
        total = total + (have - want).abs().mean((1, 2))
        if level < LEVELS - 1:
            fields, wanted = F.avg_pool2d(fields, 2), F.avg_pool2d(wanted, 2)
    return total

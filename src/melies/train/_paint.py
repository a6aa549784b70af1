"""What `melies train paint` does in a step, shows, measures and writes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812 (everybody's name)

from melies.frame import Image
from melies.models import store
from melies.nets.painter import Critic, Painter
from melies.nets.small import Small
from melies.nets.vgg import Vgg16
from melies.painting import palette
from melies.train._export import write
from melies.train._moved import affine, warped
from melies.train._pairs import Pairs, paired
from melies.train._precision import descend
from melies.translating.card import LAYOUT, Card

if TYPE_CHECKING:
    from melies.train.paint import Paint

Tensor = Any

SEEN = "3_3"
"""The deepest layer of VGG16 that is compared; those above see whole things, which a small painter cannot paint."""
SHOWN = 6
"""Pairs on a preview."""
SURE = 0.999
"""What a class comes to, after being moved, where there was no other around; rounding takes a little."""
_MULTIPLES = {"spade": 16, "small": 4, "unet": 32}


class PaintWork:
    """The painter, the critic, and the pairs that both are shown."""

    def __init__(self, options: Paint, rng: np.random.Generator, device: str) -> None:
        self._options, self._rng, self._device = options, rng, device
        self._palette = palette.find(options.classes)
        paired(options)  # what is not there is said before VGG16 is asked for, and both before the pairs are read
        sees = store.path("vgg16") if options.features else None
        self._pairs = Pairs(options, self._palette, device)
        count = len(self._palette.classes)
        self._painter = _painter(options.net, count).to(device)
        self._critic = Critic(count).to(device)
        self._sees = Vgg16(sees).to(device) if sees is not None else None
        self.networks: Mapping[str, Any] = {"painter": self._painter, "critic": self._critic}
        self.optimisers: Mapping[str, Any] = {
            name: torch.optim.Adam(net.parameters(), options.rate, betas=(0.5, 0.999))
            for name, net in self.networks.items()
        }

    def step(self) -> Mapping[str, Any]:
        """Let the painter paint some layouts, and the critic judge."""
        layouts, photos = self._pairs.batch(self._rng, self._options.batch)
        losses = {}
        if self._options.steady:
            painted, apart = self._moved(layouts, self._rng)
            losses["moved"] = self._options.steady * apart
        else:
            painted = self._painter(layouts).float()
        losses["pixels"] = self._options.pixels * (painted - photos).abs().mean()
        if self._sees is not None:
            losses["features"] = self._options.features * self._apart(painted, photos)
        if self._options.critic:
            losses |= self._judged(layouts, painted, photos)
        descend(self.optimisers["painter"], sum(losses.values()))
        if self._options.critic:
            losses["critic"] = self._teach(layouts, painted.detach(), photos)
        return {name: loss.detach() for name, loss in losses.items()}

    def measure(self) -> Mapping[str, float]:
        """Measure held-out pairs.

        Returns:
            `L1`: the mean absolute error, 0…1; `moved`: how different the painting of a moved layout is from the moved
            painting, in the same unit; `features`: how differently paintings and photographs are seen.
        """
        rng = np.random.default_rng(0)
        pixels, moved, seen = [], [], []
        for index in self._pairs.held_out:
            layout, photo = self._pairs.tensors([index])
            painted, apart = self._moved(layout, rng)
            pixels.append(float((painted - photo).abs().mean()))
            moved.append(float(apart))
            if self._sees is not None:
                seen.append(float(self._apart(painted, photo)))
        measured = {"L1": pixels, "moved": moved, **({"features": seen} if seen else {})}
        return {name: float(np.mean(values)) for name, values in measured.items()}

    def preview(self) -> Image:
        """Layout, painting and photograph of held-out pairs, one pair a column."""
        columns = []
        for index in self._pairs.held_out[:: max(1, len(self._pairs.held_out) // SHOWN)][:SHOWN]:
            layout, photo = self._pairs.tensors([index])
            labels = self._palette.painted(self._pairs.labels[index])
            rows = [_picture(self._painter(layout)), _picture(photo)]
            columns.append(np.concatenate([labels, *rows]))
        return np.concatenate(columns, axis=1)

    def export(self, folder: Path) -> list[Path]:
        """Write `painter.onnx`."""
        classes = len(self._palette.classes)
        about = Card(
            name=folder.name,
            task="paint",
            description=f"Paints photographs from layouts of {classes} classes.",
            classes=self._palette.entries,
            side=min(self._options.width, self._options.height),
            multiple=_MULTIPLES[self._options.net],
        )
        layout, _ = self._pairs.tensors(self._pairs.held_out[:1])
        try:
            return [write(self._painter.cpu(), (layout.cpu(),), folder / "painter.onnx", (LAYOUT,), about)]
        finally:
            self._painter.to(self._device)

    def _moved(self, layouts: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Paint layouts, and the same ones moved a little.

        Both are one batch, so that they are normalised alike.

        Returns:
            The paintings, and how different those of the moved layouts are from the moved paintings, 0…1, where there
            is one class all around: borders of classes are drawn anew, and beyond the picture nothing is known.
        """
        maps = torch.from_numpy(affine(rng, len(layouts))).to(self._device)
        there = F.one_hot(warped(layouts, maps).argmax(1), layouts.shape[1]).permute(0, 3, 1, 2).float()
        sure = (warped(layouts, maps, "zeros").amax(1, keepdim=True) > SURE).float()
        painted, again = self._painter(torch.cat([layouts, there])).float().chunk(2)
        apart = (again - warped(painted, maps)).abs() * sure
        return painted, apart.mean() / sure.mean().clamp_min(1e-6)

    def _judged(self, layouts: Tensor, painted: Tensor, photos: Tensor) -> dict[str, Tensor]:
        self._critic.requires_grad_(False)
        verdict, seen = self._critic(layouts, painted)
        with torch.no_grad():
            _, wanted = self._critic(layouts, photos)
        self._critic.requires_grad_(True)
        apart = [(one.float() - other).abs().mean() for one, other in zip(seen, wanted, strict=True)]
        return {
            "fooling": -self._options.critic * verdict.float().mean(),
            "matching": self._options.matching * torch.stack(apart).mean(),
        }

    def _teach(self, layouts: Tensor, painted: Tensor, photos: Tensor) -> Tensor:
        """Let the critic learn, with the hinge loss of Lim and Ye (2017)."""
        true, _ = self._critic(layouts, photos)
        false, _ = self._critic(layouts, painted)
        loss = F.relu(1 - true.float()).mean() + F.relu(1 + false.float()).mean()
        descend(self.optimisers["critic"], loss)
        return loss

    def _apart(self, painted: Tensor, photos: Tensor) -> Tensor:
        """How differently VGG16 sees them, at half their size: each layer's difference as a share of what it sees."""
        assert self._sees is not None
        seen = self._sees(F.avg_pool2d(painted, 2), SEEN)
        with torch.no_grad():
            wanted = self._sees(F.avg_pool2d(photos, 2), SEEN)
        shares = [(seen[name] - wanted[name]).abs().mean() / wanted[name].abs().mean().clamp_min(1e-6) for name in seen]
        return torch.stack(shares).mean()


def _picture(tensor: Tensor) -> Image:
    made: Image = (tensor[0].permute(1, 2, 0).clamp(0, 1) * 255).round().byte().cpu().numpy()
    return made


def _painter(net: str, classes: int) -> Any:
    if net == "small":
        return Small(classes)
    if net == "unet":
        from melies.nets.pix2pix import Unet

        return Unet(classes)
    return Painter(classes)

"""How a First Order Motion Model learns: to make any frame of a shot out of any other one and the points of both."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812 (everybody's name)

from melies.frame import Image
from melies.models.convert import fomm
from melies.nets.deform import Deformation
from melies.nets.fomm import Detector, Generator, weights_of
from melies.train._heads import Heads

if TYPE_CHECKING:
    from melies.train.puppet import Puppet

Tensor = Any

SCALES = 4
"""Sizes at which pictures are compared, each half the one before."""
MEASURED = 60
"""Most frames that are measured on."""
SHOWN = 6
"""Examples on a preview."""


class MotionWork:
    """The networks, their optimiser and the heads."""

    def __init__(self, options: Puppet, rng: np.random.Generator, device: str) -> None:
        self._options, self._rng, self._device = options, rng, device
        self._compare = _Compare(options.vgg, device)
        self.detector: Any = Detector(options.layout).to(device)
        self.generator: Any = Generator(options.layout).to(device)
        self.networks = {"kp_detector": self.detector, "generator": self.generator}
        learned = [*self.detector.parameters(), *self.generator.parameters()]
        self.optimisers = {"adam": torch.optim.Adam(learned, options.rate, betas=(0.5, 0.999))}

    @cached_property
    def _heads(self) -> Heads:
        """Read when first needed: what is only exported needs no films."""
        return Heads(self._options.clips, self._options.size, self._options.every)

    def step(self) -> dict[str, Any]:
        """Make frames out of others of their shots."""
        source, driving = self._pairs()
        at, to = self.detector(source), self.detector(driving)
        made = self.generator(source, at, to)
        losses = {"picture": 10 * self._compare(made, driving)}
        if self._options.equivariance:
            value, jacobian = self._equivariance(driving, to)
            losses["points"] = self._options.equivariance * value
            losses["turns"] = self._options.equivariance * jacobian
        (optimiser,) = self.optimisers.values()
        optimiser.zero_grad()
        sum(losses.values()).backward()
        optimiser.step()
        return {name: loss.detach() for name, loss in losses.items()}

    def measure(self) -> Mapping[str, float]:
        """Mean absolute error, 0…1, of held-out frames made out of the shot's first; and of that one in their place."""
        made, copied = [], []
        for start, end in self._heads.shots:
            source = self._tensor([start])
            first = self._held_from(start, end)
            for index in range(first, end, max(1, (end - first) * len(self._heads.shots) // MEASURED)):
                driving = self._tensor([index])
                made.append(float((self._made(source, driving) - driving).abs().mean()))
                copied.append(float((source - driving).abs().mean()))
        return {"L1": float(np.mean(made)), "copied L1": float(np.mean(copied))}

    def preview(self) -> Image:
        """Source, driving frame and what is made of both, for held-out frames, one example a column."""
        columns = []
        for number in range(SHOWN):
            start, end = self._heads.shots[number % len(self._heads.shots)]
            first = self._held_from(start, end)
            index = first + (end - 1 - first) * (number + 1) // (SHOWN + 1)
            source, driving = self._tensor([start]), self._tensor([index])
            columns.append(torch.cat([source, driving, self._made(source, driving)], dim=2)[0])
        sheet = torch.cat(columns, dim=2).permute(1, 2, 0).clamp(0, 1).cpu().numpy()
        made: Image = np.round(sheet * 255).astype(np.uint8)
        return made

    def export(self, folder: Path) -> list[Path]:
        """Write `detector.onnx`, `encoder.onnx` and `generator.onnx`."""
        paths = []
        for name, content in fomm.convert(weights_of(self.networks), self._options.size).items():
            paths.append(folder / f"{name}.onnx")
            paths[-1].write_bytes(content)
        return paths

    def _made(self, source: Tensor, driving: Tensor) -> Tensor:
        return self.generator(source, self.detector(source), self.detector(driving))

    def _held_from(self, start: int, end: int) -> int:
        return end - max(1, round((end - start) * self._options.held_out))

    def _pairs(self) -> tuple[Tensor, Tensor]:
        """A batch of two frames of one shot each, mirrored half of the time and under a slightly different light."""
        shots = [(start, self._held_from(start, end)) for start, end in self._heads.shots]
        lengths = np.array([end - start for start, end in shots])
        chosen = self._rng.choice(len(shots), self._options.batch, p=lengths / lengths.sum())
        pairs = np.array([self._rng.choice(np.arange(*shots[shot]), 2, replace=False) for shot in chosen])
        sources, drivings = (self._tensor(side) for side in pairs.T)
        both = torch.stack([sources, drivings])
        mirrored = torch.from_numpy(self._rng.random(len(chosen)) < 0.5).to(both.device)
        both = torch.where(mirrored[:, None, None, None], both.flip(-1), both)
        light = self._rng.normal(1, 0.1, (len(chosen), 3, 1, 1)).astype(np.float32)
        both = (both * torch.from_numpy(light).to(both.device)).clamp(0, 1)
        return both[0], both[1]

    def _tensor(self, indices: Any) -> Tensor:
        crops = np.ascontiguousarray(self._heads.crops[np.asarray(indices)].transpose(0, 3, 1, 2))
        return torch.from_numpy(crops).to(self._device).float() / 255

    def _equivariance(self, driving: Tensor, to: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """How far points, and the turns around them, are from following a picture that is bent."""
        bend = Deformation(len(driving), driving.device)
        bent = self.detector(bend.pictures(driving))
        value = (to["value"] - bend.places(bent["value"])).abs().mean()
        turns = torch.linalg.inv(to["jacobian"]) @ (bend.jacobian(bent["value"]) @ bent["jacobian"])
        return value, (torch.eye(2, device=driving.device) - turns).abs().mean()


class _Compare:
    """How different pictures are, at several sizes: in what VGG19 sees, or in their colours and edges."""

    def __init__(self, vgg: Path | None, device: str) -> None:
        self._sees: Any = None
        if vgg is not None:
            from melies.nets.vgg import Vgg19

            self._sees = Vgg19.read(vgg).to(device)

    def __call__(self, made: Tensor, wanted: Tensor) -> Tensor:
        total = made.new_zeros(())
        for _ in range(SCALES if self._sees else SCALES - 1):
            if self._sees:
                seen = zip(self._sees(made), self._sees(wanted), strict=True)
                total = total + sum((one - other.detach()).abs().mean() for one, other in seen)
            else:
                total = total + (made - wanted).abs().mean() + _edges(made - wanted)
            made, wanted = F.avg_pool2d(made, 2), F.avg_pool2d(wanted, 2)
        return total


def _edges(difference: Tensor) -> Tensor:
    across = difference[..., 1:] - difference[..., :-1]
    down = difference[..., 1:, :] - difference[..., :-1, :]
    return across.abs().mean() + down.abs().mean()

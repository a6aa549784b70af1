"""What `melies train latent` does in a step, shows, measures and writes.

Bojanowski, Joulin, Lopez-Paz and Szlam, "Optimizing the Latent Space of Generative Networks" (ICML 2018), for comparing
pictures at several sizes; Berthelot, Raffel, Roy and Goodfellow, "Understanding and Improving Interpolation in
Autoencoders via an Adversarial Regularizer" (ICLR 2019), for a critic that also looks at what lies between pictures.
`melies.nets.latent` names the rest.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F  # noqa: N812 (everybody's name)

from melies.files import replacing
from melies.frame import Image
from melies.nets.latent import Critic, Decoder, Encoder, Seeing
from melies.train import _export
from melies.train._material import Changes, Pictures
from melies.train._precision import descend
from melies.train._samples import evenly
from melies.translating.card import IMAGE, LATENT, Card, Task
from melies.walking.latent import CODES, DECODER, ENCODER, with_codes

if TYPE_CHECKING:
    from melies.train.latent import Latent

log = logging.getLogger("melies")

Tensor = Any

PER_SHOT = 48
"""Frames of each shot: one film shall do."""
FEW = 100
"""Different pictures below which there is too little to learn from."""
LEVELS = 4
"""Sizes at which pictures are compared, each half the one before."""
REGULAR = 4e-4
"""How much a nat by which codes are not normally distributed counts."""
SEEN, REAL = 1.0, 0.02
"""How much it counts that the critic sees the same, and that it takes pictures for real ones."""
SHOWN, WAYS, JUDGED = 8, 4, 32
"""Pictures in a row of a preview, ways between such, and pictures that are measured."""


class LatentWork:
    """The networks, their optimisers and the pictures."""

    def __init__(self, options: Latent, rng: np.random.Generator, device: str) -> None:
        self._options, self._rng, self._device = options, rng, device
        width, height = options.size
        shape = height, width, options.latent, options.width
        self._encoder: Any = Encoder(*shape)
        self._decoder: Any = Decoder(*shape)
        self._critic: Any = Critic(options.width) if options.sharp else None
        self.networks: dict[str, Any] = {"encoder": self._encoder, "decoder": self._decoder}
        if self._critic is not None:
            self.networks["critic"] = self._critic
        for net in self.networks.values():
            net.to(device)
        makers = [*self._encoder.parameters(), *self._decoder.parameters()]
        self.optimisers: dict[str, Any] = {"makers": _adam(makers, options.rate)}
        if self._critic is not None:
            self.optimisers["critic"] = _adam(self._critic.parameters(), options.rate)

    @cached_property
    def _photos(self) -> Pictures:
        """Read when first needed: what is only exported needs none."""
        options = self._options
        side = 3 * max(options.size) // 2
        photos = Pictures(options.photos, side, kept=options.out / "photos", per_shot=PER_SHOT)
        if len(photos) < FEW:
            log.warning(
                "Only %d different pictures were found, and a few hundred come out well: give more, or a longer film.",
                len(photos),
            )
        return photos

    def step(self) -> Mapping[str, Any]:
        """Let pictures be described and made again, and others be made between them."""
        options = self._options
        photos = self._some()
        mean, spread = self._encoder(photos)
        codes = mean + (spread / 2).exp() * torch.randn_like(mean)
        losses = {"regular": options.regular * REGULAR * _nats(mean, spread)}
        if self._critic is None:
            losses["apart"] = _apart(self._decoder(codes), photos)
            descend(self.optimisers["makers"], sum(losses.values()))
            return {name: loss.detach() for name, loss in losses.items()}
        made = self._decoder(torch.cat([codes, _between(codes.detach())]))
        again = made[: len(photos)]
        self._critic.requires_grad_(False)
        with torch.no_grad():
            _, wanted = self._critic(photos)
        doubt, seen = self._critic(made)
        losses["apart"] = _apart(again, photos)
        losses["seen"] = SEEN * options.sharp * _differently(seen, wanted)
        losses["real"] = -REAL * options.sharp * doubt.mean()
        descend(self.optimisers["makers"], sum(losses.values()))
        self._critic.requires_grad_(True)
        doubt, _ = self._critic(torch.cat([photos, made.detach()]))
        real, false = doubt[: len(photos)], doubt[len(photos) :]
        losses["critic"] = F.relu(1 - real).mean() + F.relu(1 + false).mean()
        descend(self.optimisers["critic"], losses["critic"])
        return {name: loss.detach() for name, loss in losses.items()}

    def measure(self) -> Mapping[str, float]:
        """Tell how far held-out pictures are from what is made of their codes, in levels of 255."""
        photos = self._shown(JUDGED)
        made = self._decoder(self._encoder(photos)[0])
        return {"apart": float((made - photos).abs().mean()) * 255}

    def preview(self) -> Image:
        """Held-out pictures, the same made again, and ways from each to the next."""
        photos = self._shown(SHOWN)
        codes = self._encoder(photos)[0]
        rows = [photos, self._decoder(codes)]
        for index in range(min(WAYS, len(codes) - 1)):
            way = torch.linspace(0, 1, len(codes), device=codes.device)[:, None]
            rows.append(self._decoder(codes[index] + way * (codes[index + 1] - codes[index])))
        sheet = torch.cat([torch.cat(list(row), 2) for row in rows], 1)
        image: Image = (sheet.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
        return image

    def export(self, folder: Path) -> list[Path]:
        """Write what makes pictures of codes, with the codes of real ones in it, and what finds those of others."""
        learned = ", ".join(path.name for path in self._options.photos)
        width, height = self._options.size

        def write(net: Any, example: Tensor, name: str, given: str, task: Task, about: str) -> Path:
            card = Card(name=folder.name, task=task, description=f"{about} those in {learned}.")
            path = _export.write(net.cpu(), [example], folder / f"{name}.onnx", [given], card, fixed=True)
            net.to(self._device)
            return path

        codes = self._codes()
        latent = torch.zeros(1, self._options.latent)
        decoder = write(self._decoder, latent, DECODER, LATENT, "walk", "Makes pictures like")
        with replacing(decoder) as part:
            part.write_bytes(with_codes(decoder.read_bytes(), codes))
        seeing = Seeing(self._encoder).eval()
        return [
            decoder,
            write(seeing, torch.zeros(1, 3, height, width), ENCODER, IMAGE, "encode", "Finds codes of pictures like"),
        ]

    def _codes(self) -> NDArray[np.float32]:
        """The codes of pictures that were learned from, spread over all, `N×L`."""
        width, height = self._options.size
        chosen = self._photos.learned[evenly(len(self._photos.learned), CODES)]
        photos = (torch.from_numpy(self._photos.middle(int(index), (height, width))) for index in chosen)
        return np.concatenate([self._encoder(photo.to(self._device))[0].cpu().numpy() for photo in photos])

    def _some(self) -> Tensor:
        width, height = self._options.size
        changes = Changes((0, 0), flip=self._options.flip)
        batch = self._photos.batch(self._rng, self._options.batch, (height, width), changes)
        return torch.from_numpy(batch).to(self._device)

    def _shown(self, count: int) -> Tensor:
        width, height = self._options.size
        return torch.from_numpy(self._photos.shown(count, (height, width))).to(self._device)


def _between(codes: Tensor) -> Tensor:
    """Return half as many codes of no picture, each between two that were given."""
    some, others = codes.chunk(2)
    return some + torch.rand(len(some), 1, device=codes.device) * (others - some)


def _nats(mean: Tensor, spread: Tensor) -> Tensor:
    """How far codes are from being normally distributed: the Kullback-Leibler divergence, the mean of all pictures."""
    return 0.5 * (mean.square() + spread.exp() - 1 - spread).sum(1).mean()


def _apart(made: Tensor, wanted: Tensor) -> Tensor:
    """How far pictures are from others at several sizes: the mean difference of their Laplacian pyramids."""
    total: Tensor = 0
    error = made - wanted
    for _ in range(LEVELS - 1):
        smaller = F.avg_pool2d(error, 2)
        total = total + (error - F.interpolate(smaller, scale_factor=2.0, mode="nearest")).abs().mean()
        error = smaller
    return total + error.abs().mean()


def _differently(seen: list[Tensor], wanted: list[Tensor]) -> Tensor:
    """How differently a critic sees pictures that should be alike."""
    pairs = zip(seen, wanted, strict=True)
    return sum((one[: len(other)] - other).abs().mean() for one, other in pairs) / len(wanted)


def _adam(weights: Any, rate: float) -> Any:
    return torch.optim.Adam(weights, rate, betas=(0.5, 0.99))

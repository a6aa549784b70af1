"""What `melies train style` does in a step, shows, measures and writes.

Johnson, Alahi and Fei-Fei, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution" (ECCV 2016), for
content and style; Gao, Gu, Shechtman and Wang, "ReCoNet: Real-time Coherent Video Style Transfer Network" (ACCV 2018),
for strokes that move with what is painted. In place of films with their optical flow, photos are moved by known
affine maps: the motion is exact, and any photo will do.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812 (everybody's name)

import melies
from melies.frame import Image
from melies.matting.scale import reduce, unit
from melies.models import store
from melies.nets.small import MULTIPLE, Small
from melies.nets.vgg import STYLES_SEEN, Vgg16
from melies.train._export import write
from melies.train._material import Changes, Pictures
from melies.train._moved import affine, warped
from melies.train._precision import fastest
from melies.train._samples import files_in
from melies.translating.card import IMAGE, STYLES, Card

if TYPE_CHECKING:
    from melies.train.style import Style

Tensor = Any

CONTENT = "3_3"
"""Where VGG16 sees what a picture shows, not how it is painted."""
SCALES = (1.0, 0.7)
"""Sizes at which a style is seen, so that strokes of either size suit it."""
COUNTS = {"moved": 60.0, "moved features": 0.6}
"""How much ReCoNet's two temporal losses count, as errors are here: squared, of colours of 0…1 and of features of
variance 1."""
SEEN = Changes((0.4, 1.0), tint=0.15)
LIGHT, NOISE = 0.06, 0.02
"""How much brighter or darker a photo becomes that is moved, and how noisy."""
LUMA = (0.299, 0.587, 0.114)
SHOWN, JUDGED = 3, 8
"""Photos in a preview, and those that are measured."""


class StyleWork:
    """The network, its optimiser, the styles and the photos."""

    def __init__(self, options: Style, rng: np.random.Generator, device: str) -> None:
        self._options, self._rng, self._device = options, rng, device
        self.net: Any = Small(3, options.width, options.blocks, len(options.style), skip=True).to(device)
        self.networks = {"painter": self.net}
        self.optimisers = {"adam": torch.optim.Adam(self.net.parameters(), options.rate)}

    @cached_property
    def _vgg(self) -> Any:
        vgg = Vgg16(store.path("vgg16")).to(self._device, memory_format=torch.channels_last)
        # Half as long, and what is seen is compared all the same: only the painter must be exact.
        return vgg.bfloat16() if fastest(self._device) == "bf16" else vgg

    @cached_property
    def _photos(self) -> Pictures:
        """Read when first needed: what is only exported needs no photos, styles or VGG16."""
        files_in(self._options.style, "--style")
        files_in(self._options.photos, "--photos")  # what is not there is said before VGG16 is asked for
        _ = self._wanted  # the styles and VGG16 first: photos take long, and would be kept when these are refused
        return Pictures(self._options.photos, 640, kept=self._options.out / "photos")

    @cached_property
    def _wanted(self) -> dict[str, Tensor]:
        """The Gram matrices of the styles at each layer, `K×C×C`."""
        found = [self._seen_of(path) for path in self._options.style]
        return {layer: torch.stack([one[layer] for one in found]) for layer in STYLES_SEEN}

    def step(self) -> Mapping[str, Any]:
        """Paint some photos, and the same ones moved a little."""
        (optimiser,) = self.optimisers.values()
        photos = self._tensor(self._photos.batch(self._rng, self._options.batch, self._options.size, SEEN))
        styles = torch.from_numpy(self._lots(len(photos))).to(self._device)
        losses = self._losses(photos, styles, self._rng)
        optimiser.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimiser.step()
        return {name: loss.detach() for name, loss in losses.items()}

    def measure(self) -> Mapping[str, float]:
        """Return the losses on held-out photos, the same ones in every style, moved the same way."""
        photos = self._tensor(self._photos.shown(JUDGED, self._options.size))
        rng = np.random.default_rng(0)
        styles = torch.arange(len(photos)).to(self._device) % len(self._options.style)
        losses = {name: float(loss) for name, loss in self._losses(photos, styles, rng).items()}
        return {f"held-out {name}": loss for name, loss in {**losses, "loss": sum(losses.values())}.items()}

    def preview(self) -> Image:
        """Show held-out photos, a row each, and how they are painted in each style."""
        photos = self._tensor(self._photos.shown(SHOWN, (192, 256)))
        columns = [photos]
        for weights in torch.eye(len(self._options.style), device=self._device):
            columns.append(self.net(photos, weights[None]))
        sheet = torch.cat([torch.cat(list(column), 1) for column in columns], 2)
        image: Image = (sheet.permute(1, 2, 0).clamp(0, 1) * 255).round().byte().cpu().numpy()
        return image

    def export(self, folder: Path) -> list[Path]:
        """Write the network with its card.

        Raises:
            ModelError: ONNX Runtime makes something else of it than PyTorch.
        """
        names = self._options.styles
        card = Card(name="-".join(names), task="style", styles=names, multiple=MULTIPLE)
        example = [torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))]
        if len(names) > 1:
            example.append(torch.full((1, len(names)), 1 / len(names)))
        net = self.net.cpu()
        try:
            return [write(net, example, folder / "style.onnx", (IMAGE, STYLES)[: len(example)], card)]
        finally:
            net.to(self._device)

    def _losses(self, photos: Tensor, styles: Tensor, rng: np.random.Generator) -> dict[str, Tensor]:
        options = self._options
        weights = F.one_hot(styles, len(options.style)).float()
        hidden = self.net.encode(photos, weights)
        made = self.net.decode(hidden, weights, photos)
        with torch.no_grad():
            shown = self._vgg(photos, CONTENT)[CONTENT]
        seen = self._vgg(made, self._options.deepest)
        losses = {
            "content": F.mse_loss(seen[CONTENT], shown) / shown.square().mean(),
            "style": options.weight * self._style(seen, styles),
            "smooth": options.smooth * (made.diff(dim=2).abs().mean() + made.diff(dim=3).abs().mean()),
        }
        if options.steady:
            for name, loss in self._moved(photos, hidden, made, weights, rng).items():
                losses[name] = options.steady * COUNTS[name] * loss
        return losses

    def _style(self, seen: Mapping[str, Tensor], styles: Tensor) -> Tensor:
        """Return how far the Gram matrices are from those of the styles, relative to these.

        Distances, not their squares, as in the papers: of a few photos in a step, some are of quite other colours than
        the style, and their squares would drown what the others say of strokes.
        """
        total = 0.0
        for layer, features in seen.items():
            wanted = self._wanted[layer][styles]
            apart = (gram(features) - wanted).square().sum((1, 2)) / wanted.square().sum((1, 2))
            total = total + (apart + 1e-6).sqrt().mean()
        return total

    def _moved(
        self, photos: Tensor, hidden: Tensor, made: Tensor, weights: Tensor, rng: np.random.Generator
    ) -> dict[str, Tensor]:
        """Paint half of the photos again, moved: strokes should have moved along, lighter where the photo is."""
        some = slice(0, max(1, len(photos) // 2))
        photos, hidden, made = photos[some], hidden[some], made[some]
        weights = weights[some] if len(weights) > 1 else weights
        maps = torch.from_numpy(affine(rng, len(photos))).to(self._device)
        moved = warped(photos, maps)
        light = torch.from_numpy(rng.uniform(-LIGHT, LIGHT, (len(photos), 1, 1, 1)).astype(np.float32))
        noise = torch.from_numpy(rng.normal(0, NOISE, moved.shape).astype(np.float32))
        there = (moved * (1 + light.to(self._device)) + noise.to(self._device)).clamp(0, 1)
        again = self.net.encode(there, weights)
        inside = warped(torch.ones_like(photos[:, :1]), maps, "zeros")
        luma = photos.new_tensor(LUMA).reshape(1, 3, 1, 1)
        lighter = ((there - moved) * luma).sum(1, keepdim=True)
        apart = self.net.decode(again, weights, there) - warped(made, maps) - lighter
        features = again - warped(hidden, maps)
        within = F.interpolate(inside, features.shape[2:], mode="area")
        return {
            "moved": (apart.square() * inside).mean(),
            "moved features": (features.square() * within).mean() / hidden.detach().square().mean(),
        }

    def _lots(self, count: int) -> Any:
        """Draw a style for each photo, none twice before each had its turn."""
        styles = len(self._options.style)
        turns = [self._rng.permutation(styles) for _ in range(-(-count // styles))]
        return np.concatenate(turns)[:count]

    def _seen_of(self, path: Path) -> dict[str, Tensor]:
        total: dict[str, Tensor] = {}
        for scale in SCALES:
            with torch.no_grad():
                seen = self._vgg(self._picture(path, scale))
            for layer, features in seen.items():
                total[layer] = total.get(layer, 0) + gram(features)[0] / len(SCALES)
        return total

    def _picture(self, path: Path, scale: float) -> Tensor:
        """Return a style's picture, `1×3×H×W`, at a size."""
        image = next(iter(melies.open(path).source.frames())).image[..., :3]
        scale *= min(1.0, self._options.style_size / max(image.shape[:2]))
        height, width = (max(32, round(side * scale)) for side in image.shape[:2])
        picture = unit(reduce(np.ascontiguousarray(image), width, height))
        return self._tensor(np.ascontiguousarray(picture.transpose(2, 0, 1)[None]))

    def _tensor(self, batch: Any) -> Tensor:
        return torch.from_numpy(batch).to(self._device)


def gram(features: Tensor) -> Tensor:
    """Return how the channels of features, `N×C×H×W`, go together: `N×C×C`, whatever the size."""
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[1] / flat.shape[2]

"""Finding a photo again in the latent space of a StyleGAN2, by gradients.

Karras, Laine, Aittala, Hellsten, Lehtinen and Aila, "Analyzing and Improving the Image Quality of StyleGAN" (2020),
appendix D: from the average w one goes downhill with Adam, at first with noise on w, which fades; the noise inputs go
along, and are kept from learning what is no noise. Other than there, they begin as they are stored with the network,
and in the second half they are that again, because that is what a walk paints with. Pictures are compared by what
VGG16 sees in them, every pixel having features of unit length as in LPIPS (Zhang et al. 2018), and by their pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812 (everybody's name)

from melies.frame import Image
from melies.imaging import fit
from melies.matting.scale import unit
from melies.models import store
from melies.models.convert.persistence import Network
from melies.nets.stylegan2 import Synthesis
from melies.nets.vgg import Vgg16
from melies.train._loop import device_for
from melies.walking.space import Styles

Tensor = Any
Look = Callable[[Tensor], Mapping[str, Tensor]]
"""Returns features by name, `1×C×H×W`, of a picture, `1×3×H×W`, 0…1."""

RATE, WARM, COOL = 0.1, 0.05, 0.25
"""How far a step goes, and the shares of the steps in which that rises at first and falls at the end."""
SHAKEN, CALM = 0.05, 0.75
"""How much noise is put on w at first, as a share of how w varies, and the share of the steps after which none is."""
FREE = 0.5
"""The share of the steps in which the noise inputs may change."""
REGULAR = 1e5
"""How much it counts that noise is like noise."""
PIXELS = 10.0
"""How much squared differences of pixels, 0…1, count beside those of features."""
SEEN_SIDE = 256
"""Larger pictures are made this small before they are compared."""


def project(
    network: Network,
    photo: Image,
    varies: float,
    *,
    steps: int,
    pixels: bool = False,
    device: str = "auto",
    tell: Callable[[], None] = lambda: None,
) -> Styles:
    """Return the styles of the picture that is most like a photo.

    Args:
        network: A generator of StyleGAN2.
        photo: `H×W×3`, uint8 or uint16; the square in its middle is taken.
        varies: How far w are from their average, as a root mean square over all its numbers together.
        steps: Of Adam; a thousand are usual.
        pixels: Compare pixels alone; VGG16 is not needed then.
        device: Where to compute.
        tell: Called after each step.

    Returns:
        The same w for every layer, `rows×width`.

    Raises:
        ModelError: It is no generator of StyleGAN2, or VGG16 is not here.
    """
    where = device_for(device)
    synthesis = Synthesis(network).to(where)
    look: Look = (lambda _: {}) if pixels else Vgg16(store.path("vgg16")).to(where)
    size = synthesis.layout.resolution
    wanted = torch.from_numpy(unit(fit(photo[..., :3], size, size)).transpose(2, 0, 1)[None].copy()).to(where)
    compare = _Comparison(wanted, look)
    rng = torch.Generator(where).manual_seed(0)
    w = torch.tensor(network.weights["mapping.w_avg"], device=where, requires_grad=True)
    stored = synthesis.noises
    noises = {name: noise.clone().requires_grad_() for name, noise in stored.items()}
    adam = torch.optim.Adam([w, *noises.values()], RATE, betas=(0.9, 0.999))
    for step in range(steps):
        done = step / steps
        adam.param_groups[0]["lr"] = RATE * _ramp(done)
        shaken = varies * SHAKEN * max(0.0, 1 - done / CALM) ** 2
        told = w + shaken * torch.randn(w.shape, generator=rng, device=where)
        free = done < FREE
        made = synthesis(told.expand(synthesis.layout.rows, -1), noises if free else stored)
        loss = compare(((made + 1) / 2).clamp(0, 1))
        if free:
            loss = loss + REGULAR * sum(map(_pattern, noises.values()))
        adam.zero_grad()
        loss.backward()
        adam.step()
        with torch.no_grad():
            for noise in noises.values():
                noise.sub_(noise.mean()).mul_(noise.square().mean().rsqrt())
        tell()
    return np.tile(w.detach().cpu().numpy(), (synthesis.layout.rows, 1))


class _Comparison:
    """How far pictures, `1×3×S×S`, 0…1, are from one that is wanted."""

    def __init__(self, wanted: Tensor, look: Look) -> None:
        self._look = look
        self._wanted = self._small(wanted)
        self._seen = self._features(self._wanted)

    def __call__(self, made: Tensor) -> Tensor:
        small = self._small(made)
        apart = [(one - self._seen[name]).square().sum(1).mean() for name, one in self._features(small).items()]
        return PIXELS * (small - self._wanted).square().mean() + sum(apart)

    def _small(self, picture: Tensor) -> Tensor:
        times = picture.shape[2] // SEEN_SIDE
        return F.avg_pool2d(picture, times) if times > 1 else picture

    def _features(self, picture: Tensor) -> dict[str, Tensor]:
        return {name: F.normalize(one, dim=1) for name, one in self._look(picture).items()}


def _ramp(done: float) -> float:
    """How large the steps are after a share of them."""
    fall = 0.5 - 0.5 * math.cos(math.pi * min(1.0, (1 - done) / COOL))
    return fall * min(1.0, done / WARM)


def _pattern(noise: Tensor) -> Tensor:
    """How much noise depends on its neighbours, at all sizes."""
    total: Tensor = 0
    noise = noise[None, None]
    while True:
        for axis in (2, 3):
            total = total + (noise * noise.roll(1, axis)).mean().square()
        if noise.shape[2] <= 8:
            return total
        noise = F.avg_pool2d(noise, 2) * 2

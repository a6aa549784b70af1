"""A picture as the codes of a VQGAN, which knows how parts of photographs look; the codes are what is dreamt.

Esser, Rombach and Ommer, "Taming Transformers for High-Resolution Image Synthesis" (CVPR 2021); codes that are changed
as if they were not rounded to those of the book: Crowson et al., "VQGAN-CLIP" (ECCV 2022).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from melies.diffusing.studio import usable_device
from melies.dreaming.ascent import Momentum
from melies.dreaming.camera import Picture
from melies.dreaming.folders import VQGAN, Model, find
from melies.dreaming.gradient import MULTIPLE
from melies.errors import UseError
from melies.models import runtime

_PACE = 5.0
"""How far a code goes in a step, in deviations of the book's codes, for each unit of how far the picture should go."""


def located(name: str) -> Model:
    """Return the VQGAN that a user means, looked at but not loaded.

    Raises:
        UseError: It is none, none whose pictures fit, or the packages are missing.
        ModelError: It is damaged, or may not be loaded.
    """
    model = find(name, VQGAN)
    side = 2 ** (len(model.config.get("block_out_channels", (0,))) - 1)
    if side > MULTIPLE or model.config.get("in_channels", 3) != 3:
        raise UseError(f"{name} is a VQGAN of another kind: of three colours, with codes of up to {MULTIPLE} pixels.")
    return model


def vqgan(name: str) -> Vqgan:
    """Return a VQGAN, loaded; the one that was used last is kept.

    Raises:
        UseError: As `located`.
        ModelError: As `located`, or it cannot be loaded.
    """
    return _opened(located(name), usable_device())


class Vqgan:
    """A VQGAN that has been loaded.

    Args:
        model: Which.
        device: As PyTorch calls it.
    """

    def __init__(self, model: Model, device: str) -> None:
        import diffusers
        import torch

        self._torch = torch
        self._device = device
        self._network = model.network(diffusers, "VQModel", device)
        book = self._network.quantize.embedding.weight
        self._least, self._most = (end[None, :, None, None] for end in (book.amin(0), book.amax(0)))
        self._deviation = float(book.std())

    def encoded(self, picture: Picture) -> Any:
        """Return the codes of a picture, not rounded: a tensor."""
        if self._device == "cpu":
            self._torch.set_num_threads(runtime.current().width)
        with self._torch.no_grad():
            return self._network.encode(self._tensor(picture) * 2 - 1).latents

    def decoded(self, codes: Any) -> Any:
        """Return the picture of codes, which are rounded to those of the book: 1×3×H×W, nominally 0…1.

        Its gradient passes the rounding as if it were not there.
        """
        return (self._network.decode(codes).sample + 1) / 2

    def pulled(self, codes: Any, decoded: Any, way: Picture) -> np.ndarray:
        """Return in which way codes go for the picture that was decoded of them to go that way."""
        (found,) = self._torch.autograd.grad(decoded, codes, self._tensor(way))
        gradient: np.ndarray = found.cpu().numpy()
        return gradient

    def stepped(self, codes: Any, step: np.ndarray, rate: float) -> Any:
        """Return codes after a step, no further out than those of the book lie."""
        way = self._torch.from_numpy(step).to(self._device)
        made = codes.detach() + rate * _PACE * self._deviation * way
        return made.clamp(self._least, self._most)

    def _tensor(self, picture: Picture) -> Any:
        planes = np.ascontiguousarray(picture.transpose(2, 0, 1)[None])
        return self._torch.from_numpy(planes).to(self._device)


class Codes:
    """The codes of a picture while it is dreamt.

    Args:
        network: Whose codes.
        picture: What they show at first, as well as they can.
    """

    def __init__(self, network: Vqgan, picture: Picture) -> None:
        self._network = network
        self._show(network.encoded(picture))
        self._momentum = Momentum.none(tuple(self._codes.shape))

    def step(self, way: Picture, rate: float) -> None:
        """Change the codes so that the picture goes that way."""
        gradient = self._network.pulled(self._codes, self._decoded, way)
        step, self._momentum = self._momentum.step(gradient)
        self._show(self._network.stepped(self._codes, step, rate))

    def _show(self, codes: Any) -> None:
        self._codes = codes.requires_grad_()
        self._decoded = self._network.decoded(self._codes)
        shown = self._decoded.detach()[0].permute(1, 2, 0).clamp(0, 1)
        self.picture: Picture = np.ascontiguousarray(shown.cpu().numpy())


@lru_cache(maxsize=1)
def _opened(model: Model, device: str) -> Vqgan:
    return Vqgan(model, device)

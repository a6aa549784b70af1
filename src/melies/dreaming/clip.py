"""CLIP as a guide: how near a picture is to a text, looked at through many cutouts.

Radford et al., "Learning Transferable Visual Models From Natural Language Supervision" (ICML 2021); cutouts, their
augmentation and the spherical distance: Crowson et al., "VQGAN-CLIP" (ECCV 2022).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melies.diffusing.folder import described
from melies.diffusing.studio import usable_device
from melies.dreaming.ascent import Guide
from melies.dreaming.camera import Picture
from melies.dreaming.folders import CLIP, Model, find
from melies.dreaming.prompts import Part
from melies.models import runtime

log = logging.getLogger("melies")

_SMALLEST = 0.4
"""Sides of cutouts, as shares of the picture's shorter side, at least."""
_TURN = 15.0
"""Degrees by which cutouts are turned at most."""
_NOISE = 0.1
"""How noisy cutouts are at most, where black is 0 and white is 1 of CLIP's own codes."""
_MEAN = (0.48145466, 0.4578275, 0.40821073)
_DEVIATION = (0.26862954, 0.26130258, 0.27577711)
"""Of the colours that CLIP learned from, where its folder does not say them."""
_PREPROCESSOR = "preprocessor_config.json"
_REMEMBERED = 64
"""Texts whose meaning is kept."""


def of_clip(parts: Sequence[Part], name: str, cutouts: int) -> Guide:
    """Lead towards what texts say.

    Args:
        parts: What is wanted, and below 0 what is not.
        name: A folder as Transformers writes it, or `ORG/NAME` in the hub's local cache.
        cutouts: Through how many cutouts each step looks.

    Raises:
        UseError: It is no CLIP, or the packages are missing.
        ModelError: It is damaged, or may not be loaded.
    """
    model = find(name, CLIP)
    judge = _opened(model, usable_device())
    return lambda picture, random: judge.way(picture, parts, cutouts, random)


class Judge:
    """A CLIP that has been loaded.

    Args:
        model: Which.
        device: As PyTorch calls it.
    """

    def __init__(self, model: Model, device: str) -> None:
        import torch
        import transformers

        self._torch = torch
        self._device = device
        self._network = model.network(transformers, "CLIPModel", device)
        self._tokenizer = model.load(transformers.CLIPTokenizer.from_pretrained)
        self._side = int(self._network.config.vision_config.image_size)
        self._longest = int(self._network.config.text_config.max_position_embeddings)
        path = model.folder / _PREPROCESSOR
        seen = described(path, "") if path.is_file() else {}
        self._mean, self._deviation = (
            torch.tensor(seen.get(name, usual), device=device)[:, None, None]
            for name, usual in (("image_mean", _MEAN), ("image_std", _DEVIATION))
        )
        self._said: dict[str, Any] = {}

    def way(self, picture: Picture, parts: Sequence[Part], cutouts: int, random: np.random.Generator) -> Picture:
        """Return in which way the picture comes nearer to the texts: minus the gradient of the weighted distances.

        Args:
            picture: `H×W×3` float32, 0…1.
            parts: The texts and their weights.
            cutouts: How many are looked at.
            random: Where they are, and how they are augmented.
        """
        torch = self._torch
        if self._device == "cpu":
            torch.set_num_threads(runtime.current().width)
        plane = self._tensor(picture.transpose(2, 0, 1)[None]).requires_grad_()
        (found,) = torch.autograd.grad(self._apart(plane, parts, cutouts, random), plane)
        way: Picture = -found[0].permute(1, 2, 0).cpu().numpy()
        return way

    def _apart(self, plane: Any, parts: Sequence[Part], cutouts: int, random: np.random.Generator) -> Any:
        """How far the picture is from the texts: half the squares of the angles between them and the cutouts."""
        seen = self._network.get_image_features(self._cutouts(plane, cutouts, random)).pooler_output
        seen = self._torch.nn.functional.normalize(seen, dim=-1)
        halves = [((seen - self._meaning(part.text)).norm(dim=-1) / 2).arcsin() for part in parts]
        return sum(part.weight * (2 * half**2).mean() for part, half in zip(parts, halves, strict=True))

    def _cutouts(self, plane: Any, count: int, random: np.random.Generator) -> Any:
        """Squares of the picture, turned, mirrored and noisy, in CLIP's size and codes."""
        functional = self._torch.nn.functional
        height, width = plane.shape[2:]
        size = (self._side, self._side)
        cut = []
        for _ in range(count):
            side = max(1, round(min(width, height) * random.uniform(_SMALLEST, 1)))
            top, left = (int(random.integers(length - side + 1)) for length in (height, width))
            square = plane[:, :, top : top + side, left : left + side]
            cut.append(functional.interpolate(square, size, mode="bilinear", antialias=True))
        batch = self._torch.cat(cut)
        turns = np.radians(random.uniform(-_TURN, _TURN, count))
        mirrored = random.choice([-1.0, 1.0], count)
        matrices = np.zeros((count, 2, 3), np.float32)
        matrices[:, 0, 0], matrices[:, 0, 1] = mirrored * np.cos(turns), -np.sin(turns)
        matrices[:, 1, 0], matrices[:, 1, 1] = mirrored * np.sin(turns), np.cos(turns)
        grid = functional.affine_grid(self._tensor(matrices), batch.shape, align_corners=False)
        batch = functional.grid_sample(batch, grid, padding_mode="reflection", align_corners=False)
        grains = random.standard_normal(tuple(batch.shape), np.float32)
        grains *= random.uniform(0, _NOISE, (count, 1, 1, 1)).astype(np.float32)
        return (batch - self._mean) / self._deviation + self._tensor(grains)

    def _meaning(self, text: str) -> Any:
        """What a text means, of length 1; the same text is read once."""
        if text not in self._said:
            if len(self._said) >= _REMEMBERED:
                self._said.pop(next(iter(self._said)))
            tokens = self._tokenizer(text, verbose=False).input_ids
            if len(tokens) > self._longest:
                said = "Of the prompt %.40r… only the first %d of %d tokens are read."
                log.warning(said, text, self._longest, len(tokens))
                tokens = [*tokens[: self._longest - 1], tokens[-1]]
            with self._torch.no_grad():
                given = self._torch.tensor([tokens], device=self._device)
                meaning = self._network.get_text_features(given).pooler_output
            self._said[text] = self._torch.nn.functional.normalize(meaning, dim=-1)
        return self._said[text]

    def _tensor(self, array: NDArray[np.float32]) -> Any:
        return self._torch.from_numpy(np.ascontiguousarray(array)).to(self._device)


@lru_cache(maxsize=1)
def _opened(model: Model, device: str) -> Judge:
    return Judge(model, device)

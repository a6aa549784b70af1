"""What `melies train swap` does in a step, shows, measures and writes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor

from melies.errors import ModelError
from melies.frame import Image
from melies.matting.scale import nchw
from melies.nets.swap import Decoder, Dssim, Encoder, Swap, settled
from melies.swapping.augment import lesson
from melies.swapping.extract import FaceSet
from melies.swapping.learned import FACE, INPUT, KEY, MASK, Card
from melies.swapping.recolour import in_light_of
from melies.swapping.who import described

_OPSET = 17
_AGREE = 1e-3
"""How far what ONNX Runtime makes may be from what PyTorch made."""
_FEATURES = 4
"""How much more an error in the eyes or the mouth counts."""
_SHOWN = 8
"""Faces of each person in a preview."""
_DESCRIBED = 12
"""Faces from which it is told who somebody is."""
_GLANCE, _STUDY = 128, 512
"""Faces from which the statistics of a person are taken: for a preview, and for what is exported."""


class _Person:
    """One of the two: what is learned from, and what is judged by."""

    def __init__(self, faces: FaceSet, wanted: NDArray[np.uint8], held_out: float, device: str) -> None:
        self.name, self.template, self.device = faces.name, faces.template, device
        self.faces, rest = faces.split(held_out)
        self.wanted, rest_wanted = (part.images for part in replace(faces, images=wanted).split(held_out))
        self.rest, self.rest_wanted, self.rest_masks = (
            torch.from_numpy(nchw(part)).to(device) for part in (rest.images, rest_wanted, rest.masks[..., None])
        )

    def some(self, most: int) -> Tensor:
        """Faces from all over the film, as a batch."""
        which = np.unique(np.linspace(0, len(self.faces) - 1, most).astype(np.intp))
        return torch.from_numpy(nchw(self.faces.images[which])).to(self.device)

    def described(self) -> tuple[float, ...]:
        """Say how the person looks, from a few faces all over the film."""
        which = np.unique(np.linspace(0, len(self.faces) - 1, _DESCRIBED).astype(np.intp))
        mean = np.mean([described(image) for image in self.faces.images[which]], axis=0)
        return tuple(round(float(number), 4) for number in mean)


class SwapWork:
    """Two people, the encoder that they share, and a decoder for each.

    Args:
        a: Faces of one.
        b: Faces of the other.
        rng: Random numbers.
        device: Where to compute.
        batch: Faces of each person in a step.
        rate: The learning rate.
        match: Whether each is painted in the light of the other's film.
        held_out: The share of each film that is not learned from.
    """

    def __init__(
        self,
        a: FaceSet,
        b: FaceSet,
        rng: np.random.Generator,
        device: str,
        *,
        batch: int,
        rate: float,
        match: bool,
        held_out: float,
    ) -> None:
        self._rng, self._device, self._batch, self._match, self._size = rng, device, batch, match, a.size
        painted = (in_light_of(a, b), in_light_of(b, a)) if match else (a.images, b.images)
        self._people = {
            "a": _Person(a, painted[0], held_out, device),
            "b": _Person(b, painted[1], held_out, device),
        }
        self._encoder = Encoder(a.size).to(device)
        self._decoders = {letter: Decoder().to(device) for letter in "ab"}
        self._dssim = Dssim().to(device)
        self.networks: Mapping[str, Any] = {"encoder": self._encoder, **self._decoders}
        weights = [weight for net in self.networks.values() for weight in net.parameters()]
        self.optimisers: Mapping[str, Any] = {"adam": torch.optim.Adam(weights, rate, betas=(0.5, 0.999))}
        self._settled: dict[tuple[str, str], Swap] = {}

    def step(self) -> Mapping[str, Any]:
        """Let each be painted from a random change of their face."""
        self._settled.clear()
        optimiser = self.optimisers["adam"]
        optimiser.zero_grad()
        losses = {}
        for letter, person in self._people.items():
            seen, wanted, masks, features = (
                torch.from_numpy(part).to(self._device)
                for part in lesson(self._rng, person.faces, self._batch, person.wanted)
            )
            # On its own, not with the other's faces in one batch: see melies.nets.swap.
            face, mask = self._decoders[letter](self._encoder(seen))
            loss = self._loss(face, mask, wanted, masks, features)
            loss.backward()
            losses[letter] = loss.detach()
        optimiser.step()
        return losses

    def measure(self) -> Mapping[str, float]:
        """Return the mean error inside the mask, 0…1, of each person's own face in what is not learned from."""
        errors = {}
        for letter, person in self._people.items():
            face, _ = self._swap(letter, letter)(person.rest)
            error = ((face - person.rest_wanted).abs().mean(1, keepdim=True) * person.rest_masks).sum()
            errors[f"held-out {letter}"] = float(error / person.rest_masks.sum())
        return errors

    def preview(self) -> Image:
        """Paint, for each person, their face, the same painted anew, the other's in its place, and that pasted in."""
        rows = []
        for letter, person in self._people.items():
            which = torch.linspace(0, len(person.rest) - 1, _SHOWN).long()
            shown = person.rest[which]
            anew, _ = self._swap(letter, letter)(shown)
            other, mask = self._swap(letter, _other(letter))(shown)
            rows += [shown, anew, other, mask * other + (1 - mask) * shown]
        sheet = torch.cat([torch.cat(list(row), 2) for row in rows], 1)
        image: Image = (sheet.permute(1, 2, 0).clamp(0, 1) * 255).round().byte().cpu().numpy()
        larger = max(1, 128 // self._size)
        enlarged: Image = cv2.resize(image, None, fx=larger, fy=larger, interpolation=cv2.INTER_CUBIC)
        return enlarged

    def export(self, folder: Path) -> list[Path]:
        """Write a network for each direction.

        Raises:
            ModelError: ONNX Runtime makes something else of it than PyTorch.
        """
        return [self._write(folder, "a", "b"), self._write(folder, "b", "a")]

    def _loss(self, face: Tensor, mask: Tensor, wanted: Tensor, masks: Tensor, features: Tensor) -> Tensor:
        soft = torch.nn.functional.avg_pool2d(masks, 5, 1, 2)
        one, other = face * soft, wanted * soft
        blurred: Tensor = self._dssim(one, other)
        # Eyes and mouth are a small part of a face and most of its expression.
        apart = (one - other).abs() * (1 + _FEATURES * features)
        return 10 * blurred + 10 * apart.mean() + 3 * (mask - masks).abs().mean()

    def _swap(self, into: str, out: str, most: int = _GLANCE) -> Swap:
        """Return the network as it is now for faces of one person, made into those of another or painted anew."""
        if most != _GLANCE or (into, out) not in self._settled:
            swap = settled(self._encoder, self._decoders[out], self._people[into].some(most))
            if most != _GLANCE:
                return swap
            self._settled[into, out] = swap
        return self._settled[into, out]

    def _write(self, folder: Path, into: str, out: str) -> Path:
        swap = self._swap(into, out, _STUDY).cpu()
        person = self._people[into]
        card = Card(
            size=self._size,
            template=person.template.tolist(),
            takes=person.name,
            makes=self._people[out].name,
            who=person.described(),
            matched=self._match,
        )
        path = folder / f"{into}-to-{out}.onnx"
        part = path.with_name(path.name + ".part")
        example = person.rest[:4].cpu()
        with warnings.catch_warnings():
            # The newer exporter needs another package (onnxscript), and does no better with a network this plain.
            warnings.simplefilter("ignore", DeprecationWarning)
            torch.onnx.export(
                swap,
                (example[:1],),
                part,
                input_names=[INPUT],
                output_names=[FACE, MASK],
                opset_version=_OPSET,
                dynamo=False,
            )
        model = onnx.load(part)
        onnx.helper.set_model_props(model, {KEY: card.model_dump_json()})
        onnx.save(model, part)
        _must_agree(part, swap, example)
        part.replace(path)
        return path


def _other(letter: str) -> str:
    return "b" if letter == "a" else "a"


def _must_agree(path: Path, swap: Swap, crops: Tensor) -> None:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for crop in crops:
        wanted = swap(crop[None])
        made = session.run([FACE, MASK], {INPUT: crop[None].numpy()})
        apart = max(float(np.abs(mine - theirs.numpy()).max()) for mine, theirs in zip(made, wanted, strict=True))
        if apart > _AGREE:
            raise ModelError(f"ONNX Runtime differs by {apart:.2g} from PyTorch in {path.name}.", "Update onnxruntime.")

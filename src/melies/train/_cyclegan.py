"""What `melies train cyclegan` does in a step, shows, measures and writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from melies.frame import Image
from melies.models.convert.cyclegan import MULTIPLE
from melies.nets.cyclegan import Contrast, Patches, Pool, depths, generator
from melies.train import _export
from melies.train._material import Changes, Pictures
from melies.train._precision import descend
from melies.train._samples import files_in
from melies.train.cyclegan import CycleGan
from melies.translating.card import IMAGE, Card
from melies.translating.likeness import Likeness, edges_kept

_POOL = 50
"""Pictures made earlier that the critic may see again."""
_EDGES = 0.1
"""What the loss of all of the sources' edges adds to the score."""
_SHOWN, _JUDGED = 6, 24
"""Pictures in a preview, and how many are measured."""
_ONE_WAY, _BACK = "a-to-b", "b-to-a"


class CycleWork:
    """Two generators and two critics, or one of each with `one_sided`.

    Args:
        options: The trainer.
        rng: Random numbers.
        device: Where to compute.
    """

    def __init__(self, options: CycleGan, rng: np.random.Generator, device: str) -> None:
        self._options, self._rng, self._device = options, rng, device
        # Before the first are read, which may take long.
        for letter in "ab":
            files_in(getattr(options, letter), f"--{letter}")
        self._kinds = {
            letter: Pictures(
                paths, options.side, kept=options.out / f"pictures-{letter}", option=f"--{letter}", held_out=0.15
            )
            for letter, paths in (("a", options.a), ("b", options.b))
        }
        ways = [_ONE_WAY] if options.one_sided else [_ONE_WAY, _BACK]
        self._makers: dict[str, Any] = {way: generator(options.net) for way in ways}
        small = options.net == "small"
        self._critics: dict[str, Any] = {way: Patches(32 if small else 64, spectral=small) for way in ways}
        self._pools = {way: Pool(_POOL, options.size) for way in ways}
        self.networks: dict[str, Any] = {
            **self._makers,
            **{f"critic {way}": critic for way, critic in self._critics.items()},
            **{f"pool {way}": pool for way, pool in self._pools.items()},
        }
        if options.one_sided:
            self._depths = depths(self._makers[_ONE_WAY])
            self.networks["contrast"] = self._contrast = Contrast([channels for _, channels in self._depths])
        for net in self.networks.values():
            net.to(device)
        taught = [*self._makers.values(), *([self._contrast] if options.one_sided else [])]
        self.optimisers: Mapping[str, Any] = {
            "makers": _adam(chain.from_iterable(net.parameters() for net in taught), options.rate),
            "critics": _adam(chain.from_iterable(net.parameters() for net in self._critics.values()), options.rate),
        }
        self._likeness = {
            letter: Likeness(pictures.shown(_JUDGED, options.size)) for letter, pictures in self._kinds.items()
        }

    def step(self) -> Mapping[str, Any]:
        """Let the makers and then the critics learn from some pictures of each kind."""
        given = {letter: self._some(letter) for letter in "ab"}
        for critic in self._critics.values():
            critic.requires_grad_(False)
        made, losses = self._one_sided(given) if self._options.one_sided else self._both(given)
        if self._options.smooth:
            for way in self._makers:
                losses[f"smooth {way}"] = self._options.smooth * _roughness(made[way] - given[way[0]])
        descend(self.optimisers["makers"], sum(losses.values()))
        doubts = {}
        for way, critic in self._critics.items():
            critic.requires_grad_(True)
            real, old = critic(given[way[-1]]), critic(self._pools[way].swap(made[way]))
            doubts[f"critic {way}"] = ((real - 1).square().mean() + old.square().mean()) / 2
        descend(self.optimisers["critics"], sum(doubts.values()))
        return {name: loss.detach() for name, loss in (losses | doubts).items()}

    def measure(self) -> Mapping[str, float]:
        """Measure, for each way, on what is held out.

        Returns:
            `distance`: for each way, how far what is made is from real pictures of its kind (`Likeness`), beside how
            far the sources were; `edges`: how much of the sources' edges is kept; `score`: both together, because
            networks that paint things where none were come nearest by distance alone.
        """
        found: dict[str, float] = {}
        for way in self._makers:
            source = self._kinds[way[0]].shown(_JUDGED, self._options.size)
            made = self._made(way, source)
            likeness = self._likeness[way[-1]]
            found[f"distance {way}"] = likeness.distance(made)
            found[f"distance {way} before"] = likeness.distance(source)
            found[f"edges {way}"] = edges_kept(source, made)
        scores = (found[f"distance {way}"] + _EDGES * (1 - found[f"edges {way}"]) for way in self._makers)
        return {"score": float(np.mean(list(scores))), **found}

    def preview(self) -> Image:
        """Paint, for each way, held-out pictures over what is made of them."""
        rows = []
        for way in self._makers:
            source = self._kinds[way[0]].shown(_SHOWN, self._options.size)
            rows += [source, self._made(way, source)]
        # Of little material of one kind less is held out.
        columns = min(map(len, rows))
        sheet = np.concatenate([np.concatenate(list(row[:columns]), 2) for row in rows], 1)
        image: Image = (sheet.transpose(1, 2, 0) * 255 + 0.5).astype(np.uint8)
        return image

    def export(self, folder: Path) -> list[Path]:
        """Write a network for each way."""
        files = []
        for way, net in self._makers.items():
            into, out = (
                ", ".join(path.name for path in getattr(self._options, letter)) for letter in (way[0], way[-1])
            )
            card = Card(
                name=f"{self._options.out.name}-{way}",
                task="translate",
                description=f"Turns pictures like those in {into} into pictures like those in {out}.",
                multiple=MULTIPLE,
                side=self._side(way[0]),
                light=self._options.smooth > 0,
            )
            example = torch.from_numpy(self._kinds[way[0]].shown(1, self._options.size))
            files.append(_export.write(net.cpu(), [example], folder / f"{way}.onnx", [IMAGE], card))
            net.to(self._device)
        return files

    def _side(self, letter: str) -> int:
        """The short side at which crops saw pictures of a kind, on average."""
        pictures = self._kinds[letter]
        short = np.median([min(pictures[int(index)].shape[:2]) for index in pictures.learned])
        return max(self._options.size // 2, round(float(short) * float(np.mean(self._options.scale))))

    def _some(self, letter: str) -> Tensor:
        changes = Changes(self._options.scale)
        batch = self._kinds[letter].batch(self._rng, self._options.batch, self._options.size, changes)
        return torch.from_numpy(batch).to(self._device)

    def _both(self, given: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return what is made and the makers' losses, with a way there and back."""
        made = {way: net(given[way[0]]) for way, net in self._makers.items()}
        losses = {}
        for way, net in self._makers.items():
            losses[f"real {way}"] = (self._critics[way](made[way]) - 1).square().mean()
            other = _BACK if way == _ONE_WAY else _ONE_WAY
            losses[f"cycle {way[-1]}"] = self._options.cycle * (net(made[other]) - given[way[-1]]).abs().mean()
            if self._options.identity:
                same = net(given[way[-1]])
                losses[f"same {way[-1]}"] = self._options.identity * (same - given[way[-1]]).abs().mean()
        return made, losses

    def _one_sided(self, given: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return what is made and the maker's losses, with patches that keep their place."""
        net, options = self._makers[_ONE_WAY], self._options
        seen: list[Tensor] = []
        hooks = [layer.register_forward_hook(lambda _, __, out: seen.append(out)) for layer, _ in self._depths]

        def looked(image: Tensor) -> tuple[Tensor, list[Tensor]]:
            seen.clear()
            result = net(image)
            return result, list(seen)

        made, source = looked(given["a"])
        _, again = looked(made)
        losses = {
            f"real {_ONE_WAY}": (self._critics[_ONE_WAY](made) - 1).square().mean(),
            "places": options.contrast * self._contrast(source, again),
        }
        if options.identity:
            same, source = looked(given["b"])
            _, again = looked(same)
            losses["same places"] = options.contrast * self._contrast(source, again)
        for hook in hooks:
            hook.remove()
        return {_ONE_WAY: made}, losses

    def _made(self, way: str, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        batches = (torch.from_numpy(pictures[index : index + 1]).to(self._device) for index in range(len(pictures)))
        made: NDArray[np.float32] = torch.cat([self._makers[way](batch).cpu() for batch in batches]).numpy()
        return made.clip(0, 1)


def _roughness(change: Tensor) -> Tensor:
    """How different neighbouring pixels are: the total variation, as a mean."""
    down, across = change[..., 1:, :] - change[..., :-1, :], change[..., 1:] - change[..., :-1]
    return down.abs().mean() + across.abs().mean()


def _adam(weights: Iterator[Any], rate: float) -> Any:
    return torch.optim.Adam(weights, rate, betas=(0.5, 0.999))

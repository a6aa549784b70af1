"""What `melies train segment` does in a step, shows, measures and writes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812 (everybody's name)

from melies.frame import Image
from melies.nets.segmenter import MULTIPLE, Segmenter
from melies.painting import palette
from melies.painting.score import Confusion
from melies.painting.tables import UNKNOWN
from melies.train._export import write
from melies.train._pairs import Pairs
from melies.train._precision import descend
from melies.translating.card import IMAGE, Card

if TYPE_CHECKING:
    from melies.train.segment import Segment

Tensor = Any

SHOWN = 6
"""Pairs on a preview."""
LIGHT = 0.25
"""By how much, as a standard deviation, each colour is made brighter or darker, so that the light is not learned."""


class SegmentWork:
    """The segmenter and the pairs."""

    def __init__(self, options: Segment, rng: np.random.Generator, device: str) -> None:
        self._options, self._rng, self._device = options, rng, device
        self._palette = palette.find(options.classes)
        self._pairs = Pairs(options, self._palette, device)
        names = self._palette.classes
        # Nothing is taught about what was not labelled: it may be anything.
        self._unknown = names.index(UNKNOWN) if UNKNOWN in names else None
        self._segmenter: Any = Segmenter(len(names)).to(device)
        self._weights = self._rarity().to(device)
        self.networks: Mapping[str, Any] = {"segmenter": self._segmenter}
        self.optimisers: Mapping[str, Any] = {"adam": torch.optim.Adam(self._segmenter.parameters(), options.rate)}

    def step(self) -> Mapping[str, Any]:
        """Let the network tell what some photographs show."""
        layouts, photos = self._pairs.batch(self._rng, self._options.batch)
        light = self._rng.normal(1, LIGHT, (len(photos), 1, 1, 1)) * self._rng.normal(1, 0.05, (len(photos), 3, 1, 1))
        photos = (photos * torch.from_numpy(light.astype(np.float32)).to(self._device)).clamp(0, 1)
        loss = F.cross_entropy(self._segmenter(photos).float(), layouts.argmax(1), self._weights)
        descend(self.optimisers["adam"], loss)
        return {"entropy": loss.detach()}

    def measure(self) -> Mapping[str, float]:
        """Measure the mean intersection over union, 0…1, and the share of pixels that are right, on held-out pairs."""
        confusion = Confusion(len(self._palette.classes), self._unknown)
        for index in self._pairs.held_out:
            _, photo = self._pairs.tensors([index])
            confusion.add(self._pairs.labels[index], self._labels(photo))
        return {"mIoU": confusion.mean_iou, "accuracy": confusion.accuracy}

    def preview(self) -> Image:
        """Photograph, what the network makes of it and the true layout of held-out pairs, one pair a column."""
        columns = []
        for index in self._pairs.held_out[:: max(1, len(self._pairs.held_out) // SHOWN)][:SHOWN]:
            _, photo = self._pairs.tensors([index])
            labels = [self._palette.painted(found) for found in (self._labels(photo), self._pairs.labels[index])]
            columns.append(np.concatenate([self._pairs.photos[index], *labels]))
        return np.concatenate(columns, axis=1)

    def export(self, folder: Path) -> list[Path]:
        """Write `segmenter.onnx`."""
        about = Card(
            name=folder.name,
            task="segment",
            description=f"Tells {len(self._palette.classes)} classes apart.",
            classes=self._palette.entries,
            side=min(self._options.width, self._options.height),
            multiple=MULTIPLE,
        )
        _, photo = self._pairs.tensors(self._pairs.held_out[:1])
        # Scores beyond every doubt may differ by more than colours may: what is compared are shares.
        net = torch.nn.Sequential(self._segmenter.cpu(), torch.nn.Softmax(1)).eval()
        try:
            return [write(net, (photo.cpu(),), folder / "segmenter.onnx", (IMAGE,), about)]
        finally:
            self._segmenter.to(self._device)

    def _labels(self, photo: Tensor) -> palette.Labels:
        made: palette.Labels = self._segmenter(photo)[0].argmax(0).byte().cpu().numpy()
        return made

    def _rarity(self) -> Tensor:
        """Weigh classes by how rare they are, for otherwise poles and people are too few to matter."""
        counts = np.bincount(self._pairs.labels[self._pairs.learned].ravel(), minlength=len(self._palette.classes))
        weights = 1 / np.sqrt(np.maximum(counts / counts.sum(), 1e-3))
        if self._unknown is not None:
            weights[self._unknown] = 0
        return torch.from_numpy((weights / weights.max()).astype(np.float32))

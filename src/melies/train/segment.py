"""`melies train segment`: a network that tells what every pixel shows, taught by photographs and their layouts."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from melies.train import Work
from melies.train._paired import Paired


class Segment(Paired):
    """Teach a network to make layouts of photographs: the other way round from `paint`."""

    lasting = ("classes", "width", "height")
    mixed = True
    advice = (
        "The same pairs as for paint: photos, and layouts that say what is where. mIoU, measured on held-out pairs, "
        "says how well it tells the classes apart; rare and thin ones stay weak. It makes the layouts of "
        "footage: melies apply IN OUT paint --from footage --segmenter our-eyes, with a model that paints its classes."
    )
    examples = (
        "train segment --layouts layouts/ --photos photos/ --classes camvid --out run --minutes 30 --name our-eyes",
        "train segment --out run --resume --minutes 30",
    )

    batch: int = Field(8, ge=1, le=256, description="Pairs in a step.")
    rate: float = Field(2e-3, gt=0, le=1, description="How far a step goes: the learning rate.")
    average: float = Field(
        0.99, ge=0, lt=1, description="Use a running average of the weights that keeps this much of itself in a step."
    )

    def begin(self, rng: np.random.Generator, device: str) -> Work:
        """Read the pairs and make the network."""
        from melies.train._segment import SegmentWork

        return SegmentWork(self, rng, device)

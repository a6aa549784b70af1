"""`melies train paint`: a network that paints photographs from layouts, taught by pairs of both."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from melies.train import Work
from melies.train._paired import Paired


class Paint(Paired):
    """Teach a network to paint photographs from layouts: pictures in which every colour stands for a kind of thing."""

    lasting = ("classes", "net", "width", "height")
    mixed = True
    advice = (
        "Some hundreds of pairs of one kind of place, layout and photo of the same name. Large things such as road and "
        "sky come first, texture and colour after a thousand steps, thin things hardly. VGG16 says what is alike: "
        "melies models pull vgg16."
    )
    examples = (
        "train paint --layouts layouts/ --photos photos/ --classes camvid --out run --minutes 120 --name our-street",
        "train paint --out run --resume --minutes 60",
        "apply layouts.mp4 out.mp4 paint --model our-street",
    )

    net: Literal["spade", "small", "unet"] = Field(
        "spade",
        description="What is trained. spade: sees the layout at every scale, best; small: the network of style and "
        "translate; unet: as in pix2pix, but narrow.",
    )
    batch: int = Field(2, ge=1, le=256, description="Pairs in a step.")
    rate: float = Field(5e-4, gt=0, le=1, description="How far a step goes: the learning rate.")
    average: float = Field(
        0.995, ge=0, lt=1, description="Use a running average of the weights that keeps this much of itself in a step."
    )
    pixels: float = Field(10.0, ge=0, description="How much it counts that every pixel has the right colour.")
    features: float = Field(3.0, ge=0, description="How much it counts that VGG16 sees the same; 0 needs no VGG16.")
    critic: float = Field(0.5, ge=0, description="How much it counts that a second network takes it for a photograph.")
    matching: float = Field(5.0, ge=0, description="How much it counts that the second network sees the same.")

    steady: float = Field(
        8.0, ge=0, le=100, description="How much it counts that texture moves with what is painted; 0: not at all."
    )

    def begin(self, rng: np.random.Generator, device: str) -> Work:
        """Read the pairs and make the networks."""
        from melies.train._paint import PaintWork

        return PaintWork(self, rng, device)

"""`walk`: a walk through the latent space of a generator network."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from melies.effects._fields import Source
from melies.generators._walking import Walking
from melies.models.convert.stylegan2 import Noise
from melies.walking import spaces
from melies.walking.space import Space


class Walk(Walking):
    """A walk through the latent space of a generator network."""

    model: Source = Field(
        "cppn", description="The network: cppn, which needs no weights, or a .pkl file of StyleGAN2 or 3."
    )
    noise: Noise = Field(
        "const", description="Where StyleGAN2's fine chance comes from: stored, drawn for each frame, or left out."
    )
    swap: Path | None = Field(
        None, description="Another file of StyleGAN2, trained on from the same one, whose finer layers are taken."
    )
    swap_from: int = Field(16, ge=4, le=1024, description="Layers of more pixels than this are the other file's.")

    @property
    def space(self) -> Space:
        """The space of the model."""
        return spaces.find(self.model, self.noise, self.swap, self.swap_from)

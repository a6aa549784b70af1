"""`walk`: a walk through the latent space of a generator network."""

from __future__ import annotations

from pydantic import Field

from melies.generators._walking import Walking
from melies.walking import spaces
from melies.walking.space import Space


class Walk(Walking):
    """A walk through the latent space of a generator network."""

    model: str = Field("cppn", description="The network: cppn, which needs no weights, or what melies models lists.")

    @property
    def space(self) -> Space:
        """The space of the model."""
        return spaces.find(self.model)

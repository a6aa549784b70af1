"""`walk`: a walk through the latent space of a generator network."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from melies.effects._fields import Named, Source
from melies.generators._walking import Walking
from melies.models.convert.stylegan2 import Noise
from melies.walking import photos, spaces
from melies.walking.photos import Photo
from melies.walking.space import Space


class Walk(Walking):
    """A walk through the latent space of a generator network."""

    model: Source = Field(
        "cppn",
        description="The network: cppn, which needs no weights; one of `melies train latent`, by name or file; "
        "dcgan-faces; or a .pkl file of StyleGAN2 or 3.",
    )
    photo: tuple[Named, ...] = Field(
        (),
        description="A photo, or FILM@TIME, that the way leads through, found again in the space, or an .npz file of "
        "`melies project`; may be given several times, and comes before --seeds.",
    )
    noise: Noise = Field(
        "const", description="Where StyleGAN2's fine chance comes from: stored, drawn for each frame, or left out."
    )
    swap: Path | None = Field(
        None, description="Another file of StyleGAN2, trained on from the same one, whose finer layers are taken."
    )
    swap_from: int = Field(16, ge=4, le=1024, description="Layers of more pixels than this are the other file's.")

    def models(self) -> tuple[str, ...]:
        """The network, if it is one of the registry."""
        return (self.model,) if self.model in spaces.rows() else ()

    @property
    def photos(self) -> tuple[Photo, ...]:
        """The photos, each with its file as it is now."""
        return tuple(map(photos.photo, self.photo))

    @property
    def space(self) -> Space:
        """The space of the model."""
        return spaces.find(self.model, self.noise, self.swap, self.swap_from)

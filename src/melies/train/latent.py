"""`melies train latent`: a latent space of one's own footage, to be walked through."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from melies.effects._fields import File
from melies.sizes import read_pixels
from melies.train import Trainer, Work

_MULTIPLE = 16
_LARGEST = 192


def _suits(size: tuple[int, int]) -> tuple[int, int]:
    if any(side % _MULTIPLE or not 2 * _MULTIPLE <= side <= _LARGEST for side in size):
        raise ValueError(
            f"should be multiples of {_MULTIPLE} from {2 * _MULTIPLE} to {_LARGEST}, such as 64x64 or 112x64"
        )
    return size


class Latent(Trainer):
    """Teach a network to make pictures like those of your own footage, and all that lies between them."""

    lasting = ("size", "latent", "width")
    mixed = True
    advice = (
        "One film, or photos of one kind of thing: a few hundred pictures that differ little come out well, holidays "
        "of all sorts as mist. Colours come first, shapes after some hundred steps; a quarter of an hour on two cores "
        "shows what it will be."
    )
    examples = (
        "train latent --photos film.mp4 --out run --minutes 25 --name my-film",
        "dream out.mp4 walk --model my-film --loop",
        "dream out.mp4 walk --model my-film --photo a.jpg --photo b.jpg",
    )

    photos: Annotated[tuple[File, ...], Field(min_length=1)] = Field(
        description="Films and photos, or folders of them, that are learned from."
    )
    size: Annotated[
        tuple[int, int],
        BeforeValidator(read_pixels),
        AfterValidator(_suits),
        PlainSerializer(lambda size: f"{size[0]}x{size[1]}"),
        WithJsonSchema({"type": "string", "format": "size"}),
    ] = Field((64, 64), description="Of the pictures that are made, such as 112x64; multiples of 16.")
    latent: int = Field(64, ge=8, le=256, description="Numbers by which a picture is described.")
    width: int = Field(32, ge=8, le=128, multiple_of=8, description="Channels: more paint better, slower.")
    regular: float = Field(
        1.0, ge=0, le=1000, description="How evenly the space is filled: the more, the softer changes and pictures are."
    )
    sharp: float = Field(
        1.0, ge=0, le=100, description="How much it counts that pictures look real to a critic; 0: do without one."
    )
    flip: bool = Field(False, description="Learn from mirrored pictures, too.")
    batch: int = Field(16, ge=4, le=256, multiple_of=4, description="Pictures in a step.")
    rate: float = Field(4e-4, gt=0, le=1, description="How far a step goes: the learning rate.")
    average: float = Field(
        0.995, ge=0, lt=1, description="Use a running average of the weights that keeps this much of itself in a step."
    )

    def begin(self, rng: np.random.Generator, device: str) -> Work:
        """Collect the pictures and make the networks."""
        from melies.train._latent import LatentWork

        return LatentWork(self, rng, device)

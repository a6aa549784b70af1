"""What the generator and the effect `diffuse` have in common: which model, and what it is asked for."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Self

from pydantic import BaseModel, Field, model_validator

from melies.diffusing.folder import Model, find, require
from melies.diffusing.studio import Wish
from melies.diffusing.windows import Windows
from melies.dreaming.fields import Prompted
from melies.dreaming.prompts import Part, Prompts
from melies.effects._fields import Source

log = logging.getLogger("melies")


class Diffusing(BaseModel):
    """Fields of everything that a diffusion model makes."""

    model: Source = Field(
        description="The folder of a diffusion model as Diffusers writes it, or ORG/NAME from the hub's local cache."
    )
    motion: Source | None = Field(
        None, description="The folder of an AnimateDiff motion adapter, for a Stable Diffusion model."
    )
    prompt: Prompted | None = Field(
        None, description='What is to be seen, by frame: "0: a forest | 60: a city", or {"0": "…"}; --neg as well.'
    )
    negative: str = Field("", description="What is not to be seen, at any time.")
    steps: int = Field(25, ge=1, le=1000, description="Steps from noise to picture.")
    guidance: float = Field(7.0, ge=0, le=100, description="How closely the text is kept to; 1 hardly listens to it.")
    detail: int | None = Field(
        None,
        ge=64,
        le=4096,
        description="Pictures are made as large as a square of so many pixels a side; as it learned, if not given.",
    )
    window: int | None = Field(
        None, ge=1, le=512, description="Frames that a model of films makes at once; as it learned, if not given."
    )
    overlap: int = Field(4, ge=0, le=256, description="Frames in which one window goes over into the next.")

    @model_validator(mode="after")
    def _something_is_asked_for(self) -> Self:
        if self.prompt is None:
            log.warning("diffuse: without a --prompt the model makes what it likes.")
        return self

    @property
    def found(self) -> Model:
        """The model, looked at but not loaded.

        Raises:
            UseError: There is no such model, it is none that can be run, or the packages that run it are missing.
            ModelError: It is damaged, or holds pickles or code of its own.
        """
        model = find(self.model, self.motion)
        require()
        if self.window is not None and not model.family.moves:
            _warn_of_window(model.family.title)
        return model

    @property
    def windows(self) -> Windows:
        """What is made at once."""
        family = self.found.family
        return Windows.of((self.window or family.window) if family.moves else 1, self.overlap, family.every)

    def wish(self, index: int, length: int | None, seed: int) -> Wish:
        """Say what is wanted at a frame.

        Args:
            index: Which.
            length: Frames that there are; None if they never end.
            seed: Where random numbers come from.
        """
        parts = Prompts(self.prompt, seed).at(index, length) if self.prompt else ()
        unwanted = (Part(self.negative, -1.0),) if self.negative else ()
        return Wish((*parts, *unwanted), self.steps, self.guidance, seed)


@lru_cache(maxsize=1)
def _warn_of_window(title: str) -> None:
    """Say it once: a model is looked at again and again."""
    log.warning("diffuse: nothing follows window: %s makes single pictures.", title)

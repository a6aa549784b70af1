"""`diffuse`: pictures and films that a diffusion model makes of a text."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from melies.diffusing.fields import Diffusing
from melies.diffusing.studio import Studio, studio
from melies.diffusing.windows import noise, overlapped
from melies.dreaming.camera import Border, Colours, Move, Picture, coloured_like, moved_flat, noised
from melies.dreaming.fields import Scheduled, given
from melies.dreaming.schedule import Behaviour, read, seeds, warn_outside
from melies.dreaming.source import Source, opened
from melies.errors import UseError
from melies.frame import Frame, VideoSpec
from melies.generators._animation import Animation
from melies.imaging import fit
from melies.matting.scale import code
from melies.times import first_frame

_log = logging.getLogger("melies")

_FEWEST = 3
"""Noises that a loop leads through: with two one would come back the way one went."""


_OF_FEEDBACK = (
    "zoom", "angle", "translation_x", "translation_y", "zoom_by", "angle_by", "border", "noise", "colours", "keep",
    "seed_behaviour",
)  # fmt: skip
_OF_WALKS = ("pace", "offset")
"""What only one of the modes knows."""


class Diffuse(Animation, Diffusing):
    """Make films of texts with a diffusion model: walks through its noise, or pictures that grow out of each other.

    Schedules are written as Deforum's: `0:(0.5), 60:(0.8)`.
    """

    mode: Literal["walk", "feedback"] = Field(
        "walk", description="Every picture made anew on a walk through the noise, or each out of the one before."
    )
    strength: Scheduled = Field(
        "0:(0.5)", description="How much of what there is is made anew, with init or feedback: 0 nothing, 1 all."
    )
    pace: float = Field(2.0, gt=0, le=3600, description="Seconds from one noise to the next.")
    loop: bool = Field(False, description="Come back to the first noise, so that the film can be repeated.")
    offset: float = Field(0.0, ge=-1e6, le=1e6, description="So many noises further on the walk, for --react.")
    zoom: Scheduled = Field("0:(1.02)", description="Feedback: above 1 one comes nearer, a frame.")
    angle: Scheduled = Field("0:(0)", description="Feedback: degrees that the picture turns, a frame.")
    translation_x: Scheduled = Field("0:(0)", description="Feedback: to the right, in pixels of a picture of 512.")
    translation_y: Scheduled = Field("0:(0)", description="Feedback: down.")
    zoom_by: float = Field(1.0, gt=0.1, le=10, description="Feedback: a further factor of the zoom, for --react.")
    angle_by: float = Field(0.0, ge=-360, le=360, description="Feedback: further degrees, for --react.")
    border: Border = Field("mirror", description="Feedback: what comes in at the edges.")
    noise: Scheduled = Field("0:(0.02)", description="Feedback: noise in each picture, so that new things are found.")
    colours: Colours = Field("lab", description="Feedback: keep the first picture's colours, or the film's.")
    keep: float = Field(0.85, ge=0, le=1, description="Feedback on a film: how much of what was made stays.")
    seed_behaviour: Behaviour = Field("iter", description="Feedback: how the seed goes on from frame to frame.")

    @model_validator(mode="after")
    def _loop_makes_sense(self) -> Self:
        if self.loop and (self.mode != "walk" or self.init is not None):
            raise ValueError("loop is for walks without init: what grows out of other pictures does not come back")
        return self

    @model_validator(mode="after")
    def _what_is_given_is_used(self) -> Self:
        fed = self.mode == "feedback"
        if words := given(self, *(_OF_WALKS if fed else _OF_FEEDBACK)):
            other = "walk" if fed else "feedback"
            _log.warning("diffuse: in mode %s nothing follows %s: take mode %s.", self.mode, words, other)
        if fed and self.init is None and given(self, "keep"):
            _log.warning("diffuse: as it is set nothing follows keep: give it a film as --init.")
        if not fed and self.init is None and given(self, "strength"):
            _log.warning("diffuse: as it is set nothing follows strength: give it an --init, or take mode feedback.")
        return self

    @property
    def spec(self) -> VideoSpec:
        """What the frames look like.

        Raises:
            UseError: The model cannot be used, or not so.
            ModelError: It is damaged.
        """
        family = self.found.family
        if family.moves and (self.loop or self.mode == "feedback"):
            what = "loop" if self.loop else "feedback"
            raise UseError(f"{family.title} makes films of its own motion; {what} is for models of pictures.")
        spec = super().spec
        if self.loop and spec.frames is None:
            raise UseError("A loop comes back at its end, and this never ends.", "Give it a --duration.")
        return spec

    @property
    def synthesis(self) -> str:
        """What a machine made."""
        return f"The pictures were made by a diffusion model (diffuse, model {self.found.label})."

    def steered(self, since: Fraction, lead_in: int, now: Callable[[Fraction], Self]) -> Iterator[Frame]:
        """Make them with settings that change on the way; a window has those of its middle."""
        spec = self.spec
        first = first_frame(since, spec.rate, lead_in)
        if spec.frames is not None and first >= spec.frames:
            return
        if self.mode == "feedback" or self.init is not None:
            schedule = read(self.strength, self.interpolation, self.seed)
            warn_outside("diffuse: strength", schedule, 0.0, 1.0, spec.frames)
        shop = studio(self.found)
        size = shop.size(*self.size, self.detail)

        def at(index: int) -> Diffuse:
            return now(index / spec.rate)

        with opened(self.init, size, self.fps) as source:
            if self.mode == "feedback":
                pictures = self._fed(shop, size, source, at, spec.frames)
            else:
                pictures = self._walked(shop, size, source, at, spec.frames, first)
            for index, picture in pictures:
                if index >= first:
                    image = code(picture, np.dtype(np.uint8))
                    yield Frame(fit(image, *self.size), index, spec.time_base, 1)
                if index + 1 == spec.frames:
                    return

    def _walked(
        self,
        shop: Studio,
        size: tuple[int, int],
        source: Source | None,
        at: Callable[[int], Diffuse],
        length: int | None,
        first: int,
    ) -> Iterator[tuple[int, Picture]]:
        """Yield every picture from before `first` on, each made of noise or of the source's."""
        windows, every = self.windows, self.found.family.every
        shape = shop.noise_shape(*size)

        def middle(start: int) -> int:
            index = start + windows.length // 2
            return index if length is None else min(index, length - 1)

        def of_noise(indices: Sequence[int]) -> list[Picture]:
            index = middle(indices[0])
            diffuse = at(index)
            steps = range(indices[0], indices[0] + windows.length, every)
            noises = [diffuse._noise(step, length, shape) for step in steps]
            return shop.made(noises, size, diffuse.wish(index, length, diffuse.seed))

        def of_pictures(given: Sequence[tuple[int, Picture]]) -> list[Picture]:
            index = middle(given[0][0])
            diffuse = at(index)
            wish = diffuse.wish(index, length, diffuse.seed)
            return shop.remade([picture for _, picture in given], wish, diffuse.at("strength", index, length))

        indices = itertools.count(windows.start(first))
        if source is None:
            yield from overlapped(indices, windows, of_noise)
            return
        shown = ((index, source.picture(index)) for index in indices)
        for (index, _), picture in overlapped(shown, windows, of_pictures):
            yield index, picture

    def _noise(self, index: int, length: int | None, shape: tuple[int, ...]) -> np.ndarray:
        """The noise of a frame: where the walk is, or for a model of films one of its own."""
        if self.found.family.moves:
            return noise(self.seed, index, None, shape)
        if self.loop and length is not None:
            count = max(_FEWEST, round(length / self.fps / Fraction(self.pace)))
            return noise(self.seed, index / length * count + self.offset, count, shape)
        return noise(self.seed, index / float(self.fps) / self.pace + self.offset, None, shape)

    def _fed(
        self,
        shop: Studio,
        size: tuple[int, int],
        source: Source | None,
        at: Callable[[int], Diffuse],
        length: int | None,
    ) -> Iterator[tuple[int, Picture]]:
        """Yield every picture from the first on, each made of the one before."""
        beginning = at(0)
        wish = beginning.wish(0, length, self.seed)
        if source is None:
            picture = shop.made([noise(self.seed, 0, None, shop.noise_shape(*size))], size, wish)[0]
        else:
            picture = shop.remade([source.picture(0)], wish, beginning.at("strength", 0, length))[0]
        model = picture
        yield 0, picture
        for index in itertools.count(1):
            diffuse = at(index)
            picture = diffuse._moved(picture, index, length)
            if source and source.moves:
                picture, model = source.carried(picture, index, diffuse.keep), source.picture(index)
            seed = seeds(self.seed_behaviour, diffuse.seed, index)
            picture = coloured_like(picture, model, self.colours)
            picture = noised(picture, diffuse.at("noise", index, length), np.random.default_rng([seed, 5]))
            wish = diffuse.wish(index, length, seed)
            picture = shop.remade([picture], wish, diffuse.at("strength", index, length))[0]
            yield index, picture

    def _moved(self, picture: Picture, index: int, length: int | None) -> Picture:
        """Move the camera on to a frame."""
        shift = self.at("translation_x", index, length), self.at("translation_y", index, length), 0.0
        zoom = self.at("zoom", index, length) * self.zoom_by
        angle = self.at("angle", index, length) + self.angle_by
        return moved_flat(picture, Move(zoom, angle, shift), self.border)

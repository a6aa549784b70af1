"""`dream`: a picture that is moved on and dreamt again, frame by frame, with Deforum's schedules."""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self

import cv2
import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from melies.dreaming.ascent import Effort, Guide, Space, ascend
from melies.dreaming.camera import Border, Colours, Move, Picture, coloured_like, moved_flat, moved_in_space, noised
from melies.dreaming.gradient import BLOCKS
from melies.dreaming.guides import Kind, of_layer, of_parts
from melies.dreaming.prompts import Prompts
from melies.dreaming.schedule import Behaviour, Schedule, Way, scheduled, seeds
from melies.dreaming.source import Source, begins
from melies.effects._fields import refuse_address
from melies.errors import UseError
from melies.frame import Frame, Image
from melies.generators._canvas import Canvas
from melies.matting.scale import cv
from melies.motion import Flow, grey, warp


def _schedule(text: str) -> str:
    try:
        Schedule(text)
    except UseError as error:
        raise ValueError(str(error)) from None
    return text


_log = logging.getLogger("melies")

_OF_MODE = {
    "2d": ("zoom", "angle", "transform_center_x", "transform_center_y", "zoom_by", "angle_by"),
    "3d": ("translation_z", "rotation_3d_x", "rotation_3d_y", "rotation_3d_z", "fov"),
}
"""What only one of the cameras knows."""

Numbers = Annotated[str, AfterValidator(_schedule)]
"""A field that holds a schedule, such as `0:(1.02), 60:(1)`."""


class Dream(Canvas):
    """Dreams: a picture in which a network is shown more and more of what it is to see, while a camera moves on.

    Schedules are written as Deforum's: `0:(1.02+0.01*sin(t/10)), 60:(1)`.
    """

    prompts: str | None = Field(
        None, description='What shall be seen, by frame: "0: a coral reef | 60: a city", or {"0": "…"}; --neg as well.'
    )
    guide: Kind | None = Field(
        None,
        description="Led by texts, by names of ImageNet's kinds, or by what a layer sees anyway; none is CLIP.",
    )
    layer: int = Field(8, ge=0, lt=BLOCKS, description="Whose sights are enhanced: first edges, last parts of things.")
    mode: Literal["2d", "3d"] = Field("2d", description="The camera in the plane, or before a flat wall.")
    zoom: Numbers = Field("0:(1.02)", description="2d: above 1 one comes nearer, a frame.")
    angle: Numbers = Field("0:(0)", description="2d: degrees that the picture turns, a frame.")
    translation_x: Numbers = Field("0:(0)", description="To the right, in pixels of a picture of 512.")
    translation_y: Numbers = Field("0:(0)", description="Down.")
    translation_z: Numbers = Field("0:(0)", description="3d: forwards; the wall is 200 away.")
    rotation_3d_x: Numbers = Field("0:(0)", description="3d: degrees about the horizontal axis.")
    rotation_3d_y: Numbers = Field("0:(0)", description="3d: degrees about the vertical axis.")
    rotation_3d_z: Numbers = Field("0:(0)", description="3d: degrees about the line of sight.")
    fov: Numbers = Field("0:(70)", description="3d: the field of view, in degrees.")
    transform_center_x: Numbers = Field("0:(0.5)", description="2d: about what is zoomed, as a share of the width.")
    transform_center_y: Numbers = Field("0:(0.5)", description="2d: and of the height.")
    zoom_by: float = Field(1.0, gt=0.1, le=10, description="2d: a further factor of the zoom, for --react.")
    angle_by: float = Field(0.0, ge=-360, le=360, description="2d: further degrees, for --react.")
    border: Border = Field("mirror", description="What comes in at the edges.")
    noise: Numbers = Field("0:(0.03)", description="Noise in each key picture, so that new things are found.")
    strength: Numbers = Field("0:(0.7)", description="How much of the last picture stays: 1 - this share of the steps.")
    cadence: int = Field(2, ge=1, le=100, description="Frames from one dreamt picture to the next.")
    interpolation: Way = Field("linear", description="How schedules go from number to number.")
    seed_behaviour: Behaviour | Literal["schedule"] = Field(
        "iter", description="How the seed goes on from frame to frame; schedule: as seed-schedule says."
    )
    seed_schedule: Numbers = Field("0:(s+t)", description="Seeds by frame, without fractions; -1 draws one.")
    colours: Colours = Field("lab", description="Keep the first picture's colours, matched in this space.")
    steps: int = Field(14, ge=0, le=500, description="Steps of the first picture in each octave.")
    rate: float = Field(0.02, ge=0, le=1, description="How far a step goes.")
    octaves: int = Field(2, ge=1, le=6, description="Sizes at which is dreamt.")
    detail: int = Field(192, ge=64, le=2048, description="Shorter side, in pixels, at which is dreamt.")
    space: Space = Field("fft", description="What a step changes: waves with photographs' colours, or pixels.")
    init: Annotated[Path, BeforeValidator(refuse_address)] | None = Field(
        None, description="A picture to begin with, or a film that is dreamt over along its motion."
    )
    keep: float = Field(0.85, ge=0, le=1, description="With a film: how much of the dream stays from frame to frame.")

    @field_validator("prompts")
    @classmethod
    def _prompts_can_be_read(cls, text: str | None) -> str | None:
        try:
            if text is not None:
                Prompts(text)
        except UseError as error:
            raise ValueError(str(error)) from None
        return text

    @model_validator(mode="after")
    def _the_camera_is_the_one_that_is_set(self) -> Self:
        other = "2d" if self.mode == "3d" else "3d"
        given = [name for name in _OF_MODE[other] if getattr(self, name) != type(self).model_fields[name].default]
        if given:
            words = ", ".join(name.replace("_", "-") for name in given)
            _log.warning("dream: in mode %s nothing follows %s: take mode %s.", self.mode, words, other)
        return self

    @model_validator(mode="after")
    def _prompts_go_with_the_guide(self) -> Self:
        if self.prompts:
            if self.leads == "layer":
                raise ValueError("the guide layer looks for no prompts: leave them out, or take the guide text")
        elif self.guide in ("text", "class"):
            raise ValueError(f"the guide {self.guide} needs prompts, such as 0: a coral reef")
        return self

    @property
    def leads(self) -> Kind:
        """What the dream is led by: the text if there is one."""
        return self.guide or ("text" if self.prompts else "layer")

    @property
    def seconds(self) -> Fraction | None:
        """How long it is: as long as the film that is dreamt over, if nothing else says."""
        if self.init is not None and self.duration is None and self.audio is None:
            length = begins(self.init).seconds
            if length is not None:
                return length
        return super().seconds

    def models(self) -> tuple[str, ...]:
        """Names of the networks."""
        return ("efficientnet-lite0", "minilm") if self.leads == "text" else ("efficientnet-lite0",)

    def make(self, since: Fraction = Fraction(0), lead_in: int = 0) -> Iterator[Frame]:
        """Make the frames from `since` on; those before it are made as well, for each grows out of the last."""
        return self.steered(since, lead_in, lambda _: self)

    def steered(self, since: Fraction, lead_in: int, now: Callable[[Fraction], Self]) -> Iterator[Frame]:
        """Make them with settings that change on the way."""
        spec = self.spec
        first = max(0, math.ceil(since * spec.rate) - lead_in)
        if spec.frames is not None and first >= spec.frames:
            return
        for index, picture in enumerate(_dreamt(self, spec.frames, lambda index: now(index / spec.rate))):
            if index >= first:
                yield Frame(_levels(picture), index, spec.time_base, 1)

    def move(self, picture: Picture, index: int, length: int | None) -> Picture:
        """Move the camera on to a frame."""

        def at(name: str) -> float:
            return self._at(name, index, length)

        shift = at("translation_x"), at("translation_y"), at("translation_z")
        if self.mode == "3d":
            turn = at("rotation_3d_x"), at("rotation_3d_y"), at("rotation_3d_z")
            fov = float(np.clip(at("fov"), 1, 179))
            return moved_in_space(picture, Move(translation=shift, rotation=turn, fov=fov), self.border)
        centre = at("transform_center_x"), at("transform_center_y")
        zoom, angle = at("zoom") * self.zoom_by, at("angle") + self.angle_by
        return moved_flat(picture, Move(zoom, angle, shift, centre), self.border)

    def dream(self, picture: Picture, index: int, length: int | None, first: bool = False) -> Picture:
        """Dream one key picture on what there is."""
        noise, strength = (self._at(name, index, length) for name in ("noise", "strength"))
        random = np.random.default_rng([self._seed(index, length), 5])
        steps = self.steps if first else round(self.steps * (1 - min(max(strength, 0), 1)))
        effort = Effort(steps, self.rate, self.octaves, self.detail, self.space)
        return ascend(noised(picture, noise, random), self._guide(index, length), effort, random)

    def _at(self, name: str, index: int, length: int | None) -> float:
        """The number that a schedule gives a frame."""
        return _read(getattr(self, name), self.interpolation, self.seed).at(index, length)

    def _seed(self, index: int, length: int | None) -> int:
        if self.seed_behaviour == "schedule":
            return scheduled(self._at("seed_schedule", index, length), self.seed, index)
        return seeds(self.seed_behaviour, self.seed, index)

    def _guide(self, index: int, length: int | None) -> Guide:
        if self.leads == "layer":
            return of_layer(self.layer)
        return of_parts(Prompts(self.prompts or "", self.seed).at(index, length), self.leads)


def _dreamt(dream: Dream, length: int | None, at: Callable[[int], Dream]) -> Iterator[Picture]:
    """Yield the pictures of all frames; `at` says how the dream is set at each."""
    with contextlib.ExitStack() as open_files:
        source = Source(dream.init, dream.size, dream.fps) if dream.init is not None else None
        if source:
            open_files.callback(source.close)
        picture = source.picture(0) if source else _beginning(dream)
        picture = at(0).dream(picture, 0, length, first=True)
        yield picture
        model, index = picture, 0
        while length is None or index + 1 < length:
            key = min(index + at(index).cadence, math.inf if length is None else length - 1)
            moved = []
            for frame in range(index + 1, int(key) + 1):
                picture = at(frame).move(picture, frame, length)
                if source and source.moves:
                    picture = source.carried(picture, frame, at(frame).keep)
                moved.append(picture)
            index = int(key)
            wanted = source.picture(index) if source and source.moves else model
            picture = at(index).dream(coloured_like(picture, wanted, at(index).colours), index, length)
            yield from _between(moved[:-1], picture)
            yield picture


def _between(moved: list[Picture], made: Picture) -> Iterator[Picture]:
    """Let the pictures before a dreamt one become it: it is fetched along the flow and mixed in, more and more."""
    if not moved:
        return
    flow, end = Flow("fast", 512), grey(_levels(made))
    for number, picture in enumerate(moved, 1):
        share = np.float32(number / (len(moved) + 1))
        yield picture + share * (warp(made, flow(grey(_levels(picture)), end)) - picture)


def _beginning(dream: Dream) -> Picture:
    """Soft clouds of colour, the same at every size."""
    width, height = dream.size
    clouds = dream.random(1).random((6, 10, 3), np.float32) * np.float32(0.3) + np.float32(0.35)
    made: Picture = cv.resize(clouds, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(made, 0, 1, out=made)


def _levels(picture: Picture) -> Image:
    return np.asarray(np.clip(picture, 0, 1) * np.float32(255) + np.float32(0.5), np.uint8)


@lru_cache(maxsize=64)
def _read(text: str, way: Way, seed: int) -> Schedule:
    return Schedule(text, way, seed)

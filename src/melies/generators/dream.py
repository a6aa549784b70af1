"""`dream`: a picture that is moved on and dreamt again, frame by frame, with Deforum's schedules."""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, Literal, Self

import cv2
import numpy as np
from pydantic import Field, model_validator

from melies.dreaming.ascent import Effort, Guide, Medium, Pixels, Space, Waves
from melies.dreaming.camera import Border, Colours, Move, Picture
from melies.dreaming.clip import of_clip
from melies.dreaming.fields import Prompted, Scheduled, given
from melies.dreaming.folders import CLIP, find
from melies.dreaming.gradient import BLOCKS
from melies.dreaming.guides import Kind, of_layer, of_parts
from melies.dreaming.prompts import Prompts
from melies.dreaming.schedule import Behaviour, read, scheduled, seeds, warn_outside
from melies.dreaming.sheets import Going, Mode, Patterns, Pictures, Sheet, Wish
from melies.dreaming.source import Source, opened
from melies.dreaming.vqgan import Codes, located, vqgan
from melies.effects._fields import Source as Word
from melies.frame import Frame, Image, VideoSpec
from melies.generators._animation import Animation
from melies.matting.scale import cv
from melies.times import first_frame

_log = logging.getLogger("melies")

_OF_MODE = {
    "2d": ("zoom", "angle", "transform_center_x", "transform_center_y", "zoom_by", "angle_by"),
    "3d": ("translation_z", "rotation_3d_x", "rotation_3d_y", "rotation_3d_z", "fov"),
}
"""What only one of the cameras knows."""
_FOV = 1.0, 179.0
"""Degrees between which a field of view lies."""


class Dream(Animation):
    """Dreams: a picture in which a network is shown more and more of what it is to see, while a camera moves on.

    Schedules are written as Deforum's: `0:(1.02+0.01*sin(t/10)), 60:(1)`.
    """

    prompts: Prompted | None = Field(
        None, description='What shall be seen, by frame: "0: a coral reef | 60: a city", or {"0": "…"}; --neg as well.'
    )
    guide: Kind | None = Field(
        None,
        description="Led by texts, by names of ImageNet's kinds, by what a layer sees anyway, or by CLIP.",
    )
    clip: Word | None = Field(
        None, description="The folder of a CLIP as Transformers writes it, or ORG/NAME from the hub's local cache."
    )
    cutouts: int = Field(16, ge=1, le=512, description="Parts of the picture that CLIP looks at in each step.")
    layer: int = Field(8, ge=0, lt=BLOCKS, description="Whose sights are enhanced: first edges, last parts of things.")
    mode: Mode = Field("2d", description="The camera in the plane, or before a flat wall.")
    zoom: Scheduled = Field("0:(1.02)", description="2d: above 1 one comes nearer, a frame.")
    angle: Scheduled = Field("0:(0)", description="2d: degrees that the picture turns, a frame.")
    translation_x: Scheduled = Field("0:(0)", description="To the right, in pixels of a picture of 512.")
    translation_y: Scheduled = Field("0:(0)", description="Down.")
    translation_z: Scheduled = Field("0:(0)", description="3d: forwards; the wall is 200 away.")
    rotation_3d_x: Scheduled = Field("0:(0)", description="3d: degrees about the horizontal axis.")
    rotation_3d_y: Scheduled = Field("0:(0)", description="3d: degrees about the vertical axis.")
    rotation_3d_z: Scheduled = Field("0:(0)", description="3d: degrees about the line of sight.")
    fov: Scheduled = Field("0:(70)", description="3d: the field of view, in degrees.")
    transform_center_x: Scheduled = Field("0:(0.5)", description="2d: about what is zoomed, as a share of the width.")
    transform_center_y: Scheduled = Field("0:(0.5)", description="2d: and of the height.")
    zoom_by: float = Field(1.0, gt=0.1, le=10, description="2d: a further factor of the zoom, for --react.")
    angle_by: float = Field(0.0, ge=-360, le=360, description="2d: further degrees, for --react.")
    border: Border = Field("mirror", description="What comes in at the edges.")
    noise: Scheduled = Field("0:(0.03)", description="Noise in each key picture, so that new things are found.")
    strength: Scheduled = Field("0:(0.7)", description="How much of the last picture stays: 1 - this of the steps.")
    cadence: int = Field(2, ge=1, le=100, description="Frames from one dreamt picture to the next.")
    seed_behaviour: Behaviour | Literal["schedule"] = Field(
        "iter", description="How the seed goes on from frame to frame; schedule: as seed-schedule says."
    )
    seed_schedule: Scheduled = Field("0:(s+t)", description="Seeds by frame, without fractions; -1 draws one.")
    colours: Colours = Field("lab", description="Keep the first picture's colours, matched in this space.")
    steps: int = Field(14, ge=0, le=500, description="Steps of the first picture in each octave.")
    rate: float = Field(0.02, ge=0, le=1, description="How far a step goes.")
    octaves: int = Field(2, ge=1, le=6, description="Sizes at which is dreamt.")
    detail: int = Field(192, ge=64, le=2048, description="Shorter side, in pixels, at which is dreamt.")
    space: Space | None = Field(
        None,
        description="What stands for the picture: waves with photographs' colours (fft), pixels, a CPPN, or a VQGAN.",
    )
    vqgan: Word | None = Field(
        None, description="The folder of a VQGAN as Diffusers writes it (VQModel), or ORG/NAME from the local cache."
    )
    keep: float = Field(0.85, ge=0, le=1, description="With a film: how much of the dream stays from frame to frame.")

    @model_validator(mode="after")
    def _the_camera_is_the_one_that_is_set(self) -> Self:
        other = "2d" if self.mode == "3d" else "3d"
        if words := given(self, *_OF_MODE[other]):
            _log.warning("dream: in mode %s nothing follows %s: take mode %s.", self.mode, words, other)
        return self

    @model_validator(mode="after")
    def _what_is_given_is_used(self) -> Self:
        by_schedule = self.seed_behaviour == "schedule"
        for unused, name, instead in (
            (not by_schedule, "seed_schedule", "take --seed-behaviour schedule"),
            (self.leads != "layer", "layer", "take --guide layer"),
            (self.leads != "clip", "cutouts", "give it a --clip"),
            (self.init is None, "keep", "give it a film as --init"),
        ):
            if unused and (word := given(self, name)):
                _log.warning("dream: as it is set nothing follows %s: %s.", word, instead)
        if by_schedule and not given(self, "seed_schedule"):
            _log.warning("dream: without a --seed-schedule, --seed-behaviour schedule only counts up.")
        return self

    @model_validator(mode="after")
    def _prompts_go_with_the_guide(self) -> Self:
        if self.prompts:
            if self.leads == "layer":
                raise ValueError("the guide layer looks for no prompts: leave them out, or take the guide text")
        elif self.leads != "layer":
            raise ValueError(f"the guide {self.leads} needs prompts, such as 0: a coral reef")
        return self

    @model_validator(mode="after")
    def _models_are_used(self) -> Self:
        if (self.leads == "clip") != (self.clip is not None):
            raise ValueError("--guide clip and --clip FOLDER go together")
        if (self.represents == "vqgan") != (self.vqgan is not None):
            raise ValueError("--space vqgan and --vqgan FOLDER go together")
        return self

    @model_validator(mode="after")
    def _a_cppn_can_do_it(self) -> Self:
        if self.represents == "cppn" and self.init is not None:
            raise ValueError("a CPPN begins with a pattern of its own: leave out init, or take another space")
        if self.represents == "cppn" and self.mode == "3d":
            raise ValueError("a CPPN is moved in its plane: take mode 2d, or another space")
        if self.represents == "cppn" and (words := given(self, "noise", "colours", "border")):
            _log.warning("dream: a CPPN has no use for %s.", words)
        return self

    @property
    def leads(self) -> Kind:
        """What the dream is led by: CLIP where there is one, and the text if there is one."""
        return self.guide or ("clip" if self.clip is not None else "text" if self.prompts else "layer")

    @property
    def represents(self) -> Space:
        """What stands for the picture: a VQGAN's codes where there is one."""
        return self.space or ("fft" if self.vqgan is None else "vqgan")

    @property
    def spec(self) -> VideoSpec:
        """What the frames look like.

        Raises:
            UseError: CLIP or the VQGAN cannot be used.
            ModelError: One of them is damaged, or may not be loaded.
        """
        if self.clip is not None:
            find(self.clip, CLIP)
        if self.vqgan is not None:
            located(self.vqgan)
        return super().spec

    @property
    def synthesis(self) -> str | None:
        """What a machine made: only a VQGAN knows how photographs look."""
        if self.vqgan is None:
            return None
        return f"The pictures were dreamt in the codes of a VQGAN (dream, model {located(self.vqgan).label})."

    def models(self) -> tuple[str, ...]:
        """Names of the networks."""
        if self.leads == "clip":
            return ()
        return ("efficientnet-lite0", "minilm") if self.leads == "text" else ("efficientnet-lite0",)

    def steered(self, since: Fraction, lead_in: int, now: Callable[[Fraction], Self]) -> Iterator[Frame]:
        """Make them with settings that change on the way."""
        spec = self.spec
        first = first_frame(since, spec.rate, lead_in)
        if spec.frames is not None and first >= spec.frames:
            return
        self._warn_outside(spec.frames)
        for index, picture in enumerate(_dreamt(self, spec.frames, lambda index: now(index / spec.rate))):
            if index >= first:
                yield Frame(_levels(picture), index, spec.time_base, 1)

    def going(self, index: int, length: int | None) -> Going:
        """Say how the camera goes on to a frame."""

        def at(name: str) -> float:
            return self.at(name, index, length)

        shift = at("translation_x"), at("translation_y"), at("translation_z")
        if self.mode == "3d":
            turn = at("rotation_3d_x"), at("rotation_3d_y"), at("rotation_3d_z")
            move = Move(translation=shift, rotation=turn, fov=float(np.clip(at("fov"), *_FOV)))
        else:
            centre = at("transform_center_x"), at("transform_center_y")
            move = Move(at("zoom") * self.zoom_by, at("angle") + self.angle_by, shift, centre)
        return Going(move, self.mode, self.border, self.keep)

    def wish(self, index: int, length: int | None) -> Wish:
        """Say what is dreamt at a key picture; the first takes all steps."""
        noise, strength = (self.at(name, index, length) for name in ("noise", "strength"))
        random = np.random.default_rng([self._seed(index, length), 5])
        steps = round(self.steps * (1 - min(max(strength, 0), 1))) if index else self.steps
        effort = Effort(steps, self.rate, self.octaves, self.detail)
        return Wish(self._guide(index, length), effort, random, noise, self.colours)

    def sheet(self, source: Source | None) -> Sheet[Any]:
        """Return what is dreamt on."""
        if self.represents == "cppn":
            return Patterns(self.size, self.random(1))
        return Pictures(_clouds(self.size, self.random(1)), source, self._medium())

    def _warn_outside(self, length: int | None) -> None:
        bounds = {"strength": (0.0, 1.0)} | ({"fov": _FOV} if self.mode == "3d" else {})
        for name, (least, most) in bounds.items():
            schedule = read(getattr(self, name), self.interpolation, self.seed)
            warn_outside(f"dream: {name}", schedule, least, most, length)

    def _seed(self, index: int, length: int | None) -> int:
        if self.seed_behaviour == "schedule":
            return scheduled(self.at("seed_schedule", index, length), self.seed, index)
        return seeds(self.seed_behaviour, self.seed, index)

    def _guide(self, index: int, length: int | None) -> Guide:
        if self.leads == "layer":
            return of_layer(self.layer)
        parts = Prompts(self.prompts or "", self.seed).at(index, length)
        if self.leads == "clip":
            return of_clip(parts, str(self.clip), self.cutouts)
        return of_parts(parts, self.leads)

    def _medium(self) -> Callable[[Picture], Medium]:
        if self.represents == "vqgan":
            return functools.partial(Codes, vqgan(str(self.vqgan)))
        return Pixels if self.represents == "pixels" else Waves


def _dreamt(dream: Dream, length: int | None, at: Callable[[int], Dream]) -> Iterator[Picture]:
    """Yield the pictures of all frames; `at` says how the dream is set at each."""
    with opened(dream.init, dream.size, dream.fps) as source:
        sheet = dream.sheet(source)
        state = sheet.dreamt(sheet.begin(), at(0).wish(0, length), 0)
        yield sheet.shown(state)
        index = 0
        while length is None or index + 1 < length:
            key = min(index + at(index).cadence, math.inf if length is None else length - 1)
            moved = []
            for frame in range(index + 1, int(key) + 1):
                state = sheet.moved(state, at(frame).going(frame, length), frame)
                moved.append(state)
            index = int(key)
            state = sheet.dreamt(state, at(index).wish(index, length), index)
            for between in sheet.between(moved, state):
                yield sheet.shown(between)
            yield sheet.shown(state)


def _clouds(size: tuple[int, int], random: np.random.Generator) -> Picture:
    """Soft clouds of colour, the same at every size."""
    clouds = random.random((6, 10, 3), np.float32) * np.float32(0.3) + np.float32(0.35)
    made: Picture = cv.resize(clouds, size, interpolation=cv2.INTER_CUBIC)
    return np.clip(made, 0, 1, out=made)


def _levels(picture: Picture) -> Image:
    return np.asarray(np.clip(picture, 0, 1) * np.float32(255) + np.float32(0.5), np.uint8)

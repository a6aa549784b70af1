"""What every generator has that walks through a latent space: where the way leads, and how fast."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, field_validator

from melies.errors import UseError
from melies.frame import Image, VideoSpec
from melies.generators._canvas import Canvas
from melies.walking import photos
from melies.walking.paths import Kind, Pace, Vector, Way
from melies.walking.photos import Photo
from melies.walking.space import Space, Styles
from melies.walking.speed import read

_LARGEST = 2**32 - 1


def _read_seeds(value: object) -> object:
    """Turn `"1,5,9"` into numbers."""
    if not isinstance(value, str):
        return value
    words = [word for word in re.split(r"[\s,]+", value.strip()) if word]
    if (value.strip() and not words) or not all(word.isdecimal() and int(word) <= _LARGEST for word in words):
        raise ValueError("should be whole numbers of 0 or more with commas between them, such as 1,5,9")
    return tuple(map(int, words))


Seeds = Annotated[
    tuple[Annotated[int, Field(ge=0, le=_LARGEST)], ...],
    BeforeValidator(_read_seeds),
    PlainSerializer(lambda seeds: ",".join(map(str, seeds))),
    WithJsonSchema({"type": "string"}),
]
"""A field that holds seeds, written as `1,5,9`."""


class Walking(Canvas):
    """A walk through a latent space. Subclasses say which: `space`."""

    seeds: Seeds = Field(
        (), description="Pictures that the way leads through, by their numbers, such as 1,5,9; else ever new ones."
    )
    path: Kind = Field(
        "spline", description="How: without corners, along arcs, straight on, or as a drift that reaches none of them."
    )
    loop: bool = Field(
        False, description="Come back to the beginning, so that the film can be repeated without a jump."
    )
    pace: float = Field(
        3.0, ge=0.01, le=3600, description="Seconds from one picture to the next, unless seeds or a loop fix it."
    )
    speed: str = Field(
        "1", description="How fast: a formula of t, in seconds, or a schedule by frames: 0:(1), 60:(3). 1 is as usual."
    )
    even: bool = Field(True, description="Go at the same speed everywhere; else take as long for each stretch.")
    offset: float = Field(0.0, ge=-1e6, le=1e6, description="So many pictures further on the way, for --react.")
    through: Literal["z", "w"] = Field(
        "z", description="Whether the way leads through latent vectors or, where there is such, through styles."
    )
    truncation: float = Field(1.0, ge=-2, le=2, description="The smaller, the more ordinary: 0 is the average picture.")
    mix: int | None = Field(
        None, ge=0, le=_LARGEST, description="The picture whose styles are mixed in, by its number."
    )
    mix_from: int = Field(4, ge=0, le=64, description="The first layer that listens to those; the ones before: shapes.")

    @field_validator("speed")
    @classmethod
    def _speed_can_be_read(cls, text: str) -> str:
        try:
            read(text, 1.0, None)
        except UseError as error:
            raise ValueError(str(error)) from None
        return text

    @property
    def space(self) -> Space:
        """The space, the same object whenever it is the same space."""
        raise NotImplementedError

    @property
    def photos(self) -> tuple[Photo, ...]:
        """Photos that the way leads through, before the pictures that have numbers."""
        return ()

    @property
    def alpha(self) -> bool:
        """Whether the pictures have an alpha channel."""
        return self.space.alpha

    @property
    def spec(self) -> VideoSpec:
        """What the frames look like."""
        return super().spec.replace(depth=self.space.depth)

    def picture(self, index: int, spec: VideoSpec) -> Image:
        """Make one picture."""
        return self.space.image(self.styles(index, spec), self.size)

    def styles(self, index: int, spec: VideoSpec) -> Styles:
        """Return what the network is told for a frame."""
        space = self.space
        # What is found of a photo are styles.
        stops, through = self.photos, "w" if self.photos else self.through
        way = _way(space, through, stops, self.seeds, self.seed, self.path, self._length, self._closed, self.even)
        styles = _told(space, way.at(self._place(index) + self.offset), through)
        if self.mix is not None:
            if self.mix_from >= len(styles):
                layers = f"{len(styles)} layer{'s' * (len(styles) > 1)}"
                raise UseError(f"The network has {layers}: nothing of mix is seen from layer {self.mix_from} on.")
            styles = np.concatenate([styles[: self.mix_from], _styles(space, self.mix)[self.mix_from :]])
        return np.asarray(space.average + self.truncation * (styles - space.average), np.float32)

    @property
    def _length(self) -> int | None:
        """Stretches between stops; None if the way never ends."""
        if named := len(self.photos) + len(self.seeds):
            return named if self._closed else max(1, named - 1)
        seconds = self.seconds
        return max(3, round(seconds / self.pace)) if self.loop and seconds is not None else None

    @property
    def _closed(self) -> bool:
        """Whether one comes back; a way through what is named must if it never ends."""
        return self.loop or (bool(self.photos or self.seeds) and self.seconds is None)

    def _place(self, index: int) -> float:
        """Where on the way one is, in stops."""
        length, count = self._length, self.count
        pace = _pace(self.speed, float(self.fps), count)
        if length is None or count is None:
            return pace.after(index) / self.pace
        # A loop is at its end one frame after the last.
        end = count if self._closed else max(1, count - 1)
        return pace.place(index, end, length, self.pace, self._closed)


@lru_cache(maxsize=8)
def _pace(speed: str, rate: float, count: int | None) -> Pace:
    return Pace(read(speed, rate, count), rate)


@lru_cache(maxsize=8)
def _way(
    space: Space,
    through: Literal["z", "w"],
    named: tuple[Photo, ...],
    seeds: tuple[int, ...],
    seed: int,
    path: Kind,
    length: int | None,
    closed: bool,
    even: bool,
) -> Way:
    stops = (*named, *seeds)

    def stop(index: int) -> Vector:
        number = stops[index % len(stops)] if stops else _number(seed, index)
        if isinstance(number, Photo):
            return photos.styles(space, number).ravel().astype(np.float64)
        if through == "w":
            return _styles(space, number).ravel().astype(np.float64)
        return _latent(space.dimension, number)

    return Way(stop, path, length, closed=closed, even=even)


def _number(seed: int, index: int) -> int:
    """The number of a picture on a way that nobody chose."""
    key = [seed, 2 * abs(index) + (index < 0)]
    return int(np.random.SeedSequence(key).generate_state(1)[0])


@lru_cache(maxsize=64)
def _latent(dimension: int, number: int) -> Vector:
    """The latent vector that StyleGAN's own programs give a number."""
    return np.random.RandomState(number).standard_normal(dimension)


@lru_cache(maxsize=64)
def _styles(space: Space, number: int) -> Styles:
    return space.styles(_latent(space.dimension, number).astype(np.float32))


def _told(space: Space, found: Vector, through: Literal["z", "w"]) -> Styles:
    if through == "w":
        return found.astype(np.float32).reshape(space.average.shape)
    return space.styles(found.astype(np.float32))

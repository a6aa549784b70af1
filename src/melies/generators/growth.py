"""`growth`: patterns and textures that grow, heal and move: cellular automata and chemistry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import lru_cache
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from melies.frame import Frame, Image
from melies.generators._canvas import Steered
from melies.growing import culture
from melies.growing.chemistry import MIXTURES, Mixture
from melies.growing.culture import Culture, Picture
from melies.imaging import ColourText, parse_colour
from melies.times import first_frame

Colours = Literal["coral", "ink", "ocean", "fire", "moss", "ice"]

USUAL = Mixture(0.0545, 0.062)
_BALANCED = 360.0
"""Steps a second of chemistry, if it is not said."""
_ALIVE = 24.0
"""Steps a second of cells."""

# From where nothing has grown to where most has.
_STOPS: dict[str, tuple[str, ...]] = {
    "coral": ("#12253f", "#2d4f6b", "#e8745a", "#ffd3b0", "#fff6ea"),
    "ink": ("#f4efe4", "#e4dccb", "#5a5450", "#1d1b1c", "#0b0b0d"),
    "ocean": ("#03121f", "#06405e", "#1f8ea3", "#a6e3d7", "#ffffff"),
    "fire": ("#100509", "#5a0d12", "#d6431a", "#ffb02e", "#fff7c9"),
    "moss": ("#1a1a12", "#2f4020", "#6f8f3a", "#c9d68a", "#f7f3d0"),
    "ice": ("#0a1030", "#3d5c99", "#9cc3e6", "#e5f3fb", "#ffffff"),
}
_TOP = 0.4
"""How much of the second substance there is where most is."""


class Growth(Steered):
    """Patterns that grow, heal and move: cells with a small network in each, or two substances that react."""

    model: str = Field(
        "coral",
        description="A mixture: coral, mitosis, worms, maze, holes, spots or chaos; or a network of "
        "`melies train growth`, by name or file.",
    )
    cells: int | None = Field(
        None, ge=16, le=2048, description="Along the shorter side; if not given, 160 of chemistry, 64 with networks."
    )
    pace: float | None = Field(
        None, ge=0, le=100_000, description="Steps a second; if not given, 360 of chemistry, 24 with networks."
    )
    age: float = Field(0.0, ge=0, le=600, description="Seconds that it has grown before the film begins.")
    feed: float | None = Field(None, ge=0, le=0.2, description="How fast food is added, in place of the mixture's.")
    kill: float | None = Field(None, ge=0, le=0.2, description="How fast what grows dies, in place of the mixture's.")
    tear: float = Field(0.0, ge=0, le=1000, description="Holes that are torn in a second.")
    sow: float = Field(0.0, ge=0, le=1000, description="Places at which it begins anew in a second.")
    radius: float = Field(0.12, gt=0, le=1, description="Of holes, as a share of the shorter side.")
    colours: Colours = Field("coral", description="Of chemistry.")
    background: ColourText = Field("white", description="Behind a pattern of a network, or transparent.")

    def models(self) -> tuple[str, ...]:
        """The network, if it is one of the registry."""
        return (self.model,) if self.model in culture.rows() else ()

    @property
    def alpha(self) -> bool:
        """Whether the pictures have an alpha channel."""
        return parse_colour(self.background)[3] < 255 and culture.kind(self.model) == "pattern"

    def steered(self, since: Fraction, lead_in: int, now: Callable[[Fraction], Growth]) -> Iterator[Frame]:
        """Do the same with numbers that change on the way; what has grown goes on growing."""
        spec = self.spec
        dish = _Dish(self)
        first = first_frame(since, spec.rate, lead_in)
        index = 0
        while spec.frames is None or index < spec.frames:
            setting = now(index / spec.rate)
            dish.grow(setting, 1 / float(spec.rate) if index else self.age)
            if index >= first:
                yield Frame(setting.painted(dish.culture.picture(), self.alpha), index, spec.time_base, 1)
            index += 1

    def painted(self, picture: Picture, alpha: bool) -> Image:
        """Make a frame of what is seen in the dish.

        Args:
            picture: A pixel for each cell.
            alpha: Whether what nothing has grown on is transparent.
        """
        large = culture.enlarged(picture, self.size)
        if large.ndim == 2:
            amounts = np.clip(large * (1023 / _TOP), 0, 1023).astype(np.uint16)
            return np.asarray(_gradient(self.colours)[amounts])
        large = np.clip(large, 0, 1)
        if large.shape[2] == 4:
            large = _straight(large) if alpha else _before(large, parse_colour(self.background)[:3])
        return np.asarray(cv2.convertScaleAbs(large, alpha=255))

    def mixture(self) -> Mixture:
        """How substances are fed and die now."""
        own = MIXTURES.get(self.model, USUAL)
        return Mixture(own.feed if self.feed is None else self.feed, own.kill if self.kill is None else self.kill)

    @property
    def steps_a_second(self) -> float:
        """How fast it grows now."""
        usual = _BALANCED if self.model in MIXTURES else _ALIVE
        return usual if self.pace is None else self.pace


class _Dish:
    """What grows, and what was begun but not yet done: parts of steps, of holes and of seeds."""

    def __init__(self, growth: Growth) -> None:
        width, height = growth.size
        cells = growth.cells or (160 if growth.model in MIXTURES else 64)
        short = min(width, height)
        self._shape = max(3, round(cells * height / short)), max(3, round(cells * width / short))
        # One row of chance for all, in the order of what happens: the same from the beginning on.
        self._rng = growth.random(1)
        self.culture: Culture = culture.begin(growth.model, *self._shape, growth.random(0))
        self._begun = np.zeros(3)

    def grow(self, growth: Growth, seconds: float) -> None:
        """Let some time pass as things are set."""
        self._begun += np.array([growth.steps_a_second, growth.tear, growth.sow]) * seconds
        steps, holes, seeds = np.floor(self._begun + 1e-9).astype(int)
        self._begun = np.maximum(0, self._begun - (steps, holes, seeds))
        for count, put in ((holes, self.culture.tear), (seeds, self.culture.sow)):
            for _ in range(count):
                put(self._disc(growth.radius if put == self.culture.tear else growth.radius / 4))
        mixture = growth.mixture()
        for _ in range(steps):
            self.culture.step(mixture, self._rng)

    def _disc(self, radius: float) -> culture.Disc:
        height, width = self._shape
        x, y = self._rng.uniform(0, (width, height))
        return culture.disc(height, width, x, y, max(culture.LEAST, radius * min(height, width)))


@lru_cache(maxsize=8)
def _gradient(colours: str) -> NDArray[np.uint8]:
    """The colours of 1024 amounts, `1024×3`."""
    stops = np.array([parse_colour(stop)[:3] for stop in _STOPS[colours]], np.float64)
    places = np.linspace(0, len(stops) - 1, 1024)
    channels: Any = [np.interp(places, range(len(stops)), channel) for channel in stops.T]
    return np.stack(channels, 1).round().astype(np.uint8)


def _straight(picture: Picture) -> Picture:
    opacity = picture[..., 3:]
    colours = np.divide(picture[..., :3], opacity, out=np.zeros_like(picture[..., :3]), where=opacity > 1e-4)
    return np.dstack([np.minimum(colours, 1), opacity])


def _before(picture: Picture, colour: tuple[int, ...]) -> Picture:
    behind = np.array(colour, np.float32) / 255
    return np.minimum(picture[..., :3] + (1 - picture[..., 3:]) * behind, 1)

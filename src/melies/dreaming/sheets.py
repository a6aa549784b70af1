"""What is dreamt on from frame to frame: a picture whose pixels the camera moves, or a pattern whose plane it moves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Generic, Literal, NamedTuple, TypeVar

import numpy as np

from melies.dreaming.ascent import Effort, Guide, Medium, ascend
from melies.dreaming.camera import (
    Border,
    Colours,
    Move,
    Picture,
    coloured_like,
    flat,
    moved_flat,
    moved_in_space,
    noised,
)
from melies.dreaming.cppn import Pattern
from melies.dreaming.source import Source
from melies.frame import Image
from melies.motion import Flow, grey, warp

Mode = Literal["2d", "3d"]
State = TypeVar("State")


class Going(NamedTuple):
    """How one goes on to a frame.

    Attributes:
        move: Of the camera.
        mode: In the plane, or before a flat wall.
        border: What comes in at the edges.
        keep: How much of the dream stays on a film.
    """

    move: Move
    mode: Mode = "2d"
    border: Border = "mirror"
    keep: float = 1.0


class Wish(NamedTuple):
    """What is dreamt at a key picture.

    Attributes:
        guide: What leads.
        effort: How hard.
        random: Where the noise comes from, and what the guide takes by chance.
        noise: In the picture, so that new things are found.
        colours: In which space the colours of the first picture are kept.
    """

    guide: Guide
    effort: Effort
    random: np.random.Generator
    noise: float = 0.0
    colours: Colours = "none"


class Sheet(ABC, Generic[State]):
    """What is dreamt on; frames are asked for in order."""

    @abstractmethod
    def begin(self) -> State:
        """Return what there is before anything is dreamt."""

    @abstractmethod
    def moved(self, state: State, going: Going, frame: int) -> State:
        """Go on from the frame before."""

    @abstractmethod
    def dreamt(self, state: State, wish: Wish, frame: int) -> State:
        """Dream on what there is."""

    @abstractmethod
    def between(self, moved: Sequence[State], made: State) -> Sequence[State]:
        """Let the frames since the last dreamt one go over into the one that was made of the last of them."""

    @abstractmethod
    def shown(self, state: State) -> Picture:
        """Return the picture of a frame: `H×W×3` float32, 0…1."""


class Pictures(Sheet[Picture]):
    """Pixels.

    Args:
        beginning: What there is at first, where there is no source.
        source: A picture to begin with, or a film that is dreamt over.
        medium: What is made of a picture to be changed in its stead.
    """

    def __init__(self, beginning: Picture, source: Source | None, medium: Callable[[Picture], Medium]) -> None:
        self._beginning, self._source, self._medium = beginning, source, medium
        self._first: Picture | None = None

    def begin(self) -> Picture:
        """Return the source's first picture, or the beginning."""
        return self._source.picture(0) if self._source else self._beginning

    def moved(self, state: Picture, going: Going, frame: int) -> Picture:
        """Move the pixels, and carry them along the film."""
        move = moved_in_space if going.mode == "3d" else moved_flat
        picture = move(state, going.move, going.border)
        return self._film.carried(picture, frame, going.keep) if self._film else picture

    def dreamt(self, state: Picture, wish: Wish, frame: int) -> Picture:
        """Dream on the picture, in the colours of the film or of the first picture that was dreamt."""
        if self._first is not None:
            wanted = self._film.picture(frame) if self._film else self._first
            state = coloured_like(state, wanted, wish.colours)
        noisy = noised(state, wish.noise, wish.random)
        made = ascend(noisy, wish.guide, wish.effort, wish.random, self._medium)
        if self._first is None:
            self._first = made
        return made

    def between(self, moved: Sequence[Picture], made: Picture) -> list[Picture]:
        """Fetch what was made along the flow, and mix it in, more and more."""
        if len(moved) < 2:
            return []
        flow, end = Flow("fast", 512), grey(_levels(made))
        pictures = []
        for number, picture in enumerate(moved[:-1], 1):
            share = np.float32(number / len(moved))
            pictures.append(picture + share * (warp(made, flow(grey(_levels(picture)), end)) - picture))
        return pictures

    def shown(self, state: Picture) -> Picture:
        """Return the picture itself."""
        return state

    @property
    def _film(self) -> Source | None:
        return self._source if self._source and self._source.moves else None


class Patterns(Sheet[Pattern]):
    """A network whose plane the camera moves, so that nothing ever blurs and there are no edges.

    Args:
        size: Width and height of the frames.
        random: Where the first pattern comes from.
    """

    def __init__(self, size: tuple[int, int], random: np.random.Generator) -> None:
        self._size, self._random = size, random

    def begin(self) -> Pattern:
        """Return soft clouds."""
        return Pattern.random(self._random)

    def moved(self, state: Pattern, going: Going, frame: int) -> Pattern:
        """Move the plane."""
        width, height = self._size
        half = min(width, height) / 2
        unit = np.array([[1 / half, 0, (0.5 - width / 2) / half], [0, 1 / half, (0.5 - height / 2) / half], [0, 0, 1]])
        return state.moved(unit @ flat(going.move, width, height) @ np.linalg.inv(unit))

    def dreamt(self, state: Pattern, wish: Wish, frame: int) -> Pattern:
        """Dream on the pattern; it has neither noise nor colours to be kept."""
        return state.dreamt(self._size, wish.guide, wish.effort, wish.random)

    def between(self, moved: Sequence[Pattern], made: Pattern) -> list[Pattern]:
        """Let the weights change bit by bit."""
        return [one.mixed(moved[-1], made, number / len(moved)) for number, one in enumerate(moved[:-1], 1)]

    def shown(self, state: Pattern) -> Picture:
        """Return what the network shows."""
        return state.picture(self._size, self._size)


def _levels(picture: Picture) -> Image:
    return np.asarray(np.clip(picture, 0, 1) * np.float32(255) + np.float32(0.5), np.uint8)

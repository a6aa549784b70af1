"""`Culture`: what grows, in one dish: cells that a network drives, or two substances."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from melies.errors import ModelError
from melies.growing import network
from melies.growing.chemistry import MIXTURES, Chemistry, Mixture
from melies.growing.network import LIMIT, Automaton, Kind
from melies.matting.scale import cv
from melies.models import registry, store
from melies.translating.card import Task
from melies.translating.network import locate

Picture = NDArray[np.float32]
"""`H×W×C`, 0…1: four channels are colours times opacity, and opacity; one is how much has grown."""
Disc = NDArray[np.bool_]

TASK: Task = "growth"
_SOWN = 0.02
"""The share of the dish that is sown with a substance at first; where much is, there is no food and all dies."""
_DROP = 0.02
"""The radius of the places, as a share of the shorter side."""
LEAST = 3.0
"""The same in cells, at least: of less, the substance dies out."""


class Culture(Protocol):
    """A dish in which something grows."""

    def step(self, mixture: Mixture, rng: np.random.Generator) -> None:
        """Let it grow a little; a network takes no mixture, and a substance no chance."""

    def sow(self, disc: Disc) -> None:
        """Put something new at a place."""

    def tear(self, disc: Disc) -> None:
        """Take everything away at a place."""

    def picture(self) -> Picture:
        """What is seen, a pixel for each cell."""


class Substances:
    """Two substances that react and spread.

    Args:
        height: Cells.
        width: Cells.
        rng: Where they are at first.
    """

    def __init__(self, height: int, width: int, rng: np.random.Generator) -> None:
        self._chemistry = Chemistry(height, width)
        radius = max(LEAST, _DROP * min(height, width))
        count = max(3, round(_SOWN * height * width / (np.pi * radius**2)))
        for x, y in rng.uniform(0, (width, height), (count, 2)):
            self.sow(disc(height, width, x, y, radius))

    def step(self, mixture: Mixture, rng: np.random.Generator) -> None:
        """Let them react and spread."""
        self._chemistry.step(mixture)

    def sow(self, disc: Disc) -> None:
        """Put the second substance there."""
        self._chemistry.put(disc, 0.5)

    def tear(self, disc: Disc) -> None:
        """Leave only the first there."""
        self._chemistry.put(disc, 0.0)

    def picture(self) -> Picture:
        """How much of the second there is."""
        return self._chemistry.grown[..., None]


class Cells:
    """Cells that a network drives.

    Args:
        automaton: The network.
        height: Cells.
        width: Cells.
        rng: What they are at first.
    """

    def __init__(self, automaton: Automaton, height: int, width: int, rng: np.random.Generator) -> None:
        self._automaton = automaton
        self._cells = automaton.seeded(height, width, rng)

    def step(self, mixture: Mixture, rng: np.random.Generator) -> None:
        """Let about half of them change."""
        chosen = rng.random(self._cells.shape[1:], np.float32) < 0.5
        # Training keeps numbers within this; a few that leave it would in time run away with all the others.
        self._cells = np.clip(self._automaton.step(self._cells, chosen), -LIMIT, LIMIT)

    def sow(self, disc: Disc) -> None:
        """Begin anew there: a pattern in the middle of the disc, a texture on all of it."""
        if self._automaton.kind == "texture":
            self._cells[:, disc] = 0
            return
        rows, columns = np.nonzero(disc)
        if len(rows):
            row, column = round(float(rows.mean())), round(float(columns.mean()))
            self._cells[:, row, column] = 0
            self._cells[3:, row, column] = 1

    def tear(self, disc: Disc) -> None:
        """Take all there away."""
        self._cells[:, disc] = 0

    def picture(self) -> Picture:
        """Colours, with opacity if it is a pattern."""
        if self._automaton.kind == "texture":
            return np.asarray(np.clip(self._cells[:3].transpose(1, 2, 0) + 0.5, 0, 1))
        return np.asarray(np.clip(self._cells[:4].transpose(1, 2, 0), 0, 1))


def kind(model: str) -> Kind | None:
    """Say what the cells of a model grow into; None for substances.

    Raises:
        UseError: There is no such model.
        ModelError: It is something else.
    """
    return None if model in MIXTURES else _automaton(model).kind


def begin(model: str, height: int, width: int, rng: np.random.Generator) -> Culture:
    """Return a dish with the beginning of something in it.

    Args:
        model: One of `MIXTURES`, or an automaton: a row of the registry, one of the user's own, or a file.
        height: Cells.
        width: Cells.
        rng: Chance.

    Raises:
        UseError: There is no such model.
        ModelError: It is something else.
    """
    if model in MIXTURES:
        return Substances(height, width, rng)
    return Cells(_automaton(model), height, width, rng)


def rows() -> tuple[str, ...]:
    """Names of the automata in the registry."""
    return tuple(row.name for row in registry.rows() if row.task == TASK)


def _automaton(model: str) -> Automaton:
    row, file = locate(TASK, model)
    path: Path | None = store.path(row) if row is not None else file
    if path is None or path.suffix != ".onnx":
        raise ModelError(f"{model} is no cellular automaton.", "Make one: melies train growth --picture FILE --out run")
    return network.open(path)


def disc(height: int, width: int, x: float, y: float, radius: float) -> Disc:
    """Return the cells within a radius of a place, going round at the edges.

    Args:
        height: Cells.
        width: Cells.
        x: Of the middle, in cells.
        y: Of the middle, in cells.
        radius: In cells.
    """
    across = np.abs((np.arange(width) - x + width / 2) % width - width / 2)
    down = np.abs((np.arange(height) - y + height / 2) % height - height / 2)
    return np.asarray(across[None] ** 2 + down[:, None] ** 2 <= radius * radius)


def enlarged(picture: Picture, size: tuple[int, int]) -> Picture:
    """Enlarge what is seen to a size, smoothly; one channel is then `H×W`."""
    large: Picture = cv.resize(picture, size, interpolation=2)
    return large

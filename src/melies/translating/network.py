"""`Network`: a network that makes one picture of another, found by name or file and run at any size and depth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from melies.errors import ModelError, UseError
from melies.files import is_file
from melies.frame import Image
from melies.matting.scale import code, unit
from melies.models import own, registry, sources, store
from melies.models.runtime import load_file
from melies.suggest import did_you_mean
from melies.translating.card import IMAGE, LAYOUT, MADE, STYLES, Card, Task, read_card
from melies.translating.tiles import Tiled

Planes = NDArray[np.float32]
"""`1×C×H×W` float32."""

FILES = (".onnx", ".pth", ".pt", ".pkl", ".safetensors")
"""Endings of files that are taken for networks."""

_LEAST = 16
"""Smaller pictures are padded to this: networks reflect several pixels at their edges."""


class Place(NamedTuple):
    """Where a network is: a row of the registry, or a file."""

    row: str | None
    file: Path | None


def locate(task: Task, name: str | Path) -> Place:
    """Find out what is meant by a name, without loading anything.

    Args:
        task: What the network is for.
        name: A row of the registry, a network of the user's own, or the path of a file.

    Raises:
        UseError: There is no such network or file; it says which there are.
    """
    text = str(name)
    rows = [row.name for row in registry.rows() if row.task == task]
    if text in rows:
        return Place(text, None)
    path = Path(name).expanduser()
    if path.suffix.lower() in FILES:
        if not is_file(path):
            raise UseError(f"There is no file {path}.")
        return Place(None, path)
    mine = own.every()
    if text in mine:
        return Place(None, mine[text])
    known = [*rows, *(each for each, file in mine.items() if (card := read_card(file)) and card.task == task)]
    raise UseError(
        f"There is no model {text!r} for {task}.{did_you_mean(text, known)}",
        f"There are {', '.join(known)}; or name a file that ends in {', '.join(FILES)}.",
    )


def find(task: Task, name: str | Path) -> Network:
    """Return a network, ready to run.

    Args:
        task: What it is for.
        name: A row of the registry, a network of the user's own, or a file: `.onnx` as trainers here write it, or the
            weights of a public network (`models.convert`).

    Raises:
        UseError: There is no such network or file.
        ModelError: It is not on this computer yet, is damaged, wants to run code, or is for something else.
    """
    row, file = locate(task, name)
    path = store.path(row) if row is not None else file
    assert path is not None
    if path.suffix.lower() != ".onnx":
        path = store.converted(path, sources.digest(path), task)
    card = read_card(path)
    if card is None:
        raise ModelError(
            f"{name} is an ONNX file, but not of a network that was trained or converted here.",
            "Train one: melies train --help. Or give the weights as they were published: .pth, .pt or .safetensors.",
        )
    if card.task != task:
        raise ModelError(f"{name} is a network for {card.task}, not for {task}.", f"Use it so: {card.task} {name}")
    return Network(path, card)


class Network:
    """A network that is ready to run; several threads may use it at once.

    Args:
        path: An ONNX file.
        card: What it says about itself.

    Attributes:
        card: The same.

    Raises:
        ModelError: It cannot be loaded, or takes and gives something else than it should.
    """

    def __init__(self, path: Path, card: Card) -> None:
        self.card = card
        session = load_file(path)
        wanted = {LAYOUT if card.task == "paint" else IMAGE, *([STYLES] if len(card.styles) > 1 else [])}
        if set(session.inputs) != wanted or set(session.outputs) != {MADE}:
            raise ModelError(f"{path} takes and gives something else than its card says.", "Export it again.")
        self._net = Tiled(path, session, LAYOUT if card.task == "paint" else IMAGE, card.multiple)

    def __call__(self, image: NDArray[Any], styles: Sequence[float] | None = None) -> NDArray[Any]:
        """Make a picture of a picture.

        Args:
            image: `H×W×3`, uint8, uint16, or float32 of 0…1; any size.
            styles: How much of each style, adding up to 1; only for a network that knows several.

        Returns:
            Another of the same size and type.
        """
        if image.dtype == np.float32:
            return self.make(image.transpose(2, 0, 1)[None], styles)
        made: Image = code(self.make(unit(image).transpose(2, 0, 1)[None], styles), image.dtype)
        return made

    def make(self, planes: Planes, styles: Sequence[float] | None = None) -> NDArray[np.float32]:
        """Make a picture of planes.

        Args:
            planes: `1×C×H×W`: a picture, 0…1, or a layout, one-hot; any size.
            styles: As for `__call__`.

        Returns:
            `H×W×3`, 0…1, the caller's own.
        """
        height, width = planes.shape[2:]
        multiple = self.card.multiple
        down, across = (-max(side, _LEAST) // multiple * -multiple - side for side in (height, width))
        if down or across:
            planes = np.pad(planes, ((0, 0), (0, 0), (0, down), (0, across)), mode="reflect")
        others = {} if styles is None else {STYLES: np.asarray(styles, np.float32)[None]}
        made = self._net(np.ascontiguousarray(planes), others)
        picture: NDArray[np.float32] = np.clip(made[0, :, :height, :width].transpose(1, 2, 0), 0, 1)
        return picture

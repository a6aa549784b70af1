"""`Card`: what the file of a network that makes pictures of pictures says about itself."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from melies.errors import MeliesError
from melies.models.metadata import card_of, with_metadata

log = logging.getLogger("melies")

KEY = "melies.card"
"""The name of the entry in the ONNX file's metadata that holds a `Card`, as JSON."""
IMAGE, LAYOUT, STYLES, LATENT, MADE = "image", "layout", "styles", "latent", "made"
"""What a network takes and gives, all float32.

`image` and `made`: `1×3×H×W`, RGB, 0…1. `layout`, in place of `image` for painting: `1×C×H×W`, one-hot. `styles`, in
addition where a network knows several: `1×K`, how much of each, adding up to 1. `latent`, in place of `image` for
walks: `1×L`, normally distributed.
"""

Task = Literal["style", "translate", "paint", "segment", "growth", "walk", "encode"]

_USES = {
    "style": "style {}",
    "translate": "translate {}",
    "paint": "paint {}",
    "segment": "paint --from footage --segmenter {}",
    "growth": "melies dream OUT growth --model {}",
    "walk": "melies dream OUT walk --model {}",
    "encode": "melies dream OUT walk --photo, which looks with {} if --model is the decoder beside it",
}


class Card(BaseModel):
    """What a network's file says about itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    name: str
    """What it is called, such as `day2dusk`."""
    task: Task
    """What it is for: an effect or a generator of that name, for `segment` the layouts of `paint`, for `encode`
    the photos of `walk`."""
    description: str = ""
    """What it does, in a sentence."""
    styles: tuple[str, ...] = ()
    """Names of the styles in it, for `style`."""
    classes: tuple[tuple[str, tuple[int, int, int]], ...] = ()
    """Names and colours of what it can paint, in the order of its layout's channels, for `paint`."""
    multiple: int = Field(1, ge=1, le=256)
    """Height and width of what it takes must be multiples of this."""
    side: int | None = Field(None, ge=16)
    """Short side, in pixels, of the pictures that it was trained on; it is shown larger ones made so small."""
    light: bool = False
    """Whether it changes only light and colours, so that what it does may follow the picture's own edges."""
    data: str = ""
    """What it was trained on."""
    seed: int | None = None
    """Where the random numbers of the training started."""
    steps: int | None = None
    """How many steps were trained."""
    command: str = ""
    """The command that trains it again."""
    licence: str = ""
    """What one may do with the weights."""
    metrics: dict[str, float] = {}
    """What was measured on material that training did not see."""


def read_card(path: Path) -> Card | None:
    """Return what an ONNX file says about itself; None if it is no network of this kind.

    Raises:
        UseError: There is no such file, it is a folder, or it is empty.
        ModelError: The card in it cannot be understood.
    """
    return card_of(path, KEY, Card, "card")


def cards_of(files: Mapping[str, Path]) -> dict[str, Card]:
    """Return the cards of those files that have one; a damaged file is passed over with a warning."""
    found = {}
    for name, path in files.items():
        try:
            card = read_card(path)
        except MeliesError as error:
            log.warning("The model %s is passed over: %s", name, error.message)
            continue
        if card is not None:
            found[name] = card
    return found


def use_of(task: str, name: str) -> str:
    """Return the words with which a network for a task is used, as a shell takes them: an effect, or a command."""
    return _USES[task].format(shlex.quote(name))


def with_card(model: bytes, card: Card) -> bytes:
    """Return an ONNX file with this card in it."""
    return with_metadata(model, {KEY: card.model_dump_json()})

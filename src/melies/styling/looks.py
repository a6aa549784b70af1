"""Looks: what a film can be painted in, found by name, in a file, or in any picture."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import numpy as np

from melies.colouring.references import Place
from melies.errors import MediaError, UseError
from melies.files import exists, is_file
from melies.frame import Image, VideoSpec
from melies.imaging import split_alpha
from melies.matting.scale import unit
from melies.models import own, registry, store
from melies.suggest import did_you_mean
from melies.translating import network
from melies.translating.card import Card, cards_of, read_card
from melies.translating.mix import Picture
from melies.translating.network import Network

log = logging.getLogger("melies")

TASK: Final = "style"


class Look(Protocol):
    """Something that a film can be painted in."""

    @property
    def workers(self) -> int:
        """How many pictures may be painted at the same time."""

    def paint(self, image: Image) -> Picture:
        """Paint a picture, `H×W×3`, uint8 or uint16, of any size."""

    def towards(self, other: Look, share: float) -> Look | None:
        """Return the look between this one and another, 0…1; None where there is none, only pictures between."""


@dataclass(frozen=True)
class Learned:
    """A style that a network has learned, or a mixture of its styles.

    Attributes:
        model: Its row of the registry, or its file.
        network: The network itself.
        weights: How much of each of its styles, adding up to 1; none where it knows only one.
    """

    model: str
    network: Network
    weights: tuple[float, ...] = ()

    @property
    def workers(self) -> int:
        """As many as the network was made ready for."""
        return self.network.workers

    def paint(self, image: Image) -> Picture:
        """Paint a picture, `H×W×3`."""
        planes = np.ascontiguousarray(unit(image).transpose(2, 0, 1)[None])
        return self.network.make(planes, self.weights or None)

    def towards(self, other: Look, share: float) -> Learned | None:
        """Mix the weights, where both are of the same network."""
        if not isinstance(other, Learned) or other.model != self.model or not self.weights:
            return None
        mixed = ((1 - share) * one + share * two for one, two in zip(self.weights, other.weights, strict=True))
        return replace(self, weights=tuple(mixed))


class Where(NamedTuple):
    """Where a style is: a row of the registry or a file, and which of the styles in it."""

    model: str
    place: int = 0


def styles() -> dict[str, Where]:
    """Return every style by its name: those of the registry whose networks are here, and those of the user's own.

    A network of the user's goes by its own name as well, and each of its styles as `MODEL@STYLE`. Of several that are
    called the same, one of the registry has the name, then a network of the user's, then the style of the network
    whose name comes first; the others are reached as `MODEL@STYLE` alone.
    """
    found: dict[str, Where] = {}
    for row in registry.rows():
        if row.task == TASK and store.status(row) != "missing":
            found |= _inside(row.name, store.where(row.name))
    mine = {name: _styles_of(name, card) for name, card in cards_of(own.every()).items()}
    names = {name: Where(name) for name, inside in mine.items() if inside}
    full = {f"{name}@{style}": place for name, inside in mine.items() for style, place in inside.items()}
    for more in (names, *mine.values(), full):
        found = more | found
    return found


def _inside(model: str, path: Path) -> dict[str, Where]:
    card = read_card(path)
    return {} if card is None else _styles_of(model, card)


def _styles_of(model: str, card: Card) -> dict[str, Where]:
    if card.task != TASK:
        return {}
    return {name: Where(model, place) for place, name in enumerate(card.styles or (model,))}


def where(name: str) -> Where | Place:
    """Find out what is meant: a style, a file of a network, perhaps with `@STYLE` behind it, or a picture.

    Raises:
        UseError: There is no such style or file; it says which styles there are.
    """
    known = styles()
    called = spelt(name, known)
    if called in known:
        hidden = [one for one in known if one.endswith(f"@{called}") and known[one] != known[called]]
        if hidden:
            model, others = known[called].model, " or ".join(hidden)
            log.warning("Several styles are called %s: this is of %s; for another, write %s.", called, model, others)
        return known[called]
    file, at, style = name.rpartition("@")
    if at and Path(file).suffix.lower() == ".onnx" and is_file(Path(file)):
        inside = _inside(file, Path(file))
        if style not in inside:
            raise UseError(f"There is no style {style!r} in {file}.{did_you_mean(style, inside)}", _list(inside))
        return inside[style]
    if Path(name).suffix.lower() in network.FILES:
        network.locate(TASK, name)
        return Where(name)
    network.must_be_of(TASK, name)
    if held := [style for style, at in known.items() if at.model == name]:
        raise UseError(f"{name} is a network that holds several styles.", f"Name one of them: {', '.join(held)}.")
    place = Place.parse(name)
    if exists(place.path):
        return _shown(place)
    raise UseError(
        f"There is no style {name!r}.{did_you_mean(name, known)}",
        f"{_list(known)} Or name a picture, or a network: .onnx, .pth, .pt or .safetensors.",
    )


def spelt(name: str, known: Iterable[str]) -> str:
    """Return a name as it is spelt among those that are known, whatever its case; itself if it is none of them."""
    names = list(known)
    return name if name in names else next((one for one in names if one.lower() == name.lower()), name)


def _shown(place: Place) -> Place:
    """Return the place of a picture, if there is one."""
    if place.path.is_dir():
        raise UseError(f"{place.path} is a folder.", "Name a picture in it.")
    try:
        place.image()
    except MediaError as error:
        raise UseError(f"{place.path} is not a picture: {error.message}") from None
    return place


def _list(names: dict[str, Where]) -> str:
    return f"There are {', '.join(names)}."


def find(name: str, spec: VideoSpec | None = None, size: int = 0) -> Look:
    """Return a look, ready to paint.

    Args:
        name: A style, a network's file, `FILE.onnx@STYLE`, a picture, or `FILM@SECONDS`.
        spec: Of the film that it is for.
        size: The most pixels of the shorter side at which that is painted; 0 for as many as it has.

    Raises:
        UseError: There is nothing of that name, or it cannot be read.
        ModelError: The network is damaged, wants to run code, or is for something else; or AdaIN's weights are needed
            and not here.
    """
    found = where(name)
    if isinstance(found, Place):
        return _borrowed(found)
    net = network.find(TASK, found.model, spec, size or None)
    count = len(net.card.styles)
    weights = tuple(float(place == found.place) for place in range(count)) if count > 1 else ()
    return Learned(found.model, net, weights)


def _borrowed(place: Place) -> Look:
    from melies.styling.adain import Adain

    return Adain().look(split_alpha(place.image())[0])

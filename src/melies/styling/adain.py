"""Painting in the style of any picture, with AdaIN's public weights if the user has put them into the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from melies.errors import ModelError
from melies.frame import Image
from melies.matting.scale import reduce, unit
from melies.models import sources, store
from melies.models.convert import adain, checkpoint
from melies.models.runtime import load_file
from melies.translating.card import IMAGE, MADE
from melies.translating.mix import Picture

WEIGHTS = ("vgg_normalised.pth", "decoder.pth")
"""The public files, as https://github.com/naoto0804/pytorch-AdaIN publishes them."""
LONGEST = 512
"""Longest side in pixels at which a style is looked at, as published."""


class Adain:
    """The two networks, ready to run; several threads may use them at once.

    Raises:
        ModelError: The weights are not here, are damaged, or are others.
    """

    def __init__(self) -> None:
        files = [store.home() / name for name in WEIGHTS]
        if missing := [file.name for file in files if not file.is_file()]:
            raise ModelError(
                f"To paint in the style of any picture, AdaIN's public weights are needed, which are not here: "
                f"{' and '.join(missing)}.",
                f"Put {' and '.join(WEIGHTS)} of pytorch-AdaIN into {store.home()}, or learn this style: "
                "melies train style --help",
            )
        digests = [sources.digest(file) for file in files]
        vgg, decoder = files
        seer = store.derived(vgg, f"{digests[0]}-adain-encoder", lambda: adain.encoder(checkpoint.read(vgg)))
        painter = store.derived(
            decoder,
            f"{digests[0]}-{digests[1]}-adain",
            lambda: adain.painter(checkpoint.read(vgg), checkpoint.read(decoder)),
        )
        self._seer, self._painter = load_file(seer), load_file(painter)

    def look(self, picture: Image) -> Borrowed:
        """Return the look of a picture, `H×W×3`, uint8 or uint16."""
        factor = min(1.0, LONGEST / max(picture.shape[:2]))
        height, width = (max(16, round(side * factor)) for side in picture.shape[:2])
        planes = unit(reduce(picture, width, height)).transpose(2, 0, 1)[None]
        return Borrowed(self, self._seer.run({IMAGE: np.ascontiguousarray(planes)}))

    def paint(self, image: Image, inputs: Mapping[str, NDArray[Any]]) -> Picture:
        """Paint a picture, `H×W×3`, as the mean and deviation of each channel want it; 0…1."""
        height, width = image.shape[:2]
        down, across = (-max(side, 16) // adain.MULTIPLE * -adain.MULTIPLE - side for side in (height, width))
        planes = np.pad(
            unit(image).transpose(2, 0, 1)[None], ((0, 0), (0, 0), (0, down), (0, across)), mode="symmetric"
        )
        made = self._painter.run({IMAGE: planes, **inputs})[MADE][0, :, :height, :width]
        return np.ascontiguousarray(made.transpose(1, 2, 0))


@dataclass(frozen=True)
class Borrowed:
    """The look of a picture: what AdaIN sees of it, as the mean and deviation of each channel."""

    adain: Adain
    seen: Mapping[str, NDArray[Any]]
    workers: ClassVar[int] = 1

    def paint(self, image: Image) -> Picture:
        """Paint a picture, `H×W×3`."""
        return self.adain.paint(image, self.seen)

    def towards(self, other: object, share: float) -> Borrowed | None:
        """Return the look between this and another, as AdaIN's authors mix styles; None if it is of another kind."""
        if not isinstance(other, Borrowed):
            return None
        part = np.float32(share)
        return replace(self, seen={name: (1 - part) * self.seen[name] + part * other.seen[name] for name in self.seen})

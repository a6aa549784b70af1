"""Layouts of real footage: what every pixel shows, as the shipped segmenter sees it."""

from __future__ import annotations

import numpy as np

from melies import models
from melies.frame import Image
from melies.matting.scale import cv, reduce, unit
from melies.models import store
from melies.models.runtime import options
from melies.painting.palette import Labels, Palette, of
from melies.translating.card import IMAGE, MADE, Card, read_card

MODEL = "streets-layout"
"""The registry's row of the segmenter."""
SIDE = 192
"""The short side at which it learned to see."""


def drawn_in() -> Palette:
    """Return what the layouts are drawn in: the classes that the network tells apart.

    Raises:
        ModelError: The network is not here.
    """
    return of(MODEL, _card().classes)


class Segmenter:
    """Makes layouts; several threads may use it at once.

    Args:
        workers: How many pictures will be looked at at the same time, each with its share of the cores.

    Attributes:
        palette: The classes that it tells apart.

    Raises:
        ModelError: The network is not here.
    """

    def __init__(self, workers: int = 1) -> None:
        self.palette = drawn_in()
        self._multiple = _card().multiple
        with options() as now, options(threads=max(1, now.width // workers)):
            self._session = models.load(MODEL)

    def __call__(self, image: Image, width: int, height: int) -> Labels:
        """Return the class of every pixel.

        Args:
            image: `H×W×3`, uint8 or uint16.
            width: Of the layout that is wanted.
            height: The same.
        """
        factor = SIDE / min(image.shape[:2])
        down, across = (max(1, round(side * factor / self._multiple)) * self._multiple for side in image.shape[:2])
        small = unit(reduce(image, across, down))
        shares = self._session.run({IMAGE: np.ascontiguousarray(small.transpose(2, 0, 1)[None])})[MADE][0]
        if (down, across) != (height, width):
            # Shares, not labels, are enlarged: so borders stay smooth.
            large = [cv.resize(plane, (width, height), interpolation=cv.INTER_LINEAR) for plane in shares]
            shares = np.stack(large)
        labels: Labels = shares.argmax(0).astype(np.uint8)
        return labels


def _card() -> Card:
    card = read_card(store.path(MODEL))
    assert card is not None
    return card

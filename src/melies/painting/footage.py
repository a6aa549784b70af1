"""Layouts of real footage: what every pixel shows, as a segmenter sees it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from melies.errors import ModelError
from melies.frame import Image
from melies.matting.scale import cv, reduce, unit
from melies.models.runtime import options
from melies.painting.palette import Labels, Palette, of
from melies.painting.tables import NAMES
from melies.translating import network

MODEL = "streets-layout"
"""The registry's row of the segmenter that comes along."""
SIDE = 192
"""The short side at which footage is looked at, where a segmenter's card does not say at which it learned to see."""


def drawn_in(model: str | Path = MODEL) -> Palette:
    """Return what the layouts are drawn in: the classes that a segmenter tells apart.

    Args:
        model: Its name or file.

    Raises:
        UseError: There is no such model, or it is for something else.
        ModelError: It is not here, is damaged, or names no classes.
    """
    _, card = network.described("segment", model)
    if not card.classes:
        raise ModelError(f"{model} does not say which classes it tells apart.", "Train it again.")
    palette = of(card.name, card.classes)
    return replace(palette, own=palette.name not in NAMES)


class Segmenter:
    """Makes layouts; several threads may use it at once.

    Args:
        model: A segmenter, by name or file.
        workers: How many pictures will be looked at at the same time, each with its share of the cores.

    Attributes:
        palette: The classes that it tells apart.

    Raises:
        UseError: As `drawn_in`.
        ModelError: As `drawn_in`.
    """

    def __init__(self, model: str | Path = MODEL, workers: int = 1) -> None:
        self.palette = drawn_in(model)
        with options() as now, options(threads=max(1, now.width // workers)):
            self._net = network.find("segment", model)

    def __call__(self, image: Image, width: int, height: int) -> Labels:
        """Return the class of every pixel.

        Args:
            image: `H×W×3`, uint8 or uint16.
            width: Of the layout that is wanted.
            height: The same.
        """
        card = self._net.card
        factor = (card.side or SIDE) / min(image.shape[:2])
        down, across = (max(1, round(side * factor / card.multiple)) * card.multiple for side in image.shape[:2])
        small = unit(reduce(image, across, down))
        shares = self._net.make(small.transpose(2, 0, 1)[None]).transpose(2, 0, 1)
        if (down, across) != (height, width):
            # Shares, not labels, are enlarged: so borders stay smooth.
            large = [cv.resize(plane, (width, height), interpolation=cv.INTER_LINEAR) for plane in shares]
            shares = np.stack(large)
        labels: Labels = shares.argmax(0).astype(np.uint8)
        return labels

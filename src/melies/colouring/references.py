"""Pictures that show colours: whole ones to learn from, and strokes painted over a frame."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from melies.colouring.chroma import Chroma, Plane, chroma
from melies.colouring.spread import spread
from melies.effects._background import Layer
from melies.errors import UseError
from melies.files import exists
from melies.frame import Image
from melies.imaging import resize, split_alpha, white_of
from melies.times import parse_time

_COLOURLESS = 0.02
"""Strongest colour of a picture that counts as black and white."""
_PAINT = 100.0
"""How much a stroke counts against a neighbour of the same brightness."""


@dataclass(frozen=True, slots=True)
class Place:
    """A file, and a time in seconds that was written behind it as `FILE@TIME`."""

    path: Path
    time: Fraction | None

    @staticmethod
    def parse(text: str) -> Place:
        """Read `FILE` or `FILE@TIME`; a file that is really called so wins."""
        name, at, time = text.rpartition("@")
        if at and not exists(Path(text)):
            try:
                return Place(Path(name), parse_time(time))
            except ValueError:
                pass
        return Place(Path(text), None)

    def image(self) -> Image:
        """Return what the file shows at that time, or first.

        Raises:
            UseError: It does not exist, holds no picture, or ends before that time.
        """
        with Layer(self.path, "hold") as layer:
            image = layer.at(self.time or Fraction(0)).image
            if self.time and layer.end is not None and self.time >= layer.end:
                raise UseError(
                    f"The time {float(self.time):g} s comes after the end of {self.path} at {float(layer.end):g} s."
                )
            return image


def reference(place: Place) -> Image:
    """Return a picture to learn colours from, `H×W×3`.

    Raises:
        UseError: There is none, or it has no colours.
    """
    image, _ = split_alpha(place.image())
    if np.abs(chroma(image)).max() < _COLOURLESS:
        raise UseError(f"The reference {place.path} is black and white.", "Give a picture in colour.")
    return image


@dataclass(frozen=True, slots=True)
class Strokes:
    """Colours painted over one frame.

    Attributes:
        time: The moment of that frame, in seconds.
        image: `H×W×4`; transparent where nothing was painted.
    """

    time: Fraction
    image: Image

    @staticmethod
    def read(text: str) -> Strokes:
        """Read `FILE` or `FILE@TIME`; without a time the strokes belong to the first frame.

        Raises:
            UseError: There is no such file, or it is not transparent, or all of it.
        """
        place = Place.parse(text)
        image = Place(place.path, None).image()
        _, alpha = split_alpha(image)
        if alpha is None or alpha.min() == white_of(image):
            raise UseError(f"The strokes in {place.path} cover the whole frame.", "Paint them on a transparent PNG.")
        if alpha.max() == 0:
            raise UseError(f"There are no strokes in {place.path}: all of it is transparent.")
        return Strokes(place.time or Fraction(0), image)

    def colours(self, bright: Plane, guess: Chroma | None) -> Chroma:
        """Spread the strokes over a frame.

        Args:
            bright: `H×W` luma of the frame, small.
            guess: `H×W×2`: colours found otherwise, for what is far from any stroke.

        Returns:
            `H×W×2`.
        """
        height, width = bright.shape
        painted, alpha = split_alpha(resize(self.image, width, height))
        assert alpha is not None
        trust = alpha.astype(np.float32) * np.float32(_PAINT / white_of(alpha))
        stroke = chroma(painted)
        if guess is None:
            return spread(bright, stroke, trust)
        whole = trust + np.float32(1e-3)
        mixed = (stroke * trust[..., None] + guess * np.float32(1e-3)) / whole[..., None]
        return spread(bright, mixed, whole)

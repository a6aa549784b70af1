"""`Space`: what a generator network is to a walk, whoever made it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from melies.frame import Image

Latent = NDArray[np.float32]
"""One vector of a latent space: `dimension` numbers, normally distributed where they are drawn at random."""
Styles = NDArray[np.float32]
"""What a latent vector says to each layer of the network, `rows×width`."""


class Space(Protocol):
    """A latent space and the network that makes pictures of it.

    A latent vector (often called z) becomes styles (w), and styles become a picture; a walk leads through the one or
    the other. A network whose layers all listen to the same has a single row of styles: the latent vector. What is
    prepared for a space is remembered by its identity, so the same space should be one object.
    """

    def __hash__(self) -> int: ...

    @property
    def dimension(self) -> int:
        """Numbers in a latent vector."""

    @property
    def alpha(self) -> bool:
        """Whether its pictures have an alpha channel."""

    @property
    def depth(self) -> int:
        """Bits of each channel of its pictures, 8 or 16."""

    @property
    def average(self) -> Styles:
        """The most ordinary styles, towards which truncation leads; zeros where there are none."""

    def styles(self, latent: Latent) -> Styles:
        """Return what each layer is told; `latent` may be any vector of the space."""

    def image(self, styles: Styles, size: tuple[int, int]) -> Image:
        """Make the picture.

        Args:
            styles: As `styles` returns them, or between such.
            size: Width and height; a network that knows one size only makes that, and it is fitted.

        Returns:
            `H×W×3`, or `H×W×4` with alpha, uint8 or uint16 as `depth` says, of this very size.
        """

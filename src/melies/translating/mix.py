"""What is kept of the picture that a network was given: some of it all, its colours, or all but people."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from melies.frame import Image
from melies.matting.scale import Map, code, cv, unit

Picture = NDArray[np.float32]
"""`H×W×3`, RGB, 0…1."""

Where = Literal["everywhere", "people", "background"]
"""What is changed: the whole picture, only people, or all but people."""

MASK_MODELS = ("selfie", "body", "body-detector")
"""The registry's rows that find people."""

_LUMA = np.array([[0.299, 0.587, 0.114]], np.float32)


def mixed(
    source: Image, made: Picture, strength: float = 1.0, *, keep_colours: bool = False, mask: Map | None = None
) -> Image:
    """Put what a network made into the picture that it was made of.

    Args:
        source: `H×W×3`, uint8 or uint16.
        made: What came of it, the same size; it may be overwritten.
        strength: How much of it counts, 0…1.
        keep_colours: Whether only its luma is taken, with the chroma of the source.
        mask: `H×W`; where it is taken, 0…1; everywhere if None.

    Returns:
        A picture of the source's size and depth.
    """
    if strength == 0:
        return source
    if not keep_colours and strength == 1 and mask is None:
        return code(np.clip(made, 0, 1, out=made), source.dtype)
    given = unit(source)
    change = np.subtract(np.clip(made, 0, 1, out=made), given, out=made)
    if keep_colours:
        # In Y'CbCr, a change of Y' alone is the same change of red, green and blue.
        change = cv.merge([cv.transform(change, _LUMA)] * 3)
    weight: Any = np.float32(strength) if mask is None else (np.float32(strength) * mask)[..., None]
    change *= weight
    change += given
    return code(np.clip(change, 0, 1, out=change), source.dtype)


class Mask:
    """Where a shot is to be changed, frame by frame.

    Args:
        where: What is to be changed.

    Raises:
        ModelError: A network that finds people is not here.
    """

    def __init__(self, where: Where) -> None:
        self._where = where
        if where != "everywhere":
            from melies import models
            from melies.matting.cutter import Cutter
            from melies.matting.nets import Fast
            from melies.matting.refine import Refiner

            self._cutter = Cutter(Fast(*map(models.load, MASK_MODELS)), 0.8, Refiner())

    def __call__(self, image: Image) -> Map | None:
        """Return the mask of the next frame, `H×W`, 0…1; None where everything is changed.

        Args:
            image: `H×W×3`, uint8 or uint16.
        """
        if self._where == "everywhere":
            return None
        people = unit(self._cutter.step(image))
        return people if self._where == "people" else 1 - people

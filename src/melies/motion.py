"""Motion between two pictures: dense optical flow, warping along it, and where it can be trusted."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Image
from melies.imaging import to_depth

cv: Any = cv2

Field = NDArray[np.float32]
"""`H×W×2` float32: for each pixel, how many pixels right and down to go."""

Grey = NDArray[np.uint8]
"""`H×W` uint8."""

Quality = Literal["ultrafast", "fast", "medium"]

SMALLEST = 16
"""Pictures with a side shorter than this many pixels have no flow: nothing moves in them."""

_PRESETS = {
    "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}


def grey(image: Image) -> Grey:
    """Return an image's luma, uint8, whatever its depth and channels."""
    colours = image[..., :3] if image.shape[2] == 4 else image
    plane: Grey = cv.cvtColor(to_depth(np.ascontiguousarray(colours), np.dtype(np.uint8)), cv2.COLOR_RGB2GRAY)
    return plane


class Flow:
    """Dense inverse search (Kroeger et al. 2016): how `here` moved to `there`.

    One object must not be used by two threads at once.

    Args:
        quality: `"medium"` is the most exact, about 28 ms for 640×360; `"ultrafast"` a few.
        longest: Find the motion in pictures halved until their longer side is at most this; full size if None.
    """

    def __init__(self, quality: Quality = "medium", longest: int | None = None) -> None:
        self._search = cv.DISOpticalFlow_create(_PRESETS[quality])
        self._longest = longest

    def __call__(self, here: Grey, there: Grey) -> Field:
        """Return the field with which `warp(there, field)` looks like `here`.

        Args:
            here: `H×W` uint8.
            there: The same size.
        """
        height, width = here.shape
        halvings = 0
        while self._longest and max(width, height) >> halvings > self._longest:
            halvings += 1
        size = max(1, width >> halvings), max(1, height >> halvings)
        if min(size) < SMALLEST:
            return np.zeros((height, width, 2), np.float32)
        if not halvings:
            found: Field = self._search.calc(here, there, None)
            return found
        small = [cv.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in (here, there)]
        found = cv.resize(self._search.calc(*small, None), (width, height), interpolation=cv2.INTER_LINEAR)
        return found * np.array([width / size[0], height / size[1]], np.float32)


@lru_cache(maxsize=4)
def pixels(height: int, width: int) -> Field:
    """Return the coordinates of every pixel, x before y; read-only, for all who ask share it."""
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    grid = np.dstack([x, y])
    grid.flags.writeable = False
    return grid


def warp(image: NDArray[Any], field: Field, *, cubic: bool = False) -> NDArray[Any]:
    """Fetch each pixel from where the field points; beyond the border the nearest pixel is taken.

    Args:
        image: `H×W` or `H×W×C`, uint8, uint16 or float32.
        field: `H×W×2`, as `Flow` returns it.
        cubic: Sharper, for pictures that are warped once more and again.
    """
    places = field + pixels(*field.shape[:2])
    how = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    moved: NDArray[Any] = cv.remap(image, places, None, how, borderMode=cv2.BORDER_REPLICATE)
    return moved


def trusted(forward: Field, backward: Field, relative: float = 0.01, absolute: float = 0.5) -> NDArray[np.bool_]:
    """Say where a field and the one the other way agree and stay inside the picture: elsewhere something is covered.

    The test and its constants are those of Sundaram, Brox and Keutzer, ECCV 2010.

    Args:
        forward: From here to there.
        backward: From there to here.
        relative: How far apart they may be, as a share of their squared lengths.
        absolute: And in any case, in squared pixels.

    Returns:
        `H×W`, true where a pixel of here can be seen there.
    """
    height, width = forward.shape[:2]
    back = warp(backward, forward)
    apart = np.square(forward + back).sum(-1)
    lengths = np.square(forward).sum(-1) + np.square(back).sum(-1)
    places = forward + pixels(height, width)
    inside = (places >= 0).all(-1) & (places[..., 0] <= width - 1) & (places[..., 1] <= height - 1)
    good: NDArray[np.bool_] = (apart <= relative * lengths + absolute) & inside
    return good

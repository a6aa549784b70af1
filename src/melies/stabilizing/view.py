"""Showing a frame from another place: one interpolation, with colours weighted by alpha."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Image
from melies.imaging import Float, join_alpha, split_alpha, white_of
from melies.stabilizing.track import Matrix, Ruler

cv: Any = cv2

Edge = Literal["mirror", "edge", "black", "transparent"]

_MODES = {
    "mirror": cv2.BORDER_REFLECT_101,
    "edge": cv2.BORDER_REPLICATE,
    "black": cv2.BORDER_CONSTANT,
    "transparent": cv2.BORDER_CONSTANT,
}


@dataclass(frozen=True)
class Look:
    """Where the pixels of a result come from in one frame.

    Attributes:
        matrix: From the result to the frame as it would be if all of it had been taken at once, in units.
        shutter: Where the frame, taken at once, lies at the moment of each of its rows; None if it was taken at once.
            `H×2` or `H×4` numbers as in `melies.stabilizing.path`.
    """

    matrix: Matrix
    shutter: NDArray[np.float64] | None = None

    def places(self, points: NDArray[np.float64], ruler: Ruler) -> NDArray[np.float64]:
        """Return where in the frame, in units, the given points of the result lie, `N×2`."""
        taken = points @ self.matrix[:2, :2].T + self.matrix[:2, 2]
        taken = taken / (points @ self.matrix[2, :2] + self.matrix[2, 2])[:, None]
        if self.shutter is None:
            return np.asarray(taken)
        rows = _matrices(self.shutter)
        found = taken
        for _ in range(3):
            row = (found[:, 1] / ruler.half[1] + 1) / 2 * len(rows) - 0.5
            matrices = rows[np.clip(np.rint(row), 0, len(rows) - 1).astype(int)]
            found = (matrices[:, :, :2] * taken[:, None]).sum(-1) + matrices[:, :, 2]
        return np.asarray(found)


def _matrices(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """`N×2×3` affine matrices of `N×2` or `N×4` numbers."""
    matrices = np.zeros((len(values), 2, 3))
    matrices[:, :, 2] = values[:, :2]
    turn, grow = (values[:, 2], np.exp(values[:, 3])) if values.shape[1] == 4 else (0.0, 1.0)
    matrices[:, 0, 0] = matrices[:, 1, 1] = grow * np.cos(turn)
    matrices[:, 1, 0] = grow * np.sin(turn)
    matrices[:, 0, 1] = -matrices[:, 1, 0]
    return matrices


Box = tuple[int, int, int, int]
"""Left, top, right and bottom of a part of the result, in pixels."""


_COARSE = 8
"""Pixels between the places that are computed exactly; what lies between is nearly straight."""


class Chart:
    """Where the pixels of a result come from in one frame.

    Args:
        look: From where the frame is shown.
        ruler: Of the frames.
    """

    def __init__(self, look: Look, ruler: Ruler) -> None:
        self._size = width, height = ruler.size
        units = ruler.from_full
        # Enlarged by linear interpolation these fall on the pixels' middles; one more on each side holds the border.
        columns, lines = -(-width // _COARSE) + 2, -(-height // _COARSE) + 2
        x = (np.arange(columns) - 0.5) * _COARSE - 0.5
        y = (np.arange(lines) - 0.5) * _COARSE - 0.5
        grid = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
        places = look.places(grid @ units[:2, :2].T + units[:2, 2], ruler)
        back = np.linalg.inv(units)
        self._places = (places @ back[:2, :2].T + back[:2, 2]).reshape(lines, columns, 2).astype(np.float32)

    def maps(self, box: Box) -> tuple[Float, Float]:
        """Return the columns and rows that a part of the result comes from; its corner is at a multiple of 8."""
        left, top, right, bottom = box
        across, down = -(-(right - left) // _COARSE) + 2, -(-(bottom - top) // _COARSE) + 2
        places = self._places[top // _COARSE :, left // _COARSE :][:down, :across]
        fine = cv.resize(places, (across * _COARSE, down * _COARSE), interpolation=cv2.INTER_LINEAR)
        fine = fine[_COARSE : _COARSE + bottom - top, _COARSE : _COARSE + right - left]
        return np.ascontiguousarray(fine[..., 0]), np.ascontiguousarray(fine[..., 1])

    def seen(self, box: Box) -> Float:
        """Return how safely each pixel of a part of the result lies in the frame: 0 outside, 1 a fiftieth inside."""
        left, top, right, bottom = (edge // _COARSE for edge in box)
        places = self._places[top : bottom + 2, left : right + 2]
        width, height = self._size
        soft = np.float32(max(2.0, min(width, height) / 50))
        if (places >= soft).all() and (places <= (width - soft - 1, height - soft - 1)).all():
            return np.ones((box[3] - box[1], box[2] - box[0]), np.float32)
        across, down = self.maps(box)
        inside = np.minimum(np.minimum(across, width - 1 - across), np.minimum(down, height - 1 - down))
        return np.asarray(np.clip((inside + np.float32(0.5)) / soft, 0, 1), np.float32)

    def show(self, image: Image, edge: Edge, box: Box) -> Image:
        """Return a part of the result, bicubically interpolated."""
        across, down = self.maps(box)
        return _carried(
            image,
            edge,
            lambda plane, mode, value: cv.remap(
                plane, across, down, cv2.INTER_CUBIC, borderMode=mode, borderValue=[value] * 4
            ),
        )


def show(image: Image, look: Look, ruler: Ruler, edge: Edge) -> Image:
    """Return the picture as `look` says, bicubically interpolated; beyond its border, as `edge` says.

    With `"transparent"` there must be an alpha channel.
    """
    units = ruler.from_full
    pixels = np.linalg.inv(units) @ look.matrix @ units
    if look.shutter is not None or np.abs(pixels[2, :2]).max() > 0:
        return Chart(look, ruler).show(image, edge, (0, 0, *ruler.size))
    affine, how = pixels[:2] / pixels[2, 2], cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return _carried(
        image,
        edge,
        lambda plane, mode, value: cv.warpAffine(
            plane, affine, ruler.size, flags=how, borderMode=mode, borderValue=[value] * 4
        ),
    )


def _carried(image: Image, edge: Edge, fetch: Callable[[Any, int, int], Any]) -> Image:
    """Fetch colours weighted by how opaque they are."""
    mode = _MODES[edge]
    colours, alpha = split_alpha(image)
    if alpha is None:
        return cast(Image, fetch(colours, mode, 0))
    white = white_of(image)
    weight = np.multiply(alpha, np.float32(1 / white), dtype=np.float32)
    carried = cv.multiply(colours, cv.cvtColor(weight, cv2.COLOR_GRAY2RGB), dtype=cv2.CV_32F)
    carried = fetch(carried, mode, 0)
    weight = np.clip(fetch(weight, mode, 1 if edge == "black" else 0), 0, 1)
    safe = cv.cvtColor(np.maximum(weight, 1 / (2 * white)), cv2.COLOR_GRAY2RGB)
    depth = cv2.CV_8U if image.dtype == np.uint8 else cv2.CV_16U
    return join_alpha(cv.divide(carried, safe, dtype=depth), np.rint(weight * white).astype(image.dtype))


def corners(ruler: Ruler) -> NDArray[np.float64]:
    """Return points around the result's border, in units."""
    steps = np.linspace(-1, 1, 5)
    around = [(x, y) for x in steps for y in steps if abs(x) == 1 or abs(y) == 1]
    return np.array(around) * ruler.half

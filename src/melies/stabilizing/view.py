"""Showing a frame from another place: one interpolation, with colours weighted by alpha."""

from __future__ import annotations

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
        found = taken
        for _ in range(3):
            row = (found[:, 1] / ruler.half[1] + 1) / 2 * len(self.shutter) - 0.5
            matrices = _matrices(self.shutter[np.clip(np.rint(row), 0, len(self.shutter) - 1).astype(int)])
            found = np.einsum("nij,nj->ni", matrices[:, :, :2], taken) + matrices[:, :, 2]
        return np.asarray(found)


def _matrices(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """`N×2×3` affine matrices of `N×2` or `N×4` numbers."""
    turn, grow = (
        (values[:, 2], np.exp(values[:, 3])) if values.shape[1] == 4 else (0 * values[:, 0], 1 + 0 * values[:, 0])
    )
    cosine, sine = grow * np.cos(turn), grow * np.sin(turn)
    return np.stack([np.stack([cosine, -sine, values[:, 0]], -1), np.stack([sine, cosine, values[:, 1]], -1)], -2)


Box = tuple[int, int, int, int]
"""Left, top, right and bottom of a part of the result, in pixels."""


def show(image: Image, look: Look, ruler: Ruler, edge: Edge, box: Box | None = None) -> Image:
    """Return the picture, or a part of it, as `look` says, bicubically interpolated; beyond its border, as `edge` says.

    With `"transparent"` there must be an alpha channel.
    """
    fetch = _fetcher(look, ruler, box or (0, 0, *ruler.size))
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


def seen(look: Look, ruler: Ruler, box: Box) -> Float:
    """Return how safely each pixel of a part of the result lies in the frame: 0 outside, 1 a fiftieth inside."""
    soft = max(2.0, min(ruler.size) / 50)
    across, down = _maps(look, ruler, box)
    width, height = ruler.size
    inside = np.minimum(
        np.minimum(across + 0.5, width - 0.5 - across),
        np.minimum(down + 0.5, height - 0.5 - down),
    )
    return np.asarray(np.clip(inside / np.float32(soft), 0, 1), np.float32)


def _fetcher(look: Look, ruler: Ruler, box: Box) -> Any:
    """A function that brings a plane or picture of full size to the result."""
    left, top, right, bottom = box
    size = right - left, bottom - top
    units = ruler.from_full
    if look.shutter is None:
        pixels = np.linalg.inv(units) @ look.matrix @ units @ np.array([[1, 0, left], [0, 1, top], [0, 0, 1]])
        how = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        if np.abs(pixels[2, :2]).max() == 0:
            affine = pixels[:2] / pixels[2, 2]
            return lambda image, mode, value: cv.warpAffine(
                image, affine, size, flags=how, borderMode=mode, borderValue=[value] * 4
            )
    across, down = _maps(look, ruler, box)
    return lambda image, mode, value: cv.remap(
        image, across, down, cv2.INTER_CUBIC, borderMode=mode, borderValue=[value] * 4
    )


_COARSE = 8
"""Pixels between the places that are computed exactly; what lies between is nearly straight."""


def _maps(look: Look, ruler: Ruler, box: Box) -> tuple[Float, Float]:
    """Return where each pixel comes from, columns and rows."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    units = ruler.from_full
    # Enlarged by linear interpolation these fall on the pixels' middles; one more on each side holds the border.
    columns, lines = -(-width // _COARSE) + 2, -(-height // _COARSE) + 2
    x = (np.arange(columns) - 0.5) * _COARSE - 0.5 + left
    y = (np.arange(lines) - 0.5) * _COARSE - 0.5 + top
    grid = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    places = look.places(grid @ units[:2, :2].T + units[:2, 2], ruler)
    back = np.linalg.inv(units)
    places = (places @ back[:2, :2].T + back[:2, 2]).reshape(lines, columns, 2).astype(np.float32)
    fine = cv.resize(places, (columns * _COARSE, lines * _COARSE), interpolation=cv2.INTER_LINEAR)
    fine = fine[_COARSE : _COARSE + height, _COARSE : _COARSE + width]
    return np.ascontiguousarray(fine[..., 0]), np.ascontiguousarray(fine[..., 1])


def corners(ruler: Ruler) -> NDArray[np.float64]:
    """Return points around the result's border, in units."""
    steps = np.linspace(-1, 1, 5)
    around = [(x, y) for x in steps for y in steps if abs(x) == 1 or abs(y) == 1]
    return np.array(around) * ruler.half

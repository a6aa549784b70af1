"""`Sheet`: a transparent picture to draw on with smooth shapes, in fractions of its width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from melies.frame import Image
from melies.imaging import blur, parse_colour
from melies.masking.patch import bent
from melies.matting.scale import cv, unit

_FINE = 4


class Sheet:
    """A picture that shapes are laid on, one over the other.

    Coordinates and lengths are fractions of the width; y runs down.

    Args:
        width: Pixels.
        height: Pixels; as many as `width` when None.
    """

    def __init__(self, width: int, height: int | None = None) -> None:
        self._width = width
        self._picture = np.zeros((height or width, width, 4), np.float32)

    @property
    def image(self) -> Image:
        """What was drawn, RGBA with straight alpha, uint8."""
        alpha = self._picture[..., 3:]
        colours = self._picture[..., :3] / np.maximum(alpha, 1e-4)
        done: Image = (np.clip(np.dstack([colours, alpha]), 0, 1) * 255 + 0.5).astype(np.uint8)
        return done

    def shape(self, corners: ArrayLike, colour: str, *, soft: float = 0, curved: bool = True) -> None:
        """Fill a polygon, with a smooth curve through its corners unless `curved` is false."""
        points = np.asarray(corners, np.float32)
        self._fill(bent(points) if curved else points, colour, soft)

    def oval(
        self, centre: Sequence[float], radii: Sequence[float], colour: str, *, turn: float = 0, soft: float = 0
    ) -> None:
        """Fill an ellipse, turned clockwise by `turn` degrees."""
        self._fill(_oval(centre, radii, turn), colour, soft)

    def ring(self, corners: ArrayLike, width: float, colour: str) -> None:
        """Draw the outline of a shape, a smooth curve through its corners."""
        self._stroke(bent(np.asarray(corners, np.float32)), width, colour, True)

    def line(self, corners: ArrayLike, width: float, colour: str, *, curved: bool = True, taper: float = 0) -> None:
        """Draw a line; with `taper` it gets so much thinner towards its end, 0…1."""
        points = np.asarray(corners, np.float32)
        points = bent(points, closed=False) if curved else points
        if not taper:
            self._stroke(points, width, colour, False)
            return
        along = np.gradient(points, axis=0)
        across = along[:, ::-1] * (-1, 1) / np.maximum(np.hypot(*along.T)[:, None], 1e-6)
        thick = width / 2 * (1 - taper * np.linspace(0, 1, len(points))[:, None])
        self._fill(np.concatenate([points + thick * across, (points - thick * across)[::-1]]), colour, 0)

    def _stroke(self, points: ArrayLike, width: float, colour: str, closed: bool) -> None:
        mask = np.zeros(self._picture.shape[:2], np.uint8)
        thick = max(1, round(width * self._width))
        cv.polylines(mask, [self._pixels(points)], closed, 255, thick, cv2.LINE_AA, _FINE)
        self._lay(mask, colour, 0)

    def _fill(self, polygon: ArrayLike, colour: str, soft: float) -> None:
        mask = np.zeros(self._picture.shape[:2], np.uint8)
        cv.fillPoly(mask, [self._pixels(polygon)], 255, cv2.LINE_AA, _FINE)
        self._lay(mask, colour, soft)

    def _pixels(self, points: ArrayLike) -> NDArray[np.int32]:
        corners: NDArray[np.int32] = np.rint((np.asarray(points) * self._width - 0.5) * (1 << _FINE)).astype(np.int32)
        return corners

    def _lay(self, mask: NDArray[np.uint8], colour: str, soft: float) -> None:
        left, top, width, height = cv.boundingRect(mask)
        reach = int(np.ceil(3 * soft * self._width))
        rows = slice(max(0, top - reach), top + height + reach)
        columns = slice(max(0, left - reach), left + width + reach)
        *rgb, alpha = (np.float32(part / 255) for part in parse_colour(colour))
        share = (blur(unit(mask[rows, columns]), soft * self._width) * alpha)[..., None]
        part = self._picture[rows, columns]
        part *= 1 - share
        part += share * np.array([*rgb, 1], np.float32)


def _oval(centre: Sequence[float], radii: Sequence[float], turn: float) -> NDArray[Any]:
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    circle = np.column_stack([np.cos(angles) * radii[0], np.sin(angles) * radii[1]])
    sine, cosine = np.sin(np.radians(turn)), np.cos(np.radians(turn))
    placed: NDArray[Any] = circle @ np.array([[cosine, sine], [-sine, cosine]]) + np.asarray(centre)
    return placed


def mirror(points: ArrayLike) -> NDArray[Any]:
    """Return points on the other side of the middle of a sheet."""
    other: NDArray[Any] = np.asarray(points) * (-1, 1) + (1, 0)
    return other

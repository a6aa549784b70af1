"""The guided filter: a rough map takes the edges of the picture it belongs to.

He, Sun and Tang, "Guided Image Filtering" (2013), with the colour guide of their section 3.2, and He and Sun,
"Fast Guided Filter" (2015): the linear coefficients are found on small pictures and used on the full-size one.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.matting.scale import Map


def coefficients(guide: NDArray[np.float32], rough: Map, radius: int, eps: float) -> NDArray[np.float32]:
    """Fit `rough ≈ r·R + g·G + b·B + c` in the window around every pixel, and average the fits.

    Args:
        guide: `H×W×3` picture, 0…1.
        rough: `H×W` map to refine, 0…1.
        radius: Half the window, in pixels.
        eps: Regularisation (variance, in squared units of the guide): larger follows the picture less.

    Returns:
        `H×W×4` coefficients `(r, g, b, c)` for `apply`.
    """
    size = (2 * radius + 1, 2 * radius + 1)

    def mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return cv2.blur(values, size, borderType=cv2.BORDER_REFLECT)

    red, green, blue = cv2.split(guide)
    stack = mean(cv2.merge([red, green, blue, rough]))
    mean_red, mean_green, mean_blue, mean_rough = cv2.split(stack)
    with_rough = cv2.split(mean(guide * rough[..., None]))
    squares = cv2.split(mean(guide * guide))
    crosses = cv2.split(mean(cv2.merge([red * green, red * blue, green * blue])))

    rr, gg, bb = (
        square - mean_colour * mean_colour + np.float32(eps)
        for square, mean_colour in zip(squares, (mean_red, mean_green, mean_blue), strict=True)
    )
    rg = crosses[0] - mean_red * mean_green
    rb = crosses[1] - mean_red * mean_blue
    gb = crosses[2] - mean_green * mean_blue
    pr = with_rough[0] - mean_red * mean_rough
    pg = with_rough[1] - mean_green * mean_rough
    pb = with_rough[2] - mean_blue * mean_rough

    # The inverse of the symmetric 3×3 covariance, written out: its adjugate over its determinant.
    i_rr = gg * bb - gb * gb
    i_rg = rb * gb - rg * bb
    i_rb = rg * gb - rb * gg
    scale = 1 / (rr * i_rr + rg * i_rg + rb * i_rb)
    a_red = (i_rr * pr + i_rg * pg + i_rb * pb) * scale
    a_green = (i_rg * pr + (rr * bb - rb * rb) * pg + (rb * rg - rr * gb) * pb) * scale
    a_blue = (i_rb * pr + (rb * rg - rr * gb) * pg + (rr * gg - rg * rg) * pb) * scale
    constant = mean_rough - a_red * mean_red - a_green * mean_green - a_blue * mean_blue
    return mean(cv2.merge([a_red, a_green, a_blue, constant]))


def apply(coefficients: NDArray[np.float32], colours: NDArray[np.float32]) -> NDArray[np.float32]:
    """Evaluate the fit: `...×4` coefficients on `...×3` colours (0…1); the result is not clipped."""
    return np.einsum("...c,...c->...", coefficients[..., :3], colours) + coefficients[..., 3]


def sample(small: NDArray[Any], rows: NDArray[np.intp], columns: NDArray[np.intp], full: tuple[int, int]) -> Any:
    """Interpolate a small picture at pixels of a large one.

    Args:
        small: `h×w×C` float32, at most four channels.
        rows: Row of each pixel in the large picture; `N`.
        columns: Column of each pixel; `N`.
        full: `(height, width)` of the large picture.

    Returns:
        `N×C` values.
    """
    height, width = small.shape[:2]
    count = len(rows)
    if not count:
        return np.zeros((0, *small.shape[2:]), np.float32)
    # remap takes pictures of at most 32767 rows, so the list of points is folded into one 512 wide.
    folded = np.zeros((2, -(-count // 512) * 512), np.float32)
    folded[0, :count] = (columns + 0.5) * (width / full[1]) - 0.5
    folded[1, :count] = (rows + 0.5) * (height / full[0]) - 0.5
    x, y = folded.reshape(2, -1, 512)
    values = cv2.remap(small, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return values.reshape(-1, *small.shape[2:])[:count]

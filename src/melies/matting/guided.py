"""The guided filter: a rough map takes the edges of the picture it belongs to.

He, Sun and Tang, "Guided Image Filtering" (2013), with the colour guide of their section 3.2, and He and Sun,
"Fast Guided Filter" (2015): the linear coefficients are found on small pictures and used on the full-size one.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.matting.scale import Map, cv

Floats = NDArray[np.float32]


def coefficients(guide: Floats, rough: Map, radius: int, eps: float) -> Floats:
    """Fit `rough ≈ r·R + g·G + b·B + c` in the window around every pixel, and average the fits.

    Args:
        guide: `H×W×3` picture, 0…1.
        rough: `H×W` map to refine, 0…1.
        radius: Half the window, in pixels.
        eps: Regularisation (variance, in squared units of the guide): larger follows the picture less.

    Returns:
        `H×W×4` coefficients `(r, g, b, c)` for `evaluate`.
    """
    height, width = rough.shape
    fit = np.empty((height, width, 4), np.float32)
    # In strips whose intermediate planes stay in the cache and below the size at which every one would be fresh
    # memory from the system, which costs more than the arithmetic. Two windows of margin make them exact.
    strip, margin = max(4 * radius, 24576 // max(width, 1)), 2 * radius
    for top in range(0, height, strip):
        first, last = max(0, top - margin), top + strip + margin
        part = _coefficients(guide[first:last], rough[first:last], radius, eps)
        fit[top : top + strip] = part[top - first : top - first + strip]
    return fit


def _coefficients(guide: Floats, rough: Map, radius: int, eps: float) -> Floats:
    size = (2 * radius + 1, 2 * radius + 1)

    def mean(values: Floats) -> Floats:
        blurred: Floats = cv.blur(values, size, borderType=cv2.BORDER_REFLECT)
        return blurred

    red, green, blue = cv.split(guide)
    mean_red, mean_green, mean_blue, mean_rough = cv.split(mean(cv.merge([red, green, blue, rough])))
    with_rough = cv.split(mean(cv.merge([red * rough, green * rough, blue * rough])))
    squares = cv.split(mean(guide * guide))
    crosses = cv.split(mean(cv.merge([red * green, red * blue, green * blue])))

    rr, gg, bb = (
        square - colour * colour + np.float32(eps)
        for square, colour in zip(squares, (mean_red, mean_green, mean_blue), strict=True)
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
    return mean(cv.merge([a_red, a_green, a_blue, constant]))


def evaluate(fit: Floats, colours: Floats) -> Floats:
    """Apply `...×4` coefficients to `...×3` colours (0…1); the result is not clipped."""
    values: Floats = fit[..., 0] * colours[..., 0] + fit[..., 3]
    values += fit[..., 1] * colours[..., 1]
    values += fit[..., 2] * colours[..., 2]
    return values


def sample(small: Floats, places: NDArray[np.intp], full: tuple[int, int]) -> Floats:
    """Interpolate a small picture at pixels of a large one.

    Args:
        small: `h×w×4`; OpenCV is twenty times slower with three channels.
        places: `N` flat indices of pixels in the large picture.
        full: `(height, width)` of the large picture.

    Returns:
        `N×4` values.
    """
    count = len(places)
    flat = places.astype(np.int32)
    rows = flat // np.int32(full[1])
    columns = flat - rows * np.int32(full[1])
    # remap takes pictures of at most 32767 rows, so the list of points is folded into one 512 wide.
    folded = np.zeros((2, -(-count // 512) * 512), np.float32)
    for axis, (position, scale) in enumerate(((columns, small.shape[1] / full[1]), (rows, small.shape[0] / full[0]))):
        folded[axis, :count] = position * np.float32(scale) + np.float32(scale / 2 - 0.5)
    x, y = folded.reshape(2, -1, 512)
    values: Floats = cv.remap(small, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return values.reshape(-1, 4)[:count]

"""Taking noise out without a network: shrinking the details of a picture where they are no larger than noise."""

from __future__ import annotations

import cv2
import numpy as np

from melies.cleaning.pictures import Picture, Plane, cv

SCALES = 4

# How much of the standard deviation of white noise is in each scale of the transform (Starck and Murtagh 1994).
SHARES = (0.8908, 0.2007, 0.0856, 0.0413)

# An orthogonal transform: brightness, and two differences of colour, all with the noise of red, green and blue.
OPPONENT = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]], np.float32) / np.sqrt(
    np.array([[3], [2], [6]], np.float32)
)  # fmt: skip
EXCESS = np.float32(1.5)
"""Energy of details, in variances of the noise, below which nothing of them is kept."""


def shrink(picture: Picture, noise: Plane | float) -> Picture:
    """Return the picture with details shrunk by a local Wiener filter at four scales of the à-trous transform.

    The undecimated B₃-spline wavelets of Starck and Murtagh, in brightness and opponent colours; the energy of the
    details is measured in windows of 5×5, as in Mıhçak et al., "Low-Complexity Image Denoising Based on Statistical
    Modeling of Wavelet Coefficients" (1999).

    Args:
        picture: `H×W×3`.
        noise: Standard deviation of the noise, for all or each pixel (`H×W`).
    """
    coarse: Picture = cv.transform(picture, OPPONENT)
    variance = np.float32(EXCESS) * np.square(noise, dtype=np.float32)
    kept = np.zeros_like(coarse)
    for scale in range(SCALES):
        below = _smooth(coarse, 1 << scale)
        detail = coarse - below
        energy = cv.blur(np.square(detail), (5, 5))
        floor = variance * np.float32(SHARES[scale] ** 2)
        floor = floor[..., None] if isinstance(noise, np.ndarray) else floor
        kept += detail * (np.maximum(energy - floor, 0) / np.maximum(energy, np.float32(1e-12)))
        coarse = below
    shrunk: Picture = cv.transform(kept + coarse, np.ascontiguousarray(OPPONENT.T))
    return shrunk


def _smooth(picture: Picture, spread: int) -> Picture:
    kernel = np.zeros(4 * spread + 1, np.float32)
    kernel[::spread] = np.array([1, 4, 6, 4, 1], np.float32) / 16
    smooth: Picture = cv.sepFilter2D(picture, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_REFLECT)
    return smooth

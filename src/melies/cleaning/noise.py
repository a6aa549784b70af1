"""How noisy a picture is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from melies.cleaning.pictures import Picture

SIDE = 7
MOST = 24_000
"""Patches looked at; more do not make the number better."""

FLAT = np.float32(183.3)
"""The 90 % quantile of a patch's summed squared central differences where it shows nothing but noise of variance 1."""


def level(picture: Picture) -> float:
    """Return the standard deviation of the noise, in the picture's unit.

    Patches in which nothing but noise can be seen are found together with its level, as by Liu, Tanaka and Okutomi,
    "Single-Image Noise Level Estimation for Blind Denoising" (IEEE TIP 2013). Where they take the smallest eigenvalue
    of these patches' covariance, the median is taken here: what is left of the scene lies in the first few, and noise
    that a camera or a codec has smoothed, which has less of fine detail, is not taken for less than it is.

    Args:
        picture: `H×W×3`. Red, green and blue count alike.

    Returns:
        0 where the picture is smaller than a patch or nothing in it is flat.
    """
    if min(picture.shape[:2]) < 2 * SIDE:
        return 0.0
    patches = _patches(picture)
    texture, means = _texture(patches), patches.mean((1, 2))
    flat = patches.reshape(len(patches), -1)
    # Black bars and what a codec has emptied are no noise at all.
    alive = texture > 1e-9
    variance = float(np.linalg.eigvalsh(np.cov(flat.T))[0])
    for _ in range(8):
        # What is nearly black or white has lost half of its noise to clipping.
        margin = 2 * np.sqrt(max(variance, 0.0))
        chosen = alive & (texture < FLAT * variance)
        inside = chosen & (means > margin) & (means < 1 - margin)
        chosen = inside if np.count_nonzero(inside) > 4 * SIDE**2 else chosen
        if np.count_nonzero(chosen) < 2 * SIDE**2:
            break
        variance = float(np.median(np.linalg.eigvalsh(np.cov(flat[chosen].T))))
    return float(np.sqrt(max(variance, 0.0)))


def _patches(picture: Picture) -> NDArray[np.float32]:
    """Patches from all over the picture, each of one colour: `N×7×7`."""
    height, width = picture.shape[:2]
    step = max(2, int(np.sqrt(3 * height * width / MOST)))
    views = np.lib.stride_tricks.sliding_window_view(picture, (SIDE, SIDE), axis=(0, 1))[::step, ::step]
    return np.ascontiguousarray(views).reshape(-1, SIDE, SIDE)


def _texture(patches: NDArray[np.float32]) -> NDArray[np.float32]:
    across = patches[:, :, 2:] - patches[:, :, :-2]
    down = patches[:, 2:] - patches[:, :-2]
    summed: NDArray[np.float32] = np.square(across).sum((1, 2)) + np.square(down).sum((1, 2))
    return summed

"""How alike two pictures are, and how steady a film is."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Image
from melies.imaging import white_of
from melies.motion import Flow, grey, warp

cv: Any = cv2


def psnr(found: NDArray[Any], truth: NDArray[Any], *, luma: bool = False) -> float:
    """Return the peak signal-to-noise ratio in decibels; infinite when both are equal.

    Args:
        found: `H×W×3` or `H×W×4`, uint8 or uint16; alpha is not looked at.
        truth: The same size and depth.
        luma: Compare only BT.601 luma, as papers on enlarging do.
    """
    a, b = _unit(found, luma), _unit(truth, luma)
    error = float(np.mean(np.square(a - b, dtype=np.float64)))
    return float("inf") if error == 0 else -10 * float(np.log10(error))


def ssim(found: NDArray[Any], truth: NDArray[Any]) -> float:
    """Return the structural similarity of the luma, 1 when both are equal (Wang et al. 2004: 11×11 Gaussian, σ 1.5).

    Args:
        found: `H×W×3` or `H×W×4`, uint8 or uint16.
        truth: The same size and depth.
    """
    a, b = _unit(found, True), _unit(truth, True)

    def mean(plane: NDArray[np.float32]) -> NDArray[np.float32]:
        blurred: NDArray[np.float32] = cv.GaussianBlur(plane, (11, 11), 1.5, borderType=cv2.BORDER_REFLECT)
        return blurred

    one, two = np.float32(0.01**2), np.float32(0.03**2)
    mean_a, mean_b = mean(a), mean(b)
    both, square_a, square_b = mean_a * mean_b, mean_a * mean_a, mean_b * mean_b
    covariance, spread = mean(a * b) - both, mean(a * a) - square_a + mean(b * b) - square_b
    score = (2 * both + one) * (2 * covariance + two) / ((square_a + square_b + one) * (spread + two))
    inner = score[5:-5, 5:-5] if min(score.shape) > 10 else score
    return float(inner.mean())


def warp_error(frames: Iterable[Image], guides: Iterable[Image] | None = None, limit: float = 10 / 255) -> float:
    """Return how much a film flickers: the mean difference (0…1) of each frame and the one before, moved along.

    Only where the guide itself looks the same after being moved is it counted: what was covered, and where the motion
    was not found, says nothing (Lai et al., ECCV 2018).

    Args:
        frames: The film to judge, uint8 or uint16.
        guides: The film in which motion is found, of the same size, such as the one before an effect; `frames` itself
            if None.
        limit: How different a guide's pixel may be, 0…1.
    """
    flow = Flow()
    errors: list[float] = []
    both = ((frame, frame) for frame in frames) if guides is None else zip(frames, guides, strict=True)
    for (past, past_guide), (present, guide) in pairwise(both):
        field = flow(grey(guide), grey(past_guide))
        same = np.abs(warp(_unit(past_guide), field) - _unit(guide)).mean(-1) < limit
        change = np.abs(warp(_unit(past), field) - _unit(present)).mean(-1)
        if same.any():
            errors.append(float(change[same].mean()))
    return float(np.mean(errors)) if errors else 0.0


def brightness_flicker(frames: Iterable[Image]) -> float:
    """Return how much the mean brightness jumps: the mean absolute second difference over time, 0…1.

    A steady change, such as a sunset, counts nothing.
    """
    means = np.array([_unit(frame, True).mean() for frame in frames], np.float64)
    return float(np.abs(np.diff(means, 2)).mean()) if len(means) > 2 else 0.0


def _unit(image: NDArray[Any], luma: bool = False) -> NDArray[np.float32]:
    white = white_of(image)
    values: NDArray[np.float32] = np.multiply(image[..., :3], np.float32(1 / white), dtype=np.float32)
    if not luma:
        return values
    return values @ np.array([0.299, 0.587, 0.114], np.float32)

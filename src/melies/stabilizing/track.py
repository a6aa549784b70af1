"""How the picture moved from one frame to the next: corners that are followed, and the motion most of them agree on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Frame, VideoSpec
from melies.media.convert import reformat
from melies.motion import Grey, grey

cv: Any = cv2

Points = NDArray[np.float64]
"""`N×2`, x before y."""

Matrix = NDArray[np.float64]
"""`3×3`, moves points of one frame to where they are in another, in the units of `Ruler`."""

LONGEST = 720
"""Longest side of the pictures in which corners are followed: finer ones cost time and gain nothing visible."""

CORNERS = 400

FEWEST = 10
"""Corners that must agree, at least; fewer say nothing about the camera."""


class Ruler:
    """Coordinates that do not depend on a picture's size: 0 in the middle, ±1 at the ends of the longer side.

    Args:
        spec: The frames; pixels that are not square are made so.
    """

    def __init__(self, spec: VideoSpec) -> None:
        aspect = float(spec.pixel_aspect)
        unit = max(spec.width * aspect, spec.height) / 2
        self.size = spec.width, spec.height
        self.half = np.array([spec.width * aspect, spec.height]) / 2 / unit
        self._pixel = np.array([aspect, 1]) / unit
        scale = min(1.0, LONGEST / max(spec.width, spec.height))
        self.small = max(1, round(spec.width * scale)), max(1, round(spec.height * scale))

    def units(self, points: NDArray[Any]) -> Points:
        """Turn pixels of the small picture into units."""
        stretch = np.divide(self.size, self.small)
        middle = (np.array(self.small) - 1) / 2
        return np.asarray((points - middle) * stretch * self._pixel, np.float64)

    def pixels(self, points: Points) -> NDArray[np.float32]:
        """Turn units into pixels of the small picture."""
        stretch = np.divide(self.small, self.size)
        middle = (np.array(self.small) - 1) / 2
        return np.asarray(points / self._pixel * stretch + middle, np.float32)

    @property
    def from_full(self) -> Matrix:
        """Turns pixels of the full picture into units."""
        offset = -(np.array(self.size) - 1) / 2 * self._pixel
        return np.array([[self._pixel[0], 0, offset[0]], [0, self._pixel[1], offset[1]], [0, 0, 1]])

    def look(self, frame: Frame) -> Grey:
        """Return a frame as a small grey picture, converting no more than that."""
        width, height = self.small
        if frame.native is not None:
            return np.asarray(reformat(frame.native, "gray", width=width, height=height).to_ndarray(), np.uint8)
        plane = grey(frame.image)
        if plane.shape != (height, width):
            plane = cv.resize(plane, (width, height), interpolation=cv2.INTER_AREA)
        return plane


@dataclass(frozen=True)
class Step:
    """How most of the picture moved from one frame to the next.

    Attributes:
        linear: `2×2`, what happens to a distance, less the distance itself.
        middle: Where the corners lie on average.
        shift: How that place moved.
        spread: Variance of the corners' places, across and down: how well each column of `linear` is known.
        homography: The whole motion with perspective, where it was asked for.
        found: Whether anything was measured.
    """

    linear: NDArray[np.float64]
    middle: NDArray[np.float64]
    shift: NDArray[np.float64]
    spread: NDArray[np.float64]
    homography: Matrix | None = None
    found: bool = True

    @property
    def centre(self) -> NDArray[np.float64]:
        """How the middle of the picture moved."""
        return np.asarray(self.shift - self.linear @ self.middle)

    def matrix(self, similar: bool, bend: NDArray[np.float64], whole: bool = True) -> Matrix:
        """Return the motion of a picture that was taken at once.

        Args:
            similar: Only turned and scaled; else shifted only, or with `whole` as the homography says.
            bend: What the rolling shutter added to the second column of `linear`.
            whole: Whether to use the homography if there is one.
        """
        matrix = np.eye(3)
        if whole and self.homography is not None:
            matrix = np.asarray(self.homography / self.homography[2, 2])
            matrix[:2, 1] -= bend
            return matrix
        if similar:
            linear = self.linear - np.outer(bend, [0, 1])
            across, down = self.spread / self.spread.sum()
            turn = across * linear[1, 0] - down * linear[0, 1]
            grow = 1 + across * linear[0, 0] + down * linear[1, 1]
            matrix[:2, :2] = [[grow, -turn], [turn, grow]]
        matrix[:2, 2] = self.shift - bend * self.middle[1] + self.middle - matrix[:2, :2] @ self.middle
        return matrix


STILL = Step(np.zeros((2, 2)), np.zeros(2), np.zeros(2), np.ones(2), np.eye(3), found=False)
"""Nothing moved, or nobody knows."""


class Tracker:
    """Follow corners from frame to frame.

    Args:
        ruler: Of the frames.
        perspective: Whether to look for a homography too.
    """

    def __init__(self, ruler: Ruler, perspective: bool = False) -> None:
        self._ruler = ruler
        self._perspective = perspective
        # Real shake bends a picture by pixels (the rolling shutter); what moves by itself differs by more.
        self._near = max(1.0, 0.004 * max(ruler.small))

    def corners(self, picture: Grey) -> NDArray[np.float32]:
        """Return corners worth following, `N×1×2` pixels of the small picture."""
        apart = max(3.0, max(picture.shape) / 45)
        found = cv.goodFeaturesToTrack(picture, CORNERS, 0.003, apart, blockSize=5)
        return np.zeros((0, 1, 2), np.float32) if found is None else found

    def step(
        self, here: Grey, there: Grey, corners: NDArray[np.float32] | None = None, guess: Matrix | None = None
    ) -> Step:
        """Return how the picture moved from `here` to `there`.

        Args:
            here: A small grey picture.
            there: The other.
            corners: Those of `here`, if they are known.
            guess: About how it moved.
        """
        corners = self.corners(here) if corners is None else corners
        expected = corners
        if guess is not None and len(corners):
            places = self._ruler.units(corners[:, 0]) @ guess[:2, :2].T + guess[:2, 2]
            expected = self._ruler.pixels(places)[:, None]
        return self._agreed(*self._follow(here, there, corners, expected))

    def _follow(
        self, here: Grey, there: Grey, corners: NDArray[np.float32], guess: NDArray[np.float32]
    ) -> tuple[Points, Points]:
        """Find corners again (pyramidal Lucas–Kanade) and keep those that are found back again as well.

        Returns:
            Where they were and where they are, in units, `N×2` each.
        """
        nothing = np.zeros((0, 2))
        if len(corners) < FEWEST or min(here.shape) < 16:
            return nothing, nothing
        how: dict[str, Any] = {"winSize": (15, 15), "maxLevel": 4, "flags": cv2.OPTFLOW_USE_INITIAL_FLOW}
        moved, seen, _ = cv.calcOpticalFlowPyrLK(here, there, corners, guess.copy(), **how)
        back, seen_back, _ = cv.calcOpticalFlowPyrLK(there, here, moved, corners.copy(), **how)
        width, height = self._ruler.small
        inside = ((moved >= 0) & (moved <= (width - 1, height - 1))).all(-1)
        good = (seen & seen_back).astype(bool) & inside & (np.abs(back - corners).max(-1) < 0.5)
        keep = good[:, 0]
        return self._ruler.units(corners[keep, 0]), self._ruler.units(moved[keep, 0])

    def _agreed(self, here: Points, there: Points) -> Step:
        """The motion of most corners: RANSAC, then least squares that trust those less which fit less."""
        if len(here) < FEWEST:
            return STILL
        near = self._near * 2 / max(self._ruler.small)
        similar, voted = cv.estimateAffinePartial2D(
            here, there, method=cv2.RANSAC, ransacReprojThreshold=near, maxIters=1000, confidence=0.999
        )
        if similar is None or voted.sum() < max(FEWEST, len(here) // 5):
            return STILL
        keep = voted[:, 0].astype(bool)
        here, there = here[keep], there[keep]
        step = affine(here, there, near)
        if not self._perspective:
            return step
        matrix, _ = cv.findHomography(here, there, cv2.USAC_MAGSAC, near / 2)
        plausible = matrix is not None and abs(np.linalg.det(matrix) - 1) < 0.5 and np.abs(matrix[2, :2]).max() < 0.2
        return Step(step.linear, step.middle, step.shift, step.spread, matrix if plausible else None)


def affine(here: Points, there: Points, near: float) -> Step:
    """Fit an affine motion, in a few rounds of reweighted least squares (Geman–McClure)."""
    weight = np.ones(len(here))
    for _ in range(4):
        total = weight.sum()
        middle, target = weight @ here / total, weight @ there / total
        a, b = here - middle, there - target
        spread = (weight[:, None] * a).T @ a / total + 1e-9 * np.eye(2)
        matrix = np.linalg.solve(spread, (weight[:, None] * a).T @ b / total).T
        error = np.square(b - a @ matrix.T).sum(-1)
        scale = max(float(np.median(error)) * 4, (near / 20) ** 2)
        weight = np.square(scale / (scale + error))
    return Step(matrix - np.eye(2), middle, target - middle, np.diag(spread).copy())

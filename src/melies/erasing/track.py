"""Follow a rectangle through a shot, and find the outline of what is in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Image
from melies.imaging import to_depth

cv: Any = cv2

Spectrum = NDArray[np.complex64]
Pixels8 = NDArray[np.uint8]

_AREA = 64 * 64
"""Pixels of what the filter sees, whatever the rectangle's size."""
_AROUND = 1.2
"""How much of the surroundings it sees, as a share of the rectangle's mean side."""
_SPREAD = 0.8
"""How fast what is seen counts less away from the middle, in half sides."""
_SCALES = (1.0, 0.96, 1.04)
_OTHER_SCALE = 0.98
"""Another scale must fit better than this share of the same one."""
_RATE = np.float32(0.03)
"""How much of each frame the filter learns."""
_SURE = 5.5
"""Height of the response's peak, in standard deviations of the rest, from which it is believed."""
_CLEAR = 16.0
"""Height from which the filter learns all it may: something before the target should not be learnt."""
_ORIENTATIONS = 6
_LIKELY = np.float32(0.35)
"""An outline holds what it held in one of two frames at least, so that it never vanishes."""
_RIDGE = np.float32(0.01)


@dataclass(frozen=True, slots=True)
class Place:
    """A rectangle by its centre, in pixels."""

    x: float
    y: float
    width: float
    height: float

    def moved(self, x: float, y: float, scale: float = 1.0) -> Place:
        """The same one elsewhere, larger or smaller."""
        return Place(self.x + x, self.y + y, self.width * scale, self.height * scale)

    def rectangle(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Left, top, right and bottom in whole pixels inside a picture."""
        left, right = (round(self.x + side * self.width / 2) for side in (-1, 1))
        top, bottom = (round(self.y + side * self.height / 2) for side in (-1, 1))
        return max(0, left), max(0, top), min(width, right), min(height, bottom)


class Tracker:
    """A correlation filter over gradients and colours that follows position and size.

    Bolme et al., CVPR 2010; several channels and scales as in Danelljan et al., BMVC 2014. Where something hides the
    target the response has no clear peak: the filter then learns nothing, and the rectangle goes on as it moved.

    Args:
        image: The frame in which the place is known.
        place: The rectangle.
        patience: For how many frames the target may stay hidden.
    """

    def __init__(self, image: Image, place: Place, patience: int) -> None:
        self.place = place
        self.lost = False
        self._patience = patience
        self._hidden = 0
        self._speed = np.zeros(2)
        self._picture = image.shape[1], image.shape[0]
        around = _AROUND * (place.width + place.height) / 2
        seen = place.width + around, place.height + around
        shrink = (_AREA / (seen[0] * seen[1])) ** 0.5
        self._cells = max(16, round(seen[0] * shrink)), max(16, round(seen[1] * shrink))
        self._pixel = seen[0] / self._cells[0] / place.width, seen[1] / self._cells[1] / place.height
        self._window = self._inside()
        self._wanted = np.fft.rfft2(self._peak(place)).astype(np.complex64)
        self._above, self._below = self._terms(self._look(_bytes(image), place))

    def step(self, image: Image) -> Place | None:
        """Return where the target is in the next frame; None once it is lost."""
        if self.lost:
            return None
        picture = _bytes(image)
        expected = self.place.moved(*self._speed)
        found, peak = self._search(picture, expected)
        if peak >= _SURE:
            self._hidden = 0
            rate = _RATE * np.float32(min(1.0, (peak / _CLEAR) ** 2))
            self._speed = 0.6 * self._speed + 0.4 * np.array([found.x - self.place.x, found.y - self.place.y])
            self.place = found
            above, below = self._terms(self._look(picture, found))
            self._above += rate * (above - self._above)
            self._below += rate * (below - self._below)
        else:
            self._hidden += 1
            self._speed *= 0.95
            self.place = expected
        width, height = self._picture
        outside = not (0 <= self.place.x < width and 0 <= self.place.y < height)
        self.lost = outside or self._hidden > self._patience
        return None if self.lost else self.place

    def _search(self, picture: Pixels8, expected: Place) -> tuple[Place, float]:
        """Return the best fit nearby, and how clear it is."""
        best, best_peak, best_height = expected, 0.0, 0.0
        for scale in _SCALES:
            place = replace(expected, width=expected.width * scale, height=expected.height * scale)
            seen = np.fft.rfft2(self._look(picture, place))
            response = np.fft.irfft2((self._above * seen).sum(0) / (self._below + _RIDGE), self._window.shape)
            height = float(response.max()) * (1.0 if scale == 1 else _OTHER_SCALE)
            if height > best_height:
                y, x = np.unravel_index(int(response.argmax()), response.shape)
                right, down = _signed(float(x), response.shape[1]), _signed(float(y), response.shape[0])
                right, down = right + _between(response[y], int(x)), down + _between(response[:, x], int(y))
                best = place.moved(right * self._pixel[0] * place.width, down * self._pixel[1] * place.height)
                best_peak, best_height = _clearness(response, int(x), int(y)), height
        return best, best_peak

    def _look(self, picture: Pixels8, place: Place) -> NDArray[np.float32]:
        """What the filter sees around a place: `C×H×W`."""
        across, down = self._pixel[0] * place.width, self._pixel[1] * place.height
        columns, rows = self._cells
        matrix = np.array(
            [[across, 0, place.x - across * (columns - 1) / 2], [0, down, place.y - down * (rows - 1) / 2]]
        )
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        view = cv.warpAffine(picture, matrix, (columns, rows), flags=how, borderMode=cv2.BORDER_REPLICATE)
        lab = cv.cvtColor(view, cv2.COLOR_RGB2LAB).astype(np.float32) / np.float32(255)
        lab -= lab.mean((0, 1))
        x, y = (cv.Sobel(lab[..., 0], cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
        strength, angle = np.hypot(x, y), np.arctan2(y, x) % np.float32(np.pi)
        strength /= cv.blur(strength, (9, 9)) + np.float32(0.05)
        turn = np.float32(np.pi / _ORIENTATIONS)
        bins = [np.maximum(0, 1 - np.abs(_near(angle - k * turn)) / turn) * strength for k in range(_ORIENTATIONS)]
        channels = np.stack([lab[..., 0], 2 * lab[..., 1], 2 * lab[..., 2], *(bin_ * 0.3 for bin_ in bins)])
        return (channels * self._window).astype(np.float32)

    def _inside(self) -> NDArray[np.float32]:
        """How much each cell counts: most in the middle of the rectangle, little beside it."""
        columns, rows = self._cells
        x = (np.arange(columns) - (columns - 1) / 2) * self._pixel[0] * 2
        y = (np.arange(rows) - (rows - 1) / 2) * self._pixel[1] * 2
        bump = np.outer(np.exp(-0.5 * (y / _SPREAD) ** 2), np.exp(-0.5 * (x / _SPREAD) ** 2))
        window: NDArray[np.float32] = (bump * np.outer(np.hanning(rows), np.hanning(columns))).astype(np.float32)
        return window

    def _peak(self, place: Place) -> NDArray[np.float64]:
        """The response that is wanted: a narrow bump at the origin."""
        columns, rows = self._cells
        sigma = 0.08 * (columns * rows / (1 + _AROUND) ** 2) ** 0.5
        x = np.exp(-0.5 * (np.fft.fftfreq(columns, 1 / columns) / sigma) ** 2)
        y = np.exp(-0.5 * (np.fft.fftfreq(rows, 1 / rows) / sigma) ** 2)
        peak: NDArray[np.float64] = np.outer(y, x)
        return peak

    def _terms(self, seen: NDArray[np.float32]) -> tuple[Spectrum, NDArray[np.float32]]:
        """The filter's numerator and denominator for one view."""
        spectrum = np.fft.rfft2(seen).astype(np.complex64)
        return self._wanted * spectrum.conj(), np.square(np.abs(spectrum)).sum(0)


class Outline:
    """What stands out in a rectangle: GrabCut (Rother et al. 2004), begun in each frame with what was found before.

    Args:
        width: Of the first rectangle, in pixels.
        height: Of it.
    """

    def __init__(self, width: float, height: float) -> None:
        shrink = min(1.0, 96 / max(width, height))
        self._size = max(12, round(width * shrink)), max(12, round(height * shrink))
        self._pad = self._size[0] // 4, self._size[1] // 4
        y, x = np.indices(self._size[::-1])
        across, down = (2 * x + 1) / self._size[0] - 1, (2 * y + 1) / self._size[1] - 1
        self._before: NDArray[np.float32] = (np.square(across) + np.square(down) < 0.9).astype(np.float32)
        self._first = True

    def step(self, image: Image, place: Place) -> Pixels8:
        """Return the outline as marks as large as the picture, 0 or 1."""
        picture = _bytes(image)
        (columns, rows), (pad_x, pad_y) = self._size, self._pad
        across, down = place.width / columns, place.height / rows
        corner = place.x - place.width / 2 + across / 2, place.y - place.height / 2 + down / 2
        matrix = np.array([[across, 0, corner[0] - across * pad_x], [0, down, corner[1] - down * pad_y]])
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        view = cv.warpAffine(
            picture, matrix, (columns + 2 * pad_x, rows + 2 * pad_y), flags=how, borderMode=cv2.BORDER_REPLICATE
        )
        found = self._cut(view)
        share = found.mean()
        if 0.1 <= share <= 0.95:
            self._before = found if self._first else np.float32(0.5) * (found + self._before)
        self._first = False
        small = np.pad((self._before > _LIKELY).astype(np.float32), ((1, 1), (1, 1)))
        back = np.array([[across, 0, corner[0] - across], [0, down, corner[1] - down]])
        size = picture.shape[1], picture.shape[0]
        large = cv.warpAffine(small, back, size, flags=cv2.INTER_LINEAR)
        marks: Pixels8 = (large > np.float32(0.3)).astype(np.uint8)
        return marks

    def _cut(self, view: Pixels8) -> NDArray[np.float32]:
        """Which pixels of the rectangle belong to the object, 0 or 1."""
        (columns, rows), (pad_x, pad_y) = self._size, self._pad
        labels = np.full(view.shape[:2], cv2.GC_BGD, np.uint8)
        inner = labels[pad_y : pad_y + rows, pad_x : pad_x + columns]
        inner[...] = np.where(self._before > _LIKELY, cv2.GC_PR_FGD, cv2.GC_PR_BGD)
        cv.setRNGSeed(1)  # GrabCut begins with k-means, whose beginning is drawn.
        bgr = np.ascontiguousarray(view[..., ::-1])
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv.grabCut(bgr, labels, None, *models, 4 if self._first else 2, cv2.GC_INIT_WITH_MASK)
        mine = ((inner == cv2.GC_FGD) | (inner == cv2.GC_PR_FGD)).astype(np.uint8)
        mine = cv.morphologyEx(mine, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
        solid: NDArray[np.float32] = mine.astype(np.float32)
        return solid


def _bytes(image: Image) -> Pixels8:
    colours: Pixels8 = to_depth(np.ascontiguousarray(image[..., :3]), np.dtype(np.uint8))
    return colours


def _near(angle: NDArray[np.float32]) -> NDArray[np.float32]:
    """An angle between orientations, the shorter way round."""
    half = np.float32(np.pi / 2)
    nearer: NDArray[np.float32] = (angle + half) % np.float32(np.pi) - half
    return nearer


def _signed(place: float, length: int) -> float:
    return place - length if place > length / 2 else place


def _between(line: NDArray[np.float64], top: int) -> float:
    """Where the peak is between pixels: the top of the parabola through three."""
    left, middle, right = line[top - 1], line[top], line[(top + 1) % len(line)]
    bend = left - 2 * middle + right
    return float(0.5 * (left - right) / bend) if bend < 0 else 0.0


def _clearness(response: NDArray[np.float64], x: int, y: int) -> float:
    """How far the peak stands out: the peak-to-sidelobe ratio."""
    rest = np.roll(response, (response.shape[0] // 2 - y, response.shape[1] // 2 - x), (0, 1))
    middle = rest.shape[0] // 2, rest.shape[1] // 2
    keep = np.ones(rest.shape, np.bool_)
    keep[middle[0] - 5 : middle[0] + 6, middle[1] - 5 : middle[1] + 6] = False
    side = rest[keep]
    return float((response[y, x] - side.mean()) / (side.std() + 1e-9))

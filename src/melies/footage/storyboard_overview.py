"""The first page of a storyboard: how the film is paced, what its shots are, and its colours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.footage.pacing import Pacing, pacing
from melies.footage.storyboard_page import GREY, WIDTH, Colour, Page, wrap
from melies.frame import Image
from melies.matting.scale import cv

Swatch = tuple[float, Colour]
"""A colour and the share of the picture that has it."""

_MARGIN = 48.0
_INK: Colour = (60, 90, 150)
_PALE: Colour = (205, 215, 232)
_RED: Colour = (190, 60, 40)
_RULE: Colour = (215, 215, 215)
_RIBBON = 1400, 90
"""Pixels of the ribbon."""


@dataclass(frozen=True)
class Row:
    """What the overview keeps of a shot.

    Attributes:
        file: Its film.
        seconds: How long it is.
        size: Its size in words; empty if unknown.
        movement: What the camera does; empty if unknown.
        colours: Its palette, the darkest first.
    """

    file: Path
    seconds: float
    size: str
    movement: str
    colours: tuple[Swatch, ...]


def palette(image: Image | None, count: int = 5) -> tuple[Swatch, ...]:
    """Return the main colours of a picture and their shares, the darkest first; k-means in Lab, without chance.

    Args:
        image: `H×W×3` uint8; None for no colours.
        count: How many, at most.
    """
    if image is None:
        return ()
    small = cv.resize(image, (48, 27), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    points = cv.cvtColor(small, cv2.COLOR_RGB2LAB).reshape(-1, 3)
    # Begins with the colours at even steps of lightness.
    order = np.argsort(points[:, 0], kind="stable")
    centres = points[order[((np.arange(count) + 0.5) / count * len(points)).astype(int)]]
    nearest = np.zeros(len(points), int)
    for _ in range(12):
        nearest = ((points[:, None] - centres[None]) ** 2).sum(2).argmin(1)
        centres = np.array(
            [points[nearest == one].mean(0) if (nearest == one).any() else centres[one] for one in range(count)]
        )
    shares = np.bincount(nearest, minlength=count) / len(points)
    colours = cv.cvtColor(centres[None].astype(np.float32), cv2.COLOR_LAB2RGB)[0]
    values = np.clip(np.rint(colours * 255), 0, 255).astype(int)
    found = [(float(shares[one]), _colour(values[one])) for one in np.argsort(centres[:, 0]) if shares[one] > 0]
    return tuple(found)


def _colour(values: NDArray[np.int_]) -> Colour:
    return int(values[0]), int(values[1]), int(values[2])


def overview(rows: Sequence[Row], title: str) -> Page:
    """Lay out the first page.

    Args:
        rows: The shots in order, at least one.
        title: Heading.
    """
    page = Page()
    paced = pacing([row.seconds for row in rows])
    y = _MARGIN + 20
    for line in wrap(title, WIDTH - 2 * _MARGIN, 22, 2, bold=True):
        page.text(_MARGIN, y, line, 22, bold=True)
        y += 26
    films = len({row.file for row in rows})
    facts = [
        f"{films} films" if films > 1 else rows[0].file.name,
        f"{len(rows)} shot{'' if len(rows) == 1 else 's'}",
        clock(paced.seconds),
        f"average shot {paced.average:.1f} s",
        f"median {paced.median:.1f} s",
    ]
    for line in wrap(" · ".join(facts), WIDTH - 2 * _MARGIN, 10, 2):
        page.text(_MARGIN, y, line, 10, colour=GREY)
        y += 14
    y = _plot(page, paced, y + 30)
    y = _colours(page, rows, y + 34)
    _counts(page, rows, y + 34)
    return page


def clock(seconds: float) -> str:
    """Return `0:07`, `12:34` or `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def step(most: float, steps: int) -> float:
    """Return a round number that goes at most so many times into a range."""
    rough = most / steps
    power = 10.0 ** np.floor(np.log10(rough))
    return float(next(power * one for one in (1, 2, 5, 10) if power * one >= rough * 0.999))


def _plot(page: Page, paced: Pacing, y: float) -> float:
    """Draw the length of every shot over time, and the rolling mean; return where it ends."""
    left, right, high = _MARGIN + 22, WIDTH - _MARGIN, 190.0
    page.text(_MARGIN, y, "Pacing", 12, bold=True)
    told = f"length of each shot in seconds; line: mean of {paced.window} shots"
    page.text(right, y, told, 8, colour=GREY, right=True)
    top = y + 12
    low = top + high
    most = float(paced.length.max()) * 1.05
    across, up = (right - left) / paced.seconds, high / most
    mark = step(most, 5)
    for index in range(int(most / mark) + 1):
        level = low - index * mark * up
        page.line(((left, level), (right, level)), 0.4, _RULE)
        page.text(left - 4, level + 2.5, f"{index * mark:g}", 7.5, colour=GREY, right=True)
    for start, length in zip(paced.start.tolist(), paced.length.tolist(), strict=True):
        _bar(page, left + start * across, low, length * across, length * up)
    middles = left + (paced.start + paced.length / 2) * across
    if len(middles) > 1:
        points = zip(middles.tolist(), (low - paced.rolling * up).tolist(), strict=True)
        page.line(tuple(points), 1.4, _RED)
    _clock_marks(page, paced.seconds, left, across, low)
    return low + 12


def _bar(page: Page, x: float, low: float, width: float, height: float) -> None:
    # A thin gap between bars, where they are wide enough for one.
    gap = 0.6 if width > 2.5 else 0.0
    page.box(x, low - height, max(width - gap, 0.15), height, _PALE)
    page.box(x, low - height, max(width - gap, 0.15), 1, _INK)


def _clock_marks(page: Page, seconds: float, left: float, across: float, low: float) -> None:
    marks = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
    mark = next((one for one in marks if seconds / one <= 10), marks[-1])
    for index in range(int(seconds / mark) + 1):
        x = left + index * mark * across
        page.text(x - 5, low + 10, clock(index * mark), 7.5, colour=GREY)


def _colours(page: Page, rows: Sequence[Row], y: float) -> float:
    """Draw the ribbon: every shot as wide as it is long, its colours on top of each other; return where it ends."""
    page.text(_MARGIN, y, "Colours", 12, bold=True)
    page.text(WIDTH - _MARGIN, y, "palette of each shot", 8, colour=GREY, right=True)
    left, width, high = _MARGIN + 22, WIDTH - 2 * _MARGIN - 22, 44.0
    page.picture(left, y + 12, width, high, ribbon(rows), "the palette of the film over time")
    return y + 12 + high


def ribbon(rows: Sequence[Row]) -> Image:
    """Return the colours of shots over time as a picture, `H×W×3` uint8."""
    width, height = _RIBBON
    ends = np.cumsum([0.0, *(row.seconds for row in rows)])
    bounds = np.rint(ends / ends[-1] * width).astype(int)
    image = np.full((height, width, 3), 235, np.uint8)
    for row, (first, stop) in zip(rows, pairwise(bounds.tolist()), strict=True):
        top = 0.0
        for share, colour in reversed(row.colours):  # light above dark
            image[round(top * height) : round((top + share) * height), first:stop] = colour
            top += share
    return image


def _counts(page: Page, rows: Sequence[Row], y: float) -> None:
    """List how often each size and each movement occurs."""
    half = (WIDTH - 2 * _MARGIN) / 2
    for column, (heading, words) in enumerate(
        (("Sizes", [row.size for row in rows]), ("Camera", [row.movement for row in rows]))
    ):
        counted = Counter(filter(None, words)).most_common(11)
        if not counted:
            continue
        x = _MARGIN + column * half
        page.text(x, y, heading, 12, bold=True)
        for index, (word, number) in enumerate(counted):
            line = y + 18 + 14 * index
            page.text(x + 22, line, word, 8.5)
            page.box(x + 118, line - 6.5, number / counted[0][1] * (half - 165), 8, _PALE)
            page.text(x + half - 20, line, str(number), 8.5, colour=GREY, right=True)

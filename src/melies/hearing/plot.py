"""Rows of numbers over time, one lane below the other, with beats, bars and sections: as SVG and as PNG."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.hearing.tones import PITCHES
from melies.matting.scale import cv

Row = NDArray[np.float64]
Colour = tuple[int, int, int]

WIDTH = 1600
_LEFT, _RIGHT, _TOP, _BOTTOM = 20, 20, 58, 34
_LANE, _GAP = 62, 24
_INK, _PALE, _MARK, _BEAT = (34, 34, 34), (120, 120, 120), (214, 214, 214), (150, 150, 150)
_HEARD, _REACTION, _SHADE = (58, 110, 165), (196, 78, 42), (244, 244, 240)
_STEPS = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
_LABELS = 20


@dataclass(frozen=True)
class Lane:
    """A row to draw.

    Attributes:
        name: What is written above it.
        row: `N` numbers, or `N×12` how strongly each pitch sounds.
        rate: Numbers a second.
        below: The lower edge, for a waveform.
        is_reaction: Whether it is what a formula makes.
    """

    name: str
    row: Row
    rate: float
    below: Row | None = None
    is_reaction: bool = False


@dataclass(frozen=True)
class Plot:
    """What is drawn.

    Attributes:
        title: Above everything.
        seconds: How long it is.
        lanes: From top to bottom.
        beats: In seconds.
        bars: When bars begin.
        sections: When sections begin.
    """

    title: str
    seconds: float
    lanes: tuple[Lane, ...]
    beats: tuple[float, ...]
    bars: tuple[float, ...]
    sections: tuple[float, ...]

    @property
    def height(self) -> int:
        """In pixels."""
        return _TOP + len(self.lanes) * (_LANE + _GAP) + _BOTTOM


@dataclass(frozen=True)
class _Shape:
    """A polygon, or words if there are any."""

    points: NDArray[np.float64]
    colour: Colour
    words: str = ""
    bold: bool = False


def to_svg(plot: Plot) -> str:
    """Return the text of an SVG picture."""
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {plot.height}" font-family="sans-serif">']
    for shape in _shapes(plot):
        fill = f'fill="rgb{shape.colour}"'.replace(" ", "")
        if shape.words:
            (x, y), size = shape.points[0], 18 if shape.bold else 14
            parts.append(f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" {fill}>{html.escape(shape.words)}</text>')
        else:
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape.points)
            parts.append(f'<polygon points="{points}" {fill}/>')
    return "\n".join([*parts, "</svg>"])


def to_png(plot: Plot) -> bytes:
    """Return a PNG file."""
    image = np.full((plot.height, WIDTH, 3), 255, np.uint8)
    for shape in _shapes(plot):
        if shape.words:
            at = tuple(int(part) for part in shape.points[0])
            words = shape.words.encode("ascii", "replace").decode().replace("?", "-")
            size = 0.6 if shape.bold else 0.45
            cv.putText(image, words, at, cv2.FONT_HERSHEY_SIMPLEX, size, shape.colour, 1, cv2.LINE_AA)
        else:
            points = np.rint(shape.points * 16).astype(np.int32)
            cv.fillPoly(image, [points], shape.colour, cv2.LINE_AA, 4)
    return bytes(cv.imencode(".png", image[:, :, ::-1])[1].tobytes())


def _shapes(plot: Plot) -> Iterator[_Shape]:
    bottom = plot.height - _BOTTOM

    def across(time: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * min(1.0, time / max(plot.seconds, 1e-6))

    ends = (*plot.sections[1:], plot.seconds)
    for number, (begin, end) in enumerate(zip(plot.sections, ends, strict=True)):
        if number % 2 == 0:
            yield _box(across(begin), _TOP - 16, across(end), bottom, _SHADE)
        yield _words(across(begin) + 4, _TOP - 20, f"section {number}", _PALE)
    for bar in plot.bars:
        yield _box(across(bar) - 0.4, _TOP - 16, across(bar) + 0.4, bottom, _MARK)
    for beat in plot.beats:
        yield _box(across(beat) - 0.5, _TOP - 16, across(beat) + 0.5, _TOP - 8, _BEAT)
    yield _words(_LEFT, 22, plot.title, _INK, bold=True)
    for index, lane in enumerate(plot.lanes):
        top = _TOP + index * (_LANE + _GAP) + _GAP - 6
        yield from _lane(lane, top, across(len(lane.row) / lane.rate))
    step = next((step for step in _STEPS if plot.seconds / step <= _LABELS), 7200)
    for number in range(int(plot.seconds / step) + 1):
        time = number * step
        yield _box(across(time) - 0.5, bottom, across(time) + 0.5, bottom + 6, _PALE)
        label = f"{time // 60:.0f}:{time % 60:02.0f}" if step >= 1 else f"{time:.1f}"
        yield _words(across(time) - 4, bottom + 22, label, _PALE)


def _lane(lane: Lane, top: float, right: float) -> Iterator[_Shape]:
    colour = _REACTION if lane.is_reaction else _HEARD
    if lane.row.ndim == 2:
        yield _words(_LEFT + 2, top - 4, f"{lane.name}: {' '.join(PITCHES)}, from below", colour)
        yield from _pitches(lane.row, top, right)
        return
    row = np.nan_to_num(lane.row, nan=0.0, posinf=0.0, neginf=0.0)
    highs, lows = _columns(row, np.maximum), _columns(row if lane.below is None else lane.below, np.minimum)
    low, high = _bounds(lane, float(lows.min()), float(highs.max()))
    if not lane.is_reaction and lane.below is None:
        lows = np.zeros_like(lows)
    label = f"{lane.name}   {low:.3g} to {high:.3g}" if lane.is_reaction else lane.name
    yield _words(_LEFT + 2, top - 4, label, colour)
    xs = _LEFT + (right - _LEFT) * (np.arange(len(highs)) + 0.5) / len(highs)
    scale = _LANE / (high - low)
    upper = top + _LANE - (highs - low) * scale - 0.7
    lower = np.maximum(top + _LANE - (lows - low) * scale, upper + 1.4)
    points = np.concatenate([np.stack([xs, upper], 1), np.stack([xs, lower], 1)[::-1]])
    yield _Shape(points, colour)


def _bounds(lane: Lane, low: float, high: float) -> tuple[float, float]:
    if lane.below is not None:
        most = max(abs(low), abs(high), 1e-3)
        return -most, most
    if not lane.is_reaction:
        return 0.0, 1.0
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _columns(row: Row, most: np.ufunc) -> Row:
    """As many numbers as there are columns, or fewer: the most of each."""
    count = min(len(row), WIDTH - _LEFT - _RIGHT)
    found: Row = most.reduceat(row, np.arange(count) * len(row) // count)
    return found


def _pitches(chroma: Row, top: float, right: float) -> Iterator[_Shape]:
    """Twelve thin rows, darker where a pitch sounds."""
    count = min(len(chroma), 200)
    starts = np.arange(count) * len(chroma) // count
    mean = np.add.reduceat(chroma, starts, axis=0) / np.diff(np.append(starts, len(chroma)))[:, None]
    wide, high = (right - _LEFT) / count, _LANE / 12
    for column, pitch in zip(*np.nonzero(mean > 0.25), strict=True):
        pale = 1 - float(mean[column, pitch])
        red, green, blue = (round(part + (250 - part) * pale) for part in _HEARD)
        left, low = _LEFT + column * wide, top + _LANE - pitch * high
        yield _box(left, low - high, left + wide, low, (red, green, blue))


def _box(left: float, top: float, right: float, bottom: float, colour: Colour) -> _Shape:
    return _Shape(np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64), colour)


def _words(x: float, y: float, words: str, colour: Colour, bold: bool = False) -> _Shape:
    return _Shape(np.array([(x, y)], np.float64), colour, words, bold)

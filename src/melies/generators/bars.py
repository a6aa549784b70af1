"""`bars`: a test picture."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from pydantic import Field

from melies.effect import Generator
from melies.frame import Colour, Frame, Image, VideoSpec

_COLOURS = ((191, 191, 191), (191, 191, 0), (0, 191, 191), (0, 191, 0), (191, 0, 191), (191, 0, 0), (0, 0, 191))


class Bars(Generator):
    """Colour bars of 75 % and, below them, a grey ramp with a mark that goes round once a second.

    What comes out of a chain can be measured against them: the bars tell of a wrong matrix or range, the ramp of lost
    levels, the mark of lost frames.
    """

    width: int = Field(1280, ge=16, le=32768, description="pixels")
    height: int = Field(720, ge=16, le=32768, description="pixels")
    fps: Fraction = Field(Fraction(25), gt=0, le=1000, description="frames per second, such as 25 or 30000/1001")
    duration: float = Field(5, gt=0, description="seconds")

    @property
    def spec(self) -> VideoSpec:
        """What the frames look like."""
        frames = max(1, round(self.duration * self.fps))
        colour = Colour("limited", "bt709", "bt709", "bt709")
        return VideoSpec(self.width, self.height, self.fps, 1 / self.fps, colour=colour, frames=frames)

    def make(self, since: Fraction = Fraction(0), lead_in: int = 0) -> Iterator[Frame]:
        """Make the frames from `since` on, and up to `lead_in` before it."""
        chart = self._chart()
        spec = self.spec
        for index in range(max(0, -(-since // spec.time_base) - lead_in), spec.frames or 0):
            yield Frame(self._marked(chart, index), index, spec.time_base, 1)

    def _chart(self) -> Image:
        top = self.height * 3 // 4
        bars = np.array(_COLOURS, np.uint8)[np.arange(self.width) * len(_COLOURS) // self.width]
        ramp = np.linspace(0, 255, self.width).round().astype(np.uint8)
        chart = np.empty((self.height, self.width, 3), np.uint8)
        chart[:top] = bars
        chart[top:] = ramp[:, None]
        return chart

    def _marked(self, chart: Image, index: int) -> Image:
        image = chart.copy()
        side = max(2, self.height // 16)
        left = int(index / self.fps % 1 * (self.width - side))
        image[-side:, left : left + side] = (255, 255, 255)
        return image

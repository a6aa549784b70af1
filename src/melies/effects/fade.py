"""Fade in from a colour and out to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import ClassVar

import numpy as np
from pydantic import Field

from melies.effect import Effect, Scope
from melies.effects._shelf import Delay
from melies.frame import Frame, Image, Sound, VideoSpec
from melies.imaging import ColourText, blend, fill, join_alpha, over, parse_colour, split_alpha, white_of


class Fade(Effect):
    """Fade in from a colour at the beginning and out to it at the end, and sound with it."""

    scope: ClassVar[Scope] = "video"

    fade_in: float = Field(1.0, ge=0, le=600, description="Seconds until the picture is fully there; 0 for none.")
    fade_out: float = Field(1.0, ge=0, le=600, description="Seconds before the end when it begins to go; 0 for none.")
    colour: ColourText = Field(
        "black", description="Colour to come from and go to; transparent fades the picture's opacity instead."
    )
    fade_sound: bool = Field(True, description="Fade the sound along with the picture.")

    @property
    def touches_sound(self) -> bool:
        """Sound fades unless told otherwise."""
        return self.fade_sound and (self.fade_in > 0 or self.fade_out > 0)

    def output(self, spec: VideoSpec) -> VideoSpec:
        """Alpha appears where the picture fades to transparent."""
        return spec.replace(alpha=self._alpha(spec))

    def _alpha(self, spec: VideoSpec) -> bool:
        fades = self.fade_in > 0 or self.fade_out > 0
        return spec.alpha or (fades and parse_colour(self.colour)[3] == 0)

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Hold back as many frames as the fade at the end lasts, because only the last tells where it is."""
        out = Fraction(self.fade_out)
        end = Fraction(0)
        alpha = self._alpha(spec) and not spec.alpha
        with Delay() as held:
            ends: deque[Fraction] = deque()
            for frame in frames:
                end = (frame.pts + frame.duration) * frame.time_base
                held.push(frame)
                ends.append(end)
                while ends and ends[0] + out <= end:
                    ends.popleft()
                    yield self._faded(held.pop(), None, alpha)
            while len(held):
                yield self._faded(held.pop(), end, alpha)

    def _faded(self, frame: Frame, end: Fraction | None, alpha: bool) -> Frame:
        """Mix in the colour; `end` is where the clip ends, None for a frame that is too early to mind."""
        begin = frame.pts * frame.time_base
        left = None if end is None else end - begin - frame.duration * frame.time_base
        share = _ramp(begin, self.fade_in) * (1 if left is None else _ramp(left, self.fade_out))
        if share == 1 and not alpha:
            return frame
        image = frame.image
        if alpha:
            image = join_alpha(image, np.full(image.shape[:2], white_of(image), image.dtype))
        return frame.with_image(self._mixed(image, share))

    def _mixed(self, image: Image, share: float) -> Image:
        if share == 1:
            return image
        red, green, blue, opacity = parse_colour(self.colour)
        height, width = image.shape[:2]
        colours, alpha = split_alpha(image)
        if opacity == 0:
            assert alpha is not None
            return join_alpha(colours, np.rint(alpha * np.float32(share)).astype(alpha.dtype))
        veil = np.full((height, width), (1 - share) * opacity / 255, np.float32)
        plain = fill(width, height, (red, green, blue, 255), colours)
        if alpha is None:
            return blend(plain, colours, veil)
        return over(join_alpha(plain, np.rint(veil * white_of(image)).astype(image.dtype)), image)

    def sound(self, blocks: Iterator[Sound], spec: VideoSpec) -> Iterator[Sound]:
        """Raise the sound from its beginning and lower it before its end."""
        held: deque[Sound] = deque()
        end = 0
        for block in blocks:
            held.append(block)
            end = block.start + len(block.samples)
            while held[0].start + len(held[0].samples) <= end - round(self.fade_out * block.rate):
                yield self._quieter(held.popleft(), None)
                if not held:
                    break
        while held:
            yield self._quieter(held.popleft(), end)

    def _quieter(self, block: Sound, end: int | None) -> Sound:
        rises = block.start < self.fade_in * block.rate
        if not rises and end is None:
            return block
        at = np.arange(block.start, block.start + len(block.samples))
        gain = np.ones(len(at))
        if self.fade_in:
            gain = np.clip(at / (self.fade_in * block.rate), 0, 1)
        if self.fade_out and end is not None:
            gain *= np.clip((end - 1 - at) / (self.fade_out * block.rate), 0, 1)
        return Sound(block.samples * gain[:, None].astype(np.float32), block.rate, block.start)


def _ramp(seconds: Fraction, whole: float) -> float:
    """0 at 0 seconds, 1 from `whole` seconds on."""
    return min(1.0, max(0.0, float(seconds) / whole)) if whole else 1.0

"""`glitch`: a signal that breaks down in bursts."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

import numpy as np
from pydantic import Field

from melies.effect import FrameEffect
from melies.effects._damage import DAMAGES, Damage, Hit
from melies.frame import Frame

_LEAST, _MOST = 0.5, 1.5
"""Between which times `length` a burst lasts."""

_CHANGES = 12
"""How often in a second the passing chances of a burst are drawn anew."""


@dataclass(frozen=True, slots=True)
class _Burst:
    number: int
    begin: float
    strength: float
    damages: tuple[Damage, ...]


class Glitch(FrameEffect):
    """Break the picture in short bursts: wrong blocks, torn lines, split colours, broken codes, lost sync, worn tape.

    What happens at a moment depends on `seed` and the time alone, not on where a render begins.
    """

    amount: float = Field(0.6, ge=0, le=1, description="How hard the bursts hit; 0 changes nothing.")
    rate: float = Field(1.5, ge=0, le=20, description="Bursts a second, on average.")
    length: float = Field(0.3, gt=0, le=2, description="Seconds that a burst lasts, on average.")
    damage: list[Damage] = Field(
        [],
        description="What may happen; all of it if nothing is named. blocks: pieces in wrong places; channels: red and "
        "blue part; tear: lines move; crush: few tones, coarse pixels; dct: broken JPEG codes; sync: the picture "
        "rolls; tape: a worn video cassette.",
    )
    seed: int = Field(0, ge=0, le=2**32 - 1, description="Another number, another accident.")

    def step(self, frame: Frame) -> Frame:
        """Damage one frame, if a burst hits it."""
        time = float(frame.pts * frame.time_base)
        burst = self._burst(time) if self.amount and self.rate else None
        if burst is None:
            return frame
        image, moment = frame.image, time - burst.begin
        for kind, damage in enumerate(burst.damages):
            lasting = np.random.default_rng([self.seed, burst.number, kind, 1])
            passing = np.random.default_rng([self.seed, burst.number, kind, 2, int(moment * _CHANGES)])
            image = DAMAGES[damage](image, Hit(burst.strength, moment, lasting, passing))
        return frame.with_image(image)

    def _burst(self, time: float) -> _Burst | None:
        """The last burst that began before this time and still lasts; one begins in every stretch of 1 / `rate`."""
        last = floor(time * self.rate)
        first = max(0, floor((time - _MOST * self.length) * self.rate))
        for number in range(last, first - 1, -1):
            rng = np.random.default_rng([self.seed, number])
            begin = (number + rng.random()) / self.rate
            if begin <= time < begin + self.length * rng.uniform(_LEAST, _MOST):
                known = self.damage or list(DAMAGES)
                chosen = rng.choice(len(known), min(len(known), int(rng.integers(1, 4))), replace=False)
                strength = self.amount * rng.uniform(0.5, 1)
                return _Burst(number, begin, strength, tuple(known[index] for index in sorted(chosen)))
        return None

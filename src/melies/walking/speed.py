"""How fast a walk goes, as people write it: a formula of the time, or keys at frames."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from melies.errors import UseError
from melies.expression import Expression
from melies.walking.paths import Vector

_KEY = r"\s*(\d{1,9})\s*:\s*\(\s*(-?\d{0,9}\.?\d{1,9})\s*\)\s*"
_KEYS = re.compile(rf"{_KEY}(?:,{_KEY})*,?\s*")


def read(text: str, rate: float) -> Callable[[Vector], Vector]:
    """Return a function of the numbers of frames.

    Args:
        text: A formula of `t`, in seconds, and `frame`, such as `1+0.5*sin(t)`; or numbers at frames, between which it
            changes evenly, as in Deforum's schedules: `0:(1), 60:(3)`.
        rate: Frames a second.

    Raises:
        UseError: It is neither.
    """
    if ":" not in text:
        formula = Expression(text, ("t", "frame"))
        return lambda frames: formula(t=frames / rate, frame=frames)
    if not _KEYS.fullmatch(text):
        raise UseError(f"{text!r} is no row of keys.", "Write frames and numbers so: 0:(1), 60:(3)")
    keys = sorted((int(frame), float(value)) for frame, value in re.findall(_KEY, text))
    frames, values = zip(*keys, strict=True)
    return lambda asked: np.interp(asked, frames, values)

"""How fast a walk goes, as people write it: a formula of the time, or a schedule in Deforum's grammar."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from melies.dreaming.schedule import Schedule
from melies.errors import UseError
from melies.expression import Expression
from melies.walking.paths import Vector

FASTEST = 1e4
"""Times the usual speed: the most, forwards and back."""


def read(text: str, rate: float, count: int | None) -> Callable[[Vector], Vector]:
    """Return a function of the numbers of frames.

    Args:
        text: A formula of `t`, in seconds, and `frame`, such as `1+0.5*sin(t)`; or, with keys at frames, a schedule:
            `0:(1), 60:(3)`, whose own `t` is the frame.
        rate: Frames a second.
        count: Frames that there are; None if they never end.

    Raises:
        UseError: It is neither. The function raises it where the speed is no number or beyond `FASTEST`.
    """
    given = _given(text, rate, count)

    def checked(frames: Vector) -> Vector:
        shown = frames if count is None else np.minimum(frames, count - 1)
        speeds = np.broadcast_to(given(shown), frames.shape)
        wrong = np.flatnonzero(~(np.abs(speeds) <= FASTEST))
        if len(wrong):
            frame, speed = int(shown[wrong[0]]), speeds[wrong[0]]
            raise UseError(f"The speed {text!r} is {speed:g} at frame {frame}, not a number up to {FASTEST:g}.")
        return speeds

    return checked


def _given(text: str, rate: float, count: int | None) -> Callable[[Vector], Vector]:
    if ":" not in text:
        formula = Expression(text, ("t", "frame"), whole=("frame",))
        return lambda frames: formula(t=frames / rate, frame=frames)
    schedule = Schedule(text)
    if count is None:
        return lambda frames: np.array([schedule.at(int(frame), None) for frame in frames])
    return lambda frames: schedule.values(count)[frames.astype(np.intp)]

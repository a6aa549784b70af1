"""What a show measures of itself: how late its pictures are, how many, and what went wrong."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

import cv2
import numpy as np

from melies.frame import Image

cv: Any = cv2

KEPT = 300
"""Pictures that the figures are taken over: about ten seconds. However long a show runs, no more are kept."""


class Numbers:
    """Counts and times; may be used from several threads.

    Attributes:
        shown: Pictures shown so far.
        dropped: Camera pictures that were never worked on, since newer ones came before their turn.
        failures: How often an effect failed.
    """

    def __init__(self) -> None:
        self.shown = self.dropped = self.failures = 0
        self.last_shown: float | None = None
        self._late: deque[float] = deque(maxlen=KEPT)
        self._moments: deque[float] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def saw(self, taken: float, now: float) -> None:
        """Note that a picture taken at one moment is shown at another, in seconds."""
        with self._lock:
            self.shown += 1
            self.last_shown = now
            self._late.append(now - taken)
            self._moments.append(now)

    def latency(self, share: float = 0.5) -> float:
        """Return how late the pictures of the last seconds were, in seconds: the median, or another quantile."""
        with self._lock:
            late = list(self._late)
        return float(np.quantile(late, share)) if late else 0.0

    @property
    def rate(self) -> float:
        """Pictures a second, of late."""
        with self._lock:
            moments = list(self._moments)
        length = moments[-1] - moments[0] if len(moments) > 1 else 0.0
        return (len(moments) - 1) / length if length > 0 else 0.0

    def plain(self) -> dict[str, float]:
        """Return everything for programs: milliseconds, pictures a second and counts."""
        return {
            "latency_ms": round(1000 * self.latency(), 1),
            "latency_p95_ms": round(1000 * self.latency(0.95), 1),
            "fps": round(self.rate, 2),
            "shown": self.shown,
            "dropped": self.dropped,
            "failures": self.failures,
        }

    def lines(self) -> tuple[str, ...]:
        """Return the same in a few words."""
        it = self.plain()
        words = [
            f"{it['fps']:.1f} fps",
            f"latency {it['latency_ms']:.0f} ms, 95 % {it['latency_p95_ms']:.0f} ms",
            f"dropped {self.dropped} of {self.dropped + self.shown}",
        ]
        return (*words, f"failures {self.failures}") if self.failures else tuple(words)


def write_on(image: Image, lines: tuple[str, ...]) -> Image:
    """Return an 8-bit RGB picture with a few lines on a dark ground in its corner."""
    out = image.copy()
    scale = max(0.35, image.shape[0] / 900)
    step = round(30 * scale)
    width = max(cv.getTextSize(line, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)[0][0] for line in lines)
    corner = out[: step * len(lines) + step // 2, : width + step]
    corner[:] = corner // 4
    for index, line in enumerate(lines):
        at = (step // 2, step * (index + 1))
        cv.putText(out, line, at, cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), 1, cv2.LINE_AA)
    return out


def placard(width: int, height: int, text: str) -> Image:
    """Return a black picture with a few grey words in its middle."""
    image = np.zeros((height, width, 3), np.uint8)
    scale = max(0.35, width / 900)
    (wide, high), _ = cv.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    at = ((width - wide) // 2, (height + high) // 2)
    cv.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, (150, 150, 150), 1, cv2.LINE_AA)
    return image

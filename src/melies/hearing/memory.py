"""`Memory`: what was heard in the last seconds, while sound still comes in."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from melies.hearing.features import BANDS, MOMENTARY, ROWS, Analysis, Row
from melies.hearing.rhythm import find_pulse

BEATS = ("beat", "beat_phase", "tempo")
KNOWN = (*MOMENTARY, *BEATS)
"""What can be heard before a piece has ended."""

KEPT = 30
"""Seconds of which the loudest hundredth is what 1 means."""
_RHYTHM = 8
"""Seconds in which beats are looked for."""
_AGAIN = ROWS // 2
"""Rows after which they are looked for again."""
_FALL = 0.15
_FLOORS: Mapping[str, float] = MappingProxyType({"rms": 0.003, **dict.fromkeys(BANDS, 0.3), "onset": 0.15, "low": 0.15})
"""What 1 means at least: the hiss of an empty room is no music."""
_TOP = 99.0


class Memory:
    """Keeps rows of the last seconds; several threads may use it.

    A row becomes 0…1 by what was loud of late, as a whole piece is not known yet.
    """

    def __init__(self) -> None:
        self._analysis = Analysis()
        self._raw: dict[str, Row] = {name: np.zeros(0) for name in (*MOMENTARY, "low")}
        self._tops = dict(_FLOORS)
        self._heard = 0
        self._looked = 0
        self._beat: tuple[float, float] | None = None
        self._lock = threading.Lock()

    @property
    def seconds(self) -> float:
        """How long it has listened."""
        return self._heard / ROWS

    def push(self, block: NDArray[np.float32]) -> None:
        """Take in samples of one channel at `features.RATE`."""
        fresh = self._analysis.push(block)
        if not fresh:
            return
        with self._lock:
            for name, row in fresh.items():
                self._raw[name] = np.concatenate([self._raw[name], row])[-KEPT * ROWS :]
                if name in MOMENTARY:
                    self._tops[name] = max(_FLOORS[name], float(np.percentile(self._raw[name], _TOP)))
            self._heard += len(fresh["rms"])
            if self._heard - self._looked >= _AGAIN:
                self._looked = self._heard
                self._beat = self._found_beat()

    def row(self, name: str, rate: Fraction, count: int) -> Row:
        """Return the last numbers at a rate of frames, the newest last; 0 before anything was heard.

        Args:
            name: One of `KNOWN`.
            rate: Frames a second.
            count: Frames.
        """
        edges = np.rint(np.arange(-count, 1) * float(ROWS / rate)).astype(np.intp)
        with self._lock:
            if name in BEATS:
                return self._beats(name, self._heard + edges[1:] - 1)
            wanted = -int(edges[0])
            row = self._raw[name][-wanted:] / self._tops[name]
        row = np.pad(row, (wanted - len(row), 0))
        most: Row = np.minimum(np.maximum.reduceat(row, edges[:-1] + wanted), 1)
        return most

    def _found_beat(self) -> tuple[float, float] | None:
        """The row of the last beat and the rows from one to the next."""
        length = min(len(self._raw["onset"]), _RHYTHM * ROWS)
        if np.max(self._raw["rms"][-length:]) < _FLOORS["rms"]:
            return None
        pulse = find_pulse(self._raw["onset"][-length:], self._raw["low"][-length:], ROWS)
        if len(pulse.beats) < 4:
            return None
        return self._heard - length + float(pulse.beats[-1]) * ROWS, 60 * ROWS / pulse.tempo

    def _beats(self, name: str, places: NDArray[np.intp]) -> Row:
        """Go on beating as it did in the last seconds."""
        if self._beat is None:
            return np.zeros(len(places))
        last, period = self._beat
        if name == "tempo":
            return np.full(len(places), 60 * ROWS / period)
        since: Row = np.mod(places - last + 0.5, period)
        return since / period if name == "beat_phase" else np.exp(-since / (_FALL * ROWS))

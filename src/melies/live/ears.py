"""Ears: effects on a stage whose numbers follow a microphone, or a file that is played in its place."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from melies.effect import Effect
from melies.errors import MediaError, MeliesError, UseError
from melies.files import is_file
from melies.footage.listen import lowered
from melies.frame import Sound
from melies.hearing.features import RATE, Row
from melies.hearing.memory import KNOWN, Memory
from melies.hearing.reaction import bounded, followed, formulas, names_heard, set_to
from melies.media.sound import read_sound

log = logging.getLogger("melies")

MICROPHONE = "mic"
_BLOCK = Fraction(1, 50)
"""Seconds of sound that come at once."""
_PAUSE = 2.0
"""Seconds before a lost microphone is tried again."""
_STALE = 0.5
"""Seconds without sound after which nothing is heard any more."""
REACH = 8
"""Seconds that formulas with a memory, such as decay, look back."""


def microphone(name: str, stop: threading.Event) -> Iterator[Sound]:
    """Yield what a microphone hears.

    Args:
        name: A part of its name, or its number; the usual one if empty.
        stop: Set when nobody listens any more.

    Raises:
        UseError: sounddevice or PortAudio is not installed.
        MediaError: There is no such microphone, or it was lost.
    """
    sounddevice = _library()
    device: Any = int(name) if name.isdecimal() else name or None
    try:
        with sounddevice.InputStream(device=device, channels=1, dtype="float32") as stream:
            rate, place = round(stream.samplerate), 0
            while not stop.is_set():
                samples, _ = stream.read(round(rate * _BLOCK))
                yield Sound(samples, rate, place)
                place += len(samples)
    except (sounddevice.PortAudioError, ValueError) as error:
        raise MediaError(f"The microphone {name}".rstrip() + f" cannot be heard: {error}.") from None


def _library() -> Any:
    try:
        import sounddevice
    except (ImportError, OSError):  # the latter where PortAudio itself is missing
        raise UseError(
            "A microphone needs sounddevice and PortAudio.",
            "Install them: pip install 'melies[live]', and on Linux the package libportaudio2.",
        ) from None
    return sounddevice


def played(path: Path, stop: threading.Event) -> Iterator[Sound]:
    """Yield the sound of a file as if it were played now, again and again."""
    begin = time.monotonic()
    while not stop.is_set():
        end = 0.0
        for block in read_sound(path):
            size = max(1, round(block.rate * _BLOCK))
            for at in range(0, len(block.samples), size):
                part = block.samples[at : at + size]
                end = (block.start + at + len(part)) / block.rate
                if stop.wait(max(0.0, begin + end - time.monotonic())):
                    return
                yield Sound(part, block.rate, block.start + at)
        if not end:
            raise UseError(f"{path} holds no sound.", "Name a song, or mic.")
        begin += end


class Ear:
    """Listens in a thread of its own.

    Args:
        name: `mic`, `mic:NAME`, or a file.

    Raises:
        UseError: There is no such file, or what a microphone needs is not installed.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.memory = Memory()
        self.error: MeliesError | None = None
        self._newest = time.monotonic()
        self._stop = threading.Event()
        self._sound = _opened(name)
        self._thread = threading.Thread(target=self._run, name="melies ear", daemon=True)
        self._thread.start()

    def row(self, name: str, rate: Fraction, count: int) -> Row:
        """Return the last numbers, as `Memory.row`; zeros if no sound has come for a while."""
        if time.monotonic() - self._newest > _STALE:
            return np.zeros(count)
        return self.memory.row(name, rate, count)

    def close(self) -> None:
        """Stop listening."""
        self._stop.set()
        self._thread.join(timeout=5)  # A microphone that hangs in its driver cannot be asked to stop.

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with closing(lowered(self._sound(self._stop), RATE)) as blocks:
                    for block in blocks:
                        self.memory.push(block)
                        self._newest = time.monotonic()
                self.error = None
            except MeliesError as error:
                if self.error is None:
                    log.warning("%s Nothing is heard until that is mended.", error)
                self.error = error
            self._stop.wait(_PAUSE)


def _opened(name: str) -> Callable[[threading.Event], Iterator[Sound]]:
    kind, _, which = name.partition(":")
    if kind == MICROPHONE:
        _library()
        return lambda stop: microphone(which, stop)
    path = Path(name)
    if not is_file(path):
        raise UseError(f"There is no sound file {path}.", "Give mic, mic:NAME or a file to --audio.")
    return lambda stop: played(path, stop)


class Ears:
    """Sets effects as their formulas say at this moment; one ear for each sound that they name.

    Args:
        rate: Frames a second, nominal.
        now: The time since the show began, in seconds.
    """

    def __init__(self, rate: Fraction, now: Callable[[], float]) -> None:
        self._rate, self._now = rate, now
        self._ears: dict[str, Ear] = {}
        self._followed: dict[int, tuple[Effect, Following]] = {}

    def check(self, effects: Sequence[Effect]) -> None:
        """Begin to listen for those that react.

        Raises:
            UseError: A formula is about something that is not known before a piece has ended, or there is no such file.
        """
        for effect in effects:
            if effect.react:
                self._following(effect)

    def set(self, index: int, effect: Effect) -> Effect:
        """Return the effect of an index as it is set now: the same object while nothing changes."""
        if not effect.react:
            return effect
        known = self._followed.get(index)
        if known is None or known[0] is not effect:
            known = self._followed[index] = effect, self._following(effect)
        return known[1].at(self._now())

    def close(self) -> None:
        """Stop listening."""
        for ear in self._ears.values():
            ear.close()

    def _following(self, effect: Effect) -> Following:
        name = MICROPHONE if effect.audio is None else str(effect.audio)
        following = Following(effect, self._rate, lambda *wanted: self._ears[name].row(*wanted))
        if names_heard(effect) and name not in self._ears:
            self._ears[name] = Ear(name)
        return following


class Following:
    """An effect whose numbers follow what is heard now.

    Args:
        effect: As it is set where no formula says otherwise.
        rate: Frames a second.
        row: As `Memory.row`.

    Raises:
        UseError: A formula is about something that is not known before a piece has ended, or adds up all that was.
    """

    def __init__(self, effect: Effect, rate: Fraction, row: Callable[[str, Fraction, int], Row]) -> None:
        self._effect, self._rate, self._row = effect, rate, row
        self._formulas = formulas(effect)
        self._names = names_heard(effect)
        late = [name for name in self._names if name not in KNOWN]
        if late:
            raise UseError(f"{late[0]} is only known when a piece has ended.", f"Live there is {', '.join(KNOWN)}.")
        if any("sum" in formula.piped for formula in self._formulas.values()):
            raise UseError("sum adds up all that was, and a show has no end.", "Let the formula be about t instead.")
        self._count = round(REACH * rate)
        self._now: tuple[int, Effect] = (-1, effect)

    def at(self, time: float) -> Effect:
        """Return the effect as it is set at a time since the show began, in seconds."""
        frame = int(time * self._rate)
        if frame != self._now[0]:
            rows = {name: self._row(name, self._rate, self._count) for name in self._names}
            values = {name: self._value(name, rows, frame) for name in self._formulas}
            self._now = frame, set_to(self._effect, values, self._now[1])
        return self._now[1]

    def _value(self, name: str, rows: dict[str, Row], frame: int) -> float:
        row = followed(self._formulas[name], rows, self._rate, self._count, frame - self._count + 1)
        return float(bounded(self._effect, name, row[-1:])[0])

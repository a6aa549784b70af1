"""Where a show's pictures come from: a camera, a file played in real time, a pattern."""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from melies.errors import MediaError, MeliesError, UseError
from melies.frame import Frame, Image
from melies.imaging import fit
from melies.live.clock import TICK, Clock

if TYPE_CHECKING:
    from melies.media.reader import Reader

log = logging.getLogger("melies")

RATE = Fraction(30)
"""Pictures a second where neither the user nor the source says."""

SIZE = (640, 480)
"""Width and height of the pattern."""


class Source(Protocol):
    """Something that yields pictures as they come about."""

    name: str
    rate: Fraction
    """Pictures a second, nominal."""

    @property
    def files(self) -> Sequence[Path]:
        """The user's files that are read, and so must not be written."""
        ...

    def pictures(self, clock: Clock, stop: threading.Event) -> Iterator[Frame]:
        """Yield pictures, each at the moment when it is there; their times mean nothing.

        Raises:
            MediaError: The source cannot be read, or no longer.
        """
        ...


class Device:
    """A camera.

    Args:
        name: Its number, its name, or the path of a device.
        size: Width and height to ask for.
        rate: Pictures a second to ask for.
    """

    files: Sequence[Path] = ()

    def __init__(self, name: str, size: tuple[int, int] | None = None, rate: Fraction | None = None) -> None:
        self.name = f"camera {name}"
        self.rate = rate or RATE
        self._device, self._size, self._asked = name, size, rate

    def pictures(self, clock: Clock, stop: threading.Event) -> Iterator[Frame]:
        """Yield what the camera sees; converting a picture is left to who needs it."""
        from melies.media.camera import read_camera

        for native in read_camera(self._device, self._size, self._asked):
            yield Frame(None, 0, TICK, 1, native=native)


class Played:
    """A film played at its own speed, again and again; each round begins with a cut.

    Args:
        path: The film.
        rate: Pictures a second instead of its own.

    Raises:
        UseError: It cannot be opened.
    """

    def __init__(self, path: Path, rate: Fraction | None = None) -> None:
        from melies.media.reader import Reader

        self.name = path.name
        self._reader = Reader(path)
        self.files: Sequence[Path] = self._reader.files
        self.rate = rate or self._reader.spec.rate
        self._speed = float(self.rate / self._reader.spec.rate)

    def pictures(self, clock: Clock, stop: threading.Event) -> Iterator[Frame]:
        """Yield its frames when they are due; a machine too slow for that plays it slower."""
        begin = clock.now()
        while not stop.is_set():
            length = yield from _round(self._reader, self._speed, begin, clock, stop)
            begin = max(begin + length, clock.now() - 1 / float(self.rate))


def _round(
    reader: Reader,
    speed: float,
    begin: float,
    clock: Clock,
    stop: threading.Event,
    size: tuple[int, int] | None = None,
) -> Generator[Frame, None, float]:
    """Play a film once, which begins a shot, fitted into a size if one is given; return its seconds."""
    end = 0.0
    for index, frame in enumerate(reader.frames()):
        end = float((frame.pts + frame.duration) * frame.time_base) / speed
        clock.wait(stop, begin + frame.time / speed - clock.now())
        if stop.is_set():
            break
        if size is not None and frame.image.shape[1::-1] != size:
            frame = frame.with_image(fit(frame.image, *size, "contain"))
        yield frame.at(0, 1, cut=index == 0)
    return end


class Folder:
    """The films of a folder in the order of their names, again and again; each begins a shot.

    The folder is looked at anew for each film, so that films can be put in and taken away meanwhile. What cannot be
    read is warned of once and passed over; pictures and hidden files are not looked at.

    Args:
        path: The folder.
        size: Width and height that all films are fitted into; the first one's own if None.
        rate: Pictures a second instead of each film's own.

    Raises:
        UseError: It holds no film.
    """

    def __init__(self, path: Path, size: tuple[int, int] | None = None, rate: Fraction | None = None) -> None:
        self.name = path.name
        self._path, self._rate = path, rate
        self._refused: set[Path] = set()
        first = self._opened(None)
        if first is None:
            raise UseError(f"The folder {path} holds no film.", "Put films into it, such as 1.mp4 and 2.mp4.")
        self.rate = rate or first.spec.rate
        self._size = size or (first.spec.width, first.spec.height)

    @property
    def files(self) -> Sequence[Path]:
        """All files that may be films."""
        from melies.media.stills import SUFFIXES, natural

        found = (path for path in self._path.iterdir() if path.is_file() and path.suffix.lower() not in SUFFIXES)
        return sorted((path for path in found if not path.name.startswith(".")), key=natural)

    def pictures(self, clock: Clock, stop: threading.Event) -> Iterator[Frame]:
        """Yield the frames of one film after another when they are due; a slow machine plays them slower."""
        begin, reader = clock.now(), self._opened(None)
        while reader is not None and not stop.is_set():
            speed = float(self._rate / reader.spec.rate) if self._rate else 1.0
            try:
                length = yield from _round(reader, speed, begin, clock, stop, self._size)
            except MediaError as error:
                self._refuse(reader.path, error)
                length = 0.0
            begin = max(begin + length, clock.now() - 1 / float(self.rate))
            reader = self._opened(reader.path)

    def _opened(self, last: Path | None) -> Reader | None:
        """Return the film that comes after another one, or the first; None if there is none."""
        from melies.media.reader import Reader
        from melies.media.stills import natural

        files = [path for path in self.files if path not in self._refused]
        later = [path for path in files if last is not None and natural(path) > natural(last)]
        for path in [*later, *files]:
            try:
                return Reader(path)
            except MeliesError as error:
                self._refuse(path, error)
        self._refused.clear()  # They may be mended when it is tried again.
        return None

    def _refuse(self, path: Path, error: MeliesError) -> None:
        self._refused.add(path)
        log.warning("%s It is passed over.", error.message)


class Pattern:
    """A chart with a disc that goes round once in four seconds, and a clock hand in it.

    Args:
        size: Width and height.
        rate: Pictures a second.
    """

    name = "synthetic"
    files: Sequence[Path] = ()

    def __init__(self, size: tuple[int, int] | None = None, rate: Fraction | None = None) -> None:
        self.rate = rate or RATE
        self._size = size or SIZE

    def pictures(self, clock: Clock, stop: threading.Event) -> Iterator[Frame]:
        """Draw a picture whenever one is due."""
        from melies.generators.bars import Bars

        chart = next(iter(Bars(size=self._size).frames())).image
        begin, index = clock.now(), 0
        while not stop.is_set():
            yield Frame(_disc(chart, float(index / self.rate)), index, 1 / self.rate, 1)
            # What a late machine missed is passed over, as a camera would.
            index = max(index + 1, int((clock.now() - begin) * self.rate))
            clock.wait(stop, begin + float(index / self.rate) - clock.now())


def _disc(chart: Image, seconds: float) -> Image:
    image = chart.copy()
    height, width = image.shape[:2]
    turn = seconds / 4 * 2 * np.pi
    centre = (round(width / 2 + width * 0.3 * np.cos(turn)), round(height / 2 + height * 0.25 * np.sin(turn)))
    radius = max(3, height // 8)
    cv2.circle(image, centre, radius, (250, 250, 250), -1, cv2.LINE_AA)
    hand = (round(centre[0] + radius * np.sin(4 * turn)), round(centre[1] - radius * np.cos(4 * turn)))
    cv2.line(image, centre, hand, (200, 30, 30), max(1, radius // 8), cv2.LINE_AA)
    return image


def find_source(text: str, size: tuple[int, int] | None = None, rate: Fraction | None = None) -> Source:
    """Return what the user means: `synthetic`, the number or name of a camera, or a film.

    Args:
        text: As typed.
        size: Width and height to ask a camera for, or of the pattern.
        rate: Pictures a second.

    Raises:
        UseError: Nothing is named, a film cannot be opened, or a size is asked of it.
    """
    if not text.strip():
        raise UseError("--camera is empty.", "Give the number or name of a camera, a film, or synthetic.")
    if text == "synthetic":
        return Pattern(size, rate)
    path = Path(text)
    if text.isdecimal() or text.startswith("/dev/") or not (path.suffix or path.exists()):
        return Device(text, size, rate)
    if size is not None:
        raise UseError(f"{path.name} is a film, and plays in its own size.", "Add the effect resize to change it.")
    return Played(path, rate)

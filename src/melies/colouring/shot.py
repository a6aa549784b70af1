"""One shot coloured: key frames from the references, the frames between them along the motion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.colouring.carry import Motion, Track, between
from melies.colouring.chroma import Chroma, Plane, chroma, cv, join, luma
from melies.colouring.references import Strokes
from melies.colouring.spread import Fit
from melies.colouring.vote import Swatch, Votes, suited, swatch, vote
from melies.frame import Image
from melies.matting.scale import reduce
from melies.motion import Field

LONGEST = 320
"""Longest side of the pictures on which motion is found and colours are carried; half of it for matching."""
SPAN = 12
"""Frames from one key frame to the next."""
_RADIUS, _EPS = 2, 1e-3
_NEW = 0.02
"""How much colours found anew count in a key frame beside those of the key frame before, which are trusted 0…1."""


def small(image: NDArray[Any], longest: int = LONGEST) -> NDArray[Any]:
    """Make a picture or a plane small, as everything but the last step wants it."""
    height, width = image.shape[:2]
    scale = min(1.0, longest / max(width, height))
    return reduce(image, max(1, round(scale * width)), max(1, round(scale * height)))


def halved(bright: Plane) -> Plane:
    """The size on which points are matched."""
    return small(bright, LONGEST // 2)


def known(image: Image) -> tuple[Plane, Chroma]:
    """Return what a picture in colour teaches: luma and colour at the size on which points are matched."""
    picture = small(image, LONGEST // 2)
    return luma(picture), chroma(picture)


@dataclass(frozen=True, slots=True)
class Key:
    """A key frame.

    Attributes:
        bright: `H×W` luma.
        colour: `H×W×2`.
        votes: At half the size.
    """

    bright: Plane
    colour: Chroma
    votes: Votes


@dataclass(frozen=True, slots=True)
class Coloured:
    """What was found for one frame, small.

    Attributes:
        bright: `H×W` luma.
        colour: `H×W×2`.
        trust: `H×W`, 0…1: how far the colours can be trusted; None for everywhere.
    """

    bright: Plane
    colour: Chroma
    trust: Plane | None = None

    def paint(self, image: Image, strength: float) -> Image:
        """Give the frame (`H×W×3`) its colours, multiplied by `strength`."""
        full = luma(image)
        fitted = Fit(self.bright, self.colour, self.trust, _RADIUS, _EPS).at(full)
        return join(full, fitted * np.float32(strength), image.dtype)


class Colourist:
    """Find the colours of one shot, small, a window of frames at a time.

    Args:
        swatch: From the references.
        layout: How much the place in the picture counts, 0…1.
    """

    def __init__(self, swatch: Swatch, layout: float) -> None:
        self._swatch, self._layout = swatch, layout
        self._motion = Motion()
        self._brights: list[Plane] = []
        self._flows: list[tuple[Field, Field]] = []
        self._key: Key | None = None

    def add(self, bright: Plane, given: Chroma | None = None, last: bool = False) -> list[Coloured]:
        """Look at the next frame.

        Args:
            bright: `H×W` luma, small.
            given: Its colours, if they are known already.
            last: Whether the shot ends with it.

        Returns:
            The frames that are settled by it, in order.
        """
        if self._brights:
            self._flows.append(self._motion.between(self._brights[-1], bright))
        self._brights.append(bright)
        if not (self._key is None or last or given is not None or len(self._brights) > SPAN):
            return []
        before, key = self._key, self._keyed(given)
        found: list[Coloured] = []
        if before is not None:
            middle = between(self._brights, self._flows, before.colour, key.colour)
            found = [Coloured(one, *what) for one, what in zip(self._brights[1:-1], middle, strict=True)]
        self._key, self._brights, self._flows = key, [bright], []
        return [*found, Coloured(bright, key.colour)]

    def _keyed(self, given: Chroma | None) -> Key:
        bright = self._brights[-1]
        half = halved(bright)
        track = self._followed()
        votes, colour = vote(half, self._swatch, self._layout, None if track is None else self._remembered(track))
        if given is None:
            matched = Fit(half, colour, None, _RADIUS, _EPS).at(bright)
            given = matched if track is None else self._anchored(matched, track)
        return Key(bright, given, votes)

    def _followed(self) -> Track | None:
        """The last key frame, followed to this one."""
        if self._key is None:
            return None
        track = Track(self._key.bright)
        for bright, (onward, back) in zip(self._brights[1:], self._flows, strict=True):
            track.step(bright, back, onward)
        return track

    def _remembered(self, track: Track) -> Votes:
        """The votes of the last key frame where they are now."""
        assert self._key is not None
        return track.fetch(self._key.votes) * halved(track.trust)[..., None]

    def _anchored(self, matched: Chroma, track: Track) -> Chroma:
        """Colours found anew only for what is newly seen; the rest keeps those it had in the last key frame."""
        assert self._key is not None
        new = np.float32(_NEW) / (track.trust[..., None] + np.float32(_NEW))
        return new * matched + (1 - new) * track.fetch(self._key.colour)


def lesson(
    first: Plane, pictures: list[tuple[Plane, Chroma]], marked: list[tuple[int, Plane, Strokes]], layout: float
) -> tuple[Swatch, dict[int, Chroma]]:
    """Learn what colours a shot has from the references that suit it and from the frames of it that were painted over.

    Args:
        first: `H×W` luma of the first frame, small.
        pictures: What each reference teaches, as `known` returns it.
        marked: Time in ticks, luma and strokes of the frames that were painted over.
        layout: How much the place in the picture counts, 0…1.

    Returns:
        What is known, and the colours of the frames that were painted over, by their time.
    """
    learned = suited(halved(first), pictures, layout)
    given: dict[int, Chroma] = {}
    own = swatch(learned, layout) if learned else None
    for ticks, bright, strokes in marked:
        guess = given.get(ticks)
        if guess is None and own is not None:
            guess = Fit(halved(bright), vote(halved(bright), own, layout)[1], None, _RADIUS, _EPS).at(bright)
        given[ticks] = strokes.colours(bright, guess)
    for ticks, bright, _ in marked:
        half = halved(bright)
        learned = [*learned, (half, cv.resize(given[ticks], half.shape[::-1], interpolation=cv2.INTER_AREA))]
    return swatch(learned, layout), given

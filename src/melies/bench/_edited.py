"""Films cut together from reels in a known way, for finding the cuts again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import melies
from melies.footage.shot import Transition
from melies.frame import Frame, Image, VideoSpec

cv: Any = cv2

Reel = Callable[[int], Image]
"""Gives the picture of a moment by its number, from 0; `H×W×3` uint8."""


@dataclass(frozen=True, slots=True)
class Join:
    """How one reel goes over into the next.

    Attributes:
        kind: `"cut"`, `"dissolve"`, or `"fade"`: out to a colour and in again.
        blend: Frames in which both reels, or one and the colour, are seen; 0 for a cut.
        colour: What a fade goes to, RGB.
    """

    kind: Transition = "cut"
    blend: int = 0
    colour: tuple[int, int, int] = (0, 0, 0)


CUT = Join()


class Edited:
    """A source of frames, for `melies.Clip`: reels joined in a known way.

    Args:
        reels: What is seen, one after the other.
        lengths: How many frames of each are seen; those of a blend count half for either side.
        joins: One fewer than reels.
        rate: Frames per second.
        flashes: Frames that are white.
        durations: How many ticks of 1/1000 s each frame lasts, over and over, for a variable rate.

    Attributes:
        firsts: Index of the first frame of every shot, the middle of a blend.
        joins: As given.
    """

    def __init__(
        self,
        reels: Sequence[Reel],
        lengths: Sequence[int],
        joins: Sequence[Join],
        rate: Fraction = Fraction(25),
        flashes: Sequence[int] = (),
        durations: Sequence[int] = (),
    ) -> None:
        self.reels, self.joins, self.flashes, self.durations = reels, joins, frozenset(flashes), durations
        self.firsts = [sum(lengths[:number]) for number in range(len(lengths))]
        total = sum(lengths)
        height, width = reels[0](0).shape[:2]
        base = Fraction(1, 1000) if durations else 1 / rate
        self.spec = VideoSpec(width, height, rate, base, variable=bool(durations), frames=total)

    def frames(self, since: Fraction = Fraction(0), lead_in: int = 0) -> Iterator[Frame]:
        """Yield all frames."""
        assert self.spec.frames is not None
        pts = 0
        for index in range(self.spec.frames):
            duration = self.durations[index % len(self.durations)] if self.durations else 1
            yield Frame(self._picture(index), pts, self.spec.time_base, duration)
            pts += duration

    def _picture(self, index: int) -> Image:
        if index in self.flashes:
            return np.full(self.spec.shape, 250, np.uint8)
        number = int(np.searchsorted(self.firsts, index, "right")) - 1
        for near in (number, number + 1):
            if 0 < near < len(self.reels):
                share = self._share(near, index)
                if 0 < share < 1:
                    return self._joined(near, index, share)
        return self._seen(number, index)

    def _share(self, number: int, index: int) -> float:
        """How far the blend at the beginning of a shot has gone."""
        blend = self.joins[number - 1].blend
        return (index - (self.firsts[number] - blend // 2) + 1) / (blend + 1)

    def _joined(self, number: int, index: int, share: float) -> Image:
        join = self.joins[number - 1]
        before, after = self._seen(number - 1, index), self._seen(number, index)
        if join.kind == "fade":
            colour = np.empty_like(before)
            colour[:] = join.colour
            # Out, nothing but the colour, and in again.
            before, after, share = (before, colour, share * 2.2) if share < 0.5 else (colour, after, share * 2.2 - 1.2)
            share = float(np.clip(share, 0, 1))
        mixed: Image = cv.addWeighted(before, 1 - share, after, share, 0)
        return mixed

    def _seen(self, number: int, index: int) -> Image:
        return self.reels[number](max(0, index - self.firsts[number] + self._lead(number)))

    def _lead(self, number: int) -> int:
        return self.joins[number - 1].blend // 2 if number else 0

    def save(self, path: Path, **options: Any) -> Path:
        """Write the film as H.264, or as `options` of `Clip.save` say."""
        return melies.Clip(self).save(path, **{"quality": 85, "preset": "ultrafast", "overwrite": True, **options})


def film_reel(path: Path, size: tuple[int, int], begin: int = 0, end: int | None = None) -> Reel:
    """Make a reel of some frames of a film; played forwards and backwards where it is too short."""
    pictures: list[Image] = [
        cv.resize(_cropped(frame.image, size), size, interpolation=cv2.INTER_AREA)
        for index, frame in enumerate(melies.open(path).frames())
        if begin <= index and (end is None or index < end)
    ]
    last = len(pictures) - 1

    def at(index: int) -> Image:
        turn, rest = divmod(index, last)
        return pictures[last - rest if turn % 2 else rest]

    return at


def still_reel(
    image: Image, size: tuple[int, int], begin: tuple[float, float, float], step: tuple[float, float, float]
) -> Reel:
    """Make a reel of a still over which the camera moves.

    Args:
        image: The still, `H×W×3`.
        size: Of the film.
        begin: Where the middle of the first picture is, in shares of the still's width and height, and the share of
            the still that is seen.
        step: What is added to these in each frame; the camera turns round at the still's edges.
    """
    height, width = image.shape[:2]
    fit = min(width / size[0], height / size[1])

    def at(index: int) -> Image:
        zoom = float(np.clip(begin[2] * (1 + step[2]) ** index, 0.15, 1))
        scale = fit * zoom
        spare = [1 - scale * side / whole for side, whole in zip(size, (width, height), strict=True)]
        x, y = (
            scale * side / 2 + room * whole * _bounced(first + move * index)
            for side, room, whole, first, move in zip(size, spare, (width, height), begin, step, strict=False)
        )
        matrix = np.array([[scale, 0, x - scale * size[0] / 2], [0, scale, y - scale * size[1] / 2]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        seen: Image = cv.warpAffine(image, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return seen

    return at


def _bounced(place: float) -> float:
    return 1 - abs(1 - place % 2)


def _cropped(image: Image, size: tuple[int, int]) -> Image:
    """The middle of a picture, of the shape of `size`."""
    height, width = image.shape[:2]
    wide, high = min(width, height * size[0] // size[1]), min(height, width * size[1] // size[0])
    left, top = (width - wide) // 2, (height - high) // 2
    return image[top : top + high, left : left + wide]

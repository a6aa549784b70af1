"""What is kept of a shot to answer questions about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from melies.box import Box
from melies.faces.face import Face
from melies.footage.shot import Shot
from melies.frame import Image, VideoSpec

if TYPE_CHECKING:
    from melies.footage.figures import Figure
    from melies.footage.tagger import Impression


@dataclass(frozen=True, slots=True)
class Still:
    """A frame that stands for its shot.

    Attributes:
        time: When it is shown, in seconds of clip time.
        image: `H×W×3` uint8 RGB with square pixels, its longer side at most 640.
        sharpness: Standard deviation of its Laplacian: for comparing stills of one shot.
    """

    time: float
    image: Image
    sharpness: float


@dataclass(frozen=True, slots=True)
class Thing:
    """An object that was seen in a still.

    Attributes:
        name: What it is, one of the detector's words, such as `"person"`.
        sure: Confidence, 0…1.
        box: Where, in pixels of the still.
    """

    name: str
    sure: float
    box: Box


@dataclass(frozen=True)
class Motion:
    """How the whole picture moved through a shot, step by step, about twelve steps a second.

    Lengths are shares of half the longer side of the picture (see `stabilizing.track.Ruler`); all arrays but the last
    are `N`.

    Attributes:
        time: When each step ends, in seconds of clip time.
        lasts: How long each step takes, in seconds.
        right: How far the picture's content moved to the right.
        down: How far it moved down.
        turn: How far it turned clockwise, in radians.
        grow: How much larger it became, 0.01 is one percent.
        found: Whether enough of the picture agreed.
        rest: What the global motion does not explain: mean absolute difference of luma after it is undone, 0…255.
        change: Mean absolute difference of luma as it is, 0…255.
        luma: Mean luma of the picture, 0…255.
        share: `4×6`, how much of what changed in each part of the picture that motion explains, through the shot: 1
            all, 0 nothing, for it stands still; more where things are faster. NaN where there is nothing to see.
    """

    time: NDArray[np.float64]
    lasts: NDArray[np.float64]
    right: NDArray[np.float64]
    down: NDArray[np.float64]
    turn: NDArray[np.float64]
    grow: NDArray[np.float64]
    found: NDArray[np.bool_]
    rest: NDArray[np.float64]
    change: NDArray[np.float64]
    luma: NDArray[np.float64]
    share: NDArray[np.float64] = field(default_factory=lambda: np.full((4, 6), np.nan))


_LARGE = 0.3
"""Share of a picture's height from which on the finder of things sees whoever has such a face."""


@dataclass
class Material:
    """A shot and what was looked at of it; what several questions need is found once.

    Attributes:
        shot: The shot.
        spec: What its film looks like.
        stills: One to three frames that stand for it, in order; the middle one, or the second of two, is the best.
        motion: How the camera and the picture moved.
        sound: `N` float32, its sound in one channel at 16 kHz, from its first frame on; the first ten minutes of longer
            shots. None where the film has no sound track.
    """

    shot: Shot
    spec: VideoSpec
    stills: tuple[Still, ...]
    motion: Motion
    sound: NDArray[np.float32] | None = field(default=None, repr=False)

    @property
    def nbytes(self) -> int:
        """How much memory it takes, for bounding queues."""
        sound = 0 if self.sound is None else self.sound.nbytes
        return sound + sum(still.image.nbytes for still in self.stills)

    @cached_property
    def best(self) -> Still:
        """The still that stands for the shot alone."""
        return self.stills[len(self.stills) // 2]

    @cached_property
    def bare(self) -> tuple[Image, ...]:
        """The stills without black bars, small, for measuring light and colour."""
        from melies.footage.analyse._tones import inside

        return tuple(inside(still.image) for still in self.stills)

    @cached_property
    def tones(self) -> tuple[NDArray[np.float32], ...]:
        """The same in CIE Lab, `H×W×3` each."""
        from melies.footage.analyse._tones import lab

        return tuple(lab(image) for image in self.bare)

    @cached_property
    def faces(self) -> tuple[tuple[Face, ...], ...]:
        """The faces in each still; not one that is seen once, large, where nobody is: the Earth passes for such."""
        from melies.faces import find

        found = tuple(tuple(find(still.image, most=12)) for still in self.stills)
        times = sum(map(bool, found))
        if len(self.stills) == 1 or times != 1 or any(one.name == "person" for some in self.things for one in some):
            return found
        large = _LARGE * self.best.image.shape[0]
        return tuple(tuple(face for face in some if face.box[3] - face.box[1] < large) for some in found)

    @cached_property
    def things(self) -> tuple[tuple[Thing, ...], ...]:
        """The objects and people in each still."""
        from melies.footage.things import detect

        return tuple(tuple(detect(still.image)) for still in self.stills)

    @cached_property
    def impressions(self) -> tuple[Impression, ...]:
        """What each still looks like as a whole."""
        from melies.footage.tagger import impression

        return tuple(impression(still.image) for still in self.stills)

    @cached_property
    def figures(self) -> tuple[tuple[Figure, ...], ...]:
        """The people in each still, the nearest first."""
        from melies.footage.figures import figures

        seen = zip(self.stills, self.faces, self.things, strict=True)
        return tuple(figures(still.image, faces, things) for still, faces, things in seen)

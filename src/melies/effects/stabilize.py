"""Calm a shaky camera."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Annotated, Literal, cast

import numpy as np
from pydantic import Field

from melies.effect import Effect
from melies.frame import Frame, Image, VideoSpec
from melies.imaging import Float, join_alpha, white_of
from melies.stabilizing.camera import Camera, Habits
from melies.stabilizing.path import Motion
from melies.stabilizing.reel import Reel
from melies.stabilizing.track import Ruler
from melies.stabilizing.view import Box, Chart, Edge, Look, show

log = logging.getLogger("melies")

_FASTEST = 120
"""Frames per second up to which the whole of `smoothness` is looked at."""

_NEIGHBOURS = (1, 2, 4, 7, 11, 16, 22)
"""How many frames away to look, in turn, for what is missing at the edges."""

_FAINT = 0.02
"""Shares of a picture too small to be seen."""


class Stabilize(Effect):
    """Calm a shaky camera: its path is found, smoothed, and every frame is shown from where it should have been."""

    smoothness: float = Field(
        1.5,
        ge=0,
        le=10,
        description="Seconds before and after each frame over which the camera's path is averaged: more is steadier "
        "and follows intended moves later; 0 changes nothing.",
    )
    mode: Literal["smooth", "lock"] = Field(
        "smooth",
        description="smooth lets the camera go on moving, calmly; lock makes it stand still, as on a tripod, for shots "
        "that were meant to.",
    )
    motion: Motion = Field(
        "similarity",
        description="What the camera is thought to do: translation (shift), similarity (turn and zoom as well) or "
        "homography (perspective as well: for flat scenes and large turns of the camera).",
    )
    border: Literal["crop", "fill", "mirror", "edge", "black", "transparent"] = Field(
        "crop",
        description="What to do where a moved frame leaves the picture empty: crop zooms in just enough, fill takes it "
        "from frames before and after, mirror and edge continue the picture, black and transparent leave it.",
    )
    max_crop: float = Field(
        0.2,
        ge=0,
        lt=0.9,
        description="Share of the width and height that may be lost at most, or be made up; where the camera moves "
        "further, it is steadied less.",
    )
    rolling_shutter: Annotated[float, Field(ge=-1, le=1)] | Literal["auto"] = Field(
        "auto",
        description="Straighten the bending by sensors that are read row by row: the share of a frame's time that "
        "passes between its first row and its last (phones: 0.5 to 0.9), 0 for none, or auto to measure it.",
    )

    @property
    def lead_in(self) -> int | None:
        """The frames over which the path and the zoom are averaged; a locked shot is needed from its start."""
        return None if self.mode == "lock" else self._habits(_FASTEST).ahead + max(_NEIGHBOURS)

    def output(self, spec: VideoSpec) -> VideoSpec:
        """Alpha appears where the border is to be transparent."""
        return spec.replace(alpha=spec.alpha or (self.border == "transparent" and not self._nothing))

    @property
    def _nothing(self) -> bool:
        return self.smoothness == 0

    def _habits(self, rate: float) -> Habits:
        reach = max(1, round(self.smoothness * min(rate, _FASTEST)))
        readout = None if self.rolling_shutter == "auto" else self.rolling_shutter
        most = 1 / (1 - self.max_crop)
        return Habits(self.motion, self.mode == "lock", reach, readout, most, self.border == "crop")

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Hold frames back until the camera's path after them is known; nothing is remembered from shot to shot."""
        if self._nothing:
            yield from frames
            return
        ruler, habits = Ruler(spec), self._habits(float(spec.rate))
        camera = Camera(ruler, habits)
        with Reel() as reel:
            screen = _Screen(camera, reel, ruler, self.border)
            shown = 0
            for frame in frames:
                camera.add(ruler.look(frame))
                reel.put(frame)
                if camera.count > habits.ahead:
                    yield screen.show(shown)
                    shown += 1
            while shown < camera.count:
                yield screen.show(shown)
                shown += 1
        if camera.count > 1 and not camera.found:
            log.warning("A shot was not stabilized: nothing in it could be followed from frame to frame.")
        elif camera.limited and self.mode == "lock":
            log.warning(
                "The camera moves too far to be locked in place everywhere: raise --max-crop, or use --mode smooth."
            )


class _Screen:
    """Shows the frames of a shot one after another."""

    def __init__(self, camera: Camera, reel: Reel, ruler: Ruler, border: str) -> None:
        self._camera = camera
        self._reel = reel
        self._ruler = ruler
        self._border = border
        self._edge = cast(Edge, border if border in ("edge", "black", "transparent") else "mirror")

    def show(self, index: int) -> Frame:
        frame, look = self._reel[index], self._camera.look(index)
        image = frame.image
        if self._border == "transparent" and image.shape[2] == 3:
            image = join_alpha(image, np.full(image.shape[:2], white_of(image), image.dtype))
        if look.shutter is not None or not np.array_equal(look.matrix, np.eye(3)):
            image = show(image, look, self._ruler, self._edge)
            if self._border == "fill":
                self._fill(image, index, look)
        far = max(_NEIGHBOURS) if self._border == "fill" else 0
        self._reel.drop(index - far)
        self._camera.forget(index - far)
        return frame if image is frame.image else frame.with_image(image)

    def _fill(self, image: Image, index: int, look: Look) -> None:
        """Lay what frames before and after saw under the edges, the nearest first; what nobody saw stays mirrored."""
        own = Chart(look, self._ruler)
        holes = {box: 1 - own.seen(box) for box in _tiles(*self._ruler.size)}
        holes = {box: left for box, left in holes.items() if left.any()}
        layers = {box: _weighted(_part(image, box), 1 - left) for box, left in holes.items()}
        around = self._camera.between(index, max(_NEIGHBOURS)) if holes else {}
        for offset in (way * distance for distance in _NEIGHBOURS for way in (-1, 1)):
            open_ = [box for box, left in holes.items() if left.max() > _FAINT]
            if offset not in around or not open_:
                continue
            other = Chart(Look(around[offset] @ look.matrix, self._camera.shutter(index + offset)), self._ruler)
            weights = {box: holes[box] * other.seen(box) for box in open_}
            weights = {box: weight for box, weight in weights.items() if weight.max() > _FAINT}
            source = self._reel[index + offset].image if weights else image
            for box, weight in weights.items():
                layers[box] += _weighted(other.show(source, "mirror", box), weight)
                holes[box] -= weight
        for box, left in holes.items():
            layer = layers[box] + _weighted(_part(image, box), left)
            _part(image, box)[...] = np.clip(np.rint(layer), 0, white_of(image))


def _tiles(width: int, height: int) -> list[Box]:
    """Cut the picture into parts, small enough that most of those inside have nothing missing."""
    side = max(32, max(width, height) // 128 * 8)
    return [
        (x, y, min(x + side, width), min(y + side, height))
        for y in range(0, height, side)
        for x in range(0, width, side)
    ]


def _part(image: Image, box: Box) -> Image:
    left, top, right, bottom = box
    return image[top:bottom, left:right]


def _weighted(image: Image, weight: Float) -> Float:
    return cast(Float, image * weight[..., None])

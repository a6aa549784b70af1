"""`feedback`: a camera that looks at its own screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, Self, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from melies.effect import Effect
from melies.frame import Frame, Image, VideoSpec
from melies.imaging import join_alpha, split_alpha, to_depth

cv: Any = cv2

_DEEP = np.dtype(np.uint16)
_WHITE = 65535
_BORDERS = {"black": cv2.BORDER_CONSTANT, "mirror": cv2.BORDER_REFLECT_101, "repeat": cv2.BORDER_WRAP}


class Feedback(Effect):
    """Show each picture together with the last result, moved, turned and a little fainter: trails, tunnels, spirals."""

    amount: float = Field(
        0.92, ge=0, le=1, description="How much light of the last result comes back each time; 0 changes nothing."
    )
    mode: Literal["lighten", "screen", "add", "difference", "normal"] = Field(
        "lighten",
        description="How the two are laid together: lighten keeps the brighter, screen and add shine, difference "
        "takes one from the other, normal mixes them by amount, a picture within the picture.",
    )
    zoom: float = Field(
        1.03, ge=0.25, le=4, description="How much larger the last result comes back: below 1 it falls inwards."
    )
    rotate: float = Field(1.0, ge=-180, le=180, description="Degrees that it is turned clockwise each time.")
    x: float = Field(0.0, ge=-1, le=1, description="How far it moves to the right each time, as a share of the width.")
    y: float = Field(0.0, ge=-1, le=1, description="How far it moves down each time, as a share of the height.")
    hue: float = Field(0.0, ge=-180, le=180, description="Degrees that its colours turn each time.")
    edges: Literal["black", "mirror", "repeat"] = Field(
        "black", description="What comes in from outside its edges: nothing, its mirror image or itself again."
    )

    @property
    def lead_in(self) -> int | None:
        """All of the shot: however faint, what is rounded once comes back again and again."""
        return None if self.amount else 0

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Feed one shot back; it begins with an empty screen."""
        return self.steered(frames, spec, lambda: self)

    def steered(self, frames: Iterator[Frame], spec: VideoSpec, now: Callable[[], Self]) -> Iterator[Frame]:
        """The screen outlives a changed setting; sixteen bits deep, so that trails fade to nothing without steps."""
        screen: Image | None = None
        for frame in frames:
            effect = now()
            light = _light(to_depth(frame.image, _DEEP))
            if not effect.amount:
                screen = light
                yield frame
                continue
            screen = light if screen is None else effect._looped(screen, light)
            yield frame.with_image(to_depth(_straight(screen), frame.image.dtype))

    def _looped(self, screen: Image, light: Image) -> Image:
        """Lay the screen, as the camera sees it, together with new light."""
        seen = self._seen(screen, light)
        match self.mode:
            case "lighten":
                made = cv.max(seen, light)
            case "screen":
                made = _WHITE - cv.multiply(_WHITE - seen, _WHITE - light, scale=1 / _WHITE)
            case "add":
                made = cv.add(seen, light)
            case "difference":
                made = cv.absdiff(seen, light)
                # Opacity is no colour: where either covers, the result does.
                made[..., 3:] = np.maximum(seen[..., 3:], light[..., 3:])
            case "normal":
                made = cv.addWeighted(seen, self.amount, light, 1 - self.amount, 0)
        return cast(Image, made)

    def _seen(self, screen: Image, light: Image) -> Image:
        """Move, turn and colour what is on the screen, and take `amount` of its light."""
        height, width, channels = light.shape
        matrix = cv.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -self.rotate, self.zoom)
        matrix[:, 2] += self.x * width, self.y * height
        border, around = _BORDERS[self.edges], None
        if self.mode == "normal" and self.edges == "black":
            # Beyond the screen's edges the room itself is seen, not darkness.
            border, around = cv2.BORDER_TRANSPARENT, light.copy()
        seen = cv.warpAffine(screen, matrix, (width, height), around, flags=cv2.INTER_LINEAR, borderMode=border)
        share = np.eye(channels)
        share[:3, :3] = _turn(self.hue)
        if self.mode != "normal":
            share *= self.amount
        return cast(Image, cv.transform(seen, share))


def _light(image: Image) -> Image:
    """Weigh colours by alpha, so that what is transparent sends out no light."""
    colours, alpha = split_alpha(image)
    if alpha is None:
        return colours
    return join_alpha(
        cast(Image, cv.multiply(colours, cv.cvtColor(alpha, cv2.COLOR_GRAY2RGB), scale=1 / _WHITE)), alpha
    )


def _straight(light: Image) -> Image:
    """Undo `_light`."""
    colours, alpha = split_alpha(light)
    if alpha is None:
        return light
    return join_alpha(cast(Image, cv.divide(colours, cv.cvtColor(alpha, cv2.COLOR_GRAY2RGB), scale=_WHITE)), alpha)


def _turn(degrees: float) -> NDArray[np.float64]:
    """The matrix that turns hues and keeps luma and saturation, that of the W3C's `hueRotate`."""
    luma = np.tile([0.213, 0.715, 0.072], (3, 1))
    sine = np.array([[-0.213, -0.715, 0.928], [0.143, 0.140, -0.283], [-0.787, 0.715, 0.072]])
    angle = np.deg2rad(degrees)
    return cast(NDArray[np.float64], luma + np.cos(angle) * (np.eye(3) - luma) + np.sin(angle) * sine)

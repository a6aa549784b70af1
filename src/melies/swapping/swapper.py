"""Putting a person's looks on the faces of a shot, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from melies.box import Box
from melies.faces import Face, Steady, anatomy
from melies.faces.anatomy import Points
from melies.frame import Image
from melies.imaging import blend
from melies.matting.scale import code, cv, square
from melies.swapping.creases import Creases
from melies.swapping.flat import Floats, opponent, smoothstep
from melies.swapping.front import Front
from melies.swapping.hands import Hands, draw
from melies.swapping.light import SIDE, Light
from melies.swapping.rim import rim
from melies.swapping.shape import Shape
from melies.swapping.sight import over, seen_at, unrolled
from melies.swapping.skin import BARE, BROWS, CLEAR, skin

_MARGIN = 4
_LEAST = 8
"""Pixels of a face within the picture below which it is left alone."""
_SIDE_ON, _GONE = 45.0, 65.0
"""Degrees of yaw at which the swap begins to fade, and at which it is gone."""
_INSET = 0.02
"""How far inside the outline the new face ends, as a share of the unrolled face."""

_EDGE = 7
"""Half the width of what may be turned away between skin that is seen, in pixels of `BARE`, and is covered as well."""
_BESIDE = 3
"""How far from things before the face, in pixels of `BARE`, light is not measured."""
_SEAM = 0.1, 0.25
"""How far inside the outline what is in the film's light already is brought to the film's colours, and is no more."""
_UNCHANGED = np.array([1, 1, 1, 0, 0, 0], np.float32)


class Looks(Protocol):
    """Whoever knows what the new face looks like."""

    @property
    def whole(self) -> bool:
        """Whether eyes and mouth are the new ones, too, and the furrows with them."""
        ...

    @property
    def lit(self) -> bool:
        """Whether it comes in the film's own light, so that only the seam is left to match."""
        ...

    @property
    def shape(self) -> Points | None:
        """The shape of the new face, as from `shape.shape`; None where it already has its own."""
        ...

    def texture(self, image: Image, face: Face, side: int) -> Floats:
        """Return the new face for a face of a picture.

        Args:
            image: `H×W×3`, uint8 or uint16.
            face: The face that is replaced.
            side: How large it should be, in pixels, about.

        Returns:
            Unrolled, `S×S×4`: Y, Cr, Cb and where it may be used, each 0…1.
        """
        ...


@dataclass(frozen=True)
class Settings:
    """How it is done; `melies.effects.swap.Swap` says what each means."""

    strength: float = 1.0
    feather: float = 0.08
    color_match: float = 1.0
    creases: float = 1.0
    shape: float = 1.0
    mouth: bool = False
    occlusion: bool = True


class Swapper:
    """Swaps one face of a shot; a shot with several of them has several swappers."""

    def __init__(self) -> None:
        self._looks: Looks | None = None
        self._light = Light()
        self._creases = Creases()
        self._hands = Hands()
        self._front = Front()
        self._steady = Steady()
        self._shape = Shape()

    def step(self, image: Image, face: Face, time: float, looks: Looks, settings: Settings) -> Image:
        """Return the picture with the face swapped; the same picture where there is nothing to do.

        Args:
            image: `H×W×3`, uint8 or uint16.
            face: Where it is.
            time: In seconds.
            looks: What the new face looks like.
            settings: How it is done.
        """
        if looks is not self._looks:
            self._looks, self._light, self._creases = looks, Light(), Creases()
        still = self._steady(face, time)
        strength = settings.strength * _frontal(face)
        height, width = image.shape[:2]
        patch = _around(face, width, height)
        if strength == 0 or patch.width < _LEAST or patch.height < _LEAST:
            return image
        corner = np.array([patch.left, patch.top, 0], np.float32)
        local = still.moved(still.points - corner)
        cut = image[patch.slices]
        hands = self._hands.step(image, face, time) if settings.occlusion else []
        before = draw([hand - corner[:2] for hand in hands], patch.width, patch.height) if hands else None
        texture = looks.texture(image, face, round(1.2 * face.size))
        skin, things = self._painted(cut, local, before, texture, time, settings)
        if things.any():
            hidden = over(things, local.points, patch.width, patch.height)
            before = hidden if before is None else np.maximum(before, hidden)
        points, old = local.points, np.ascontiguousarray(cut)
        if looks.shape is not None and settings.shape:
            points = self._shape(local, time, looks.shape, settings.shape * strength)
        where, covered, back = seen_at(points, local.points, patch.width, patch.height)
        if points is not local.points:
            old = cv.remap(old, back, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        colours, share = _shown(skin, where)
        share *= np.float32(strength) * covered
        if not looks.whole:
            share *= 1 - _openings(points, patch, settings)
        made = blend(code(np.clip(colours, 0, 1), image.dtype), old, share)
        result = image.copy()
        result[patch.slices] = made if before is None else blend(np.ascontiguousarray(cut), made, before)
        return result

    def _painted(
        self, cut: Image, face: Face, before: Floats | None, texture: Floats, time: float, settings: Settings
    ) -> tuple[Floats, Floats]:
        """The new face unrolled, in the light of the old one: Y, Cr, Cb and opacity, `side×side×4`.

        Also where things are before the old one, `BARE×BARE`, 0…1.

        Args:
            cut: The part of the picture with the face.
            face: In its pixels.
            before: What is before the face, `H×W`, 0…1.
            texture: The new face unrolled.
            time: In seconds.
            settings: How it is done.
        """
        assert self._looks is not None
        side = texture.shape[0]
        old, seen, trust = unrolled(cut, face, before)
        if self._looks.whole:  # else thin lines of the old face stay, as where a nostril is seen edge-on
            seen = cv.morphologyEx(seen, cv2.MORPH_CLOSE, square(_EDGE))[..., None]
        things, bare = np.zeros((BARE, BARE), np.float32), np.ones_like(trust)
        if settings.occlusion:
            things = self._front(old, trust, time)
            trust = trust * (1 - cv.dilate(things, square(_BESIDE)))[..., None]
            bare = skin(old, trust, CLEAR if self._looks.whole else BROWS)[..., None]
        new = cv.resize(texture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        bright_and_colour = opponent(old)
        both = _half(trust * bare) * new[..., 3:]
        fields = self._light(new[..., :3], _half(bright_and_colour), both, time, settings.color_match)
        if self._looks.lit:
            fields = _UNCHANGED + (1 - rim(SIDE, *_SEAM)[..., None]) * (fields - _UNCHANGED)
        fields = np.concatenate([fields, _half(seen * bare)], 2)
        fields = cv.resize(fields, (side, side), interpolation=cv2.INTER_LINEAR)
        painted = np.empty((side, side, 4), np.float32)
        np.multiply(texture[..., :3], fields[..., :3], out=painted[..., :3])
        painted[..., :3] += fields[..., 3:6]
        if settings.creases and not self._looks.whole:
            crease = self._creases(bright_and_colour[..., 0], (trust * bare)[..., 0], time)
            painted[..., 0] *= cv.resize(crease ** np.float32(settings.creases), (side, side))
        np.multiply(
            fields[..., 6] * texture[..., 3],
            rim(side, _INSET, _INSET + max(settings.feather, 1e-3)),
            out=painted[..., 3],
        )
        return painted, things


def _frontal(face: Face) -> float:
    """1 where the face looks into the camera or half aside, 0 in profile."""
    return float(1 - smoothstep(np.array([abs(face.pose.yaw)], np.float32), _SIDE_ON, _GONE)[0])


def _around(face: Face, width: int, height: int) -> Box:
    """The part of a picture that holds a face."""
    left, top, right, bottom = map(int, face.box)
    return Box(left, top, right + 1, bottom + 1).grown(_MARGIN, width, height)


def _openings(points: Points, patch: Box, settings: Settings) -> Floats:
    """Where the old face shows through: between the lids and between the lips."""
    outlines = [anatomy.RIGHT_EYE, anatomy.LEFT_EYE, *([] if settings.mouth else [anatomy.LIPS_INNER])]
    mask = np.zeros((patch.height, patch.width), np.float32)
    for outline in outlines:
        cv.fillPoly(mask, [np.rint(points[outline, :2] * 16).astype(np.int32)], 1.0, shift=4)
    soft: Floats = cv.GaussianBlur(mask, (0, 0), max(0.6, 0.006 * max(patch.width, patch.height)))
    return soft


def _half(picture: Floats) -> Floats:
    """Bring an unrolled picture to the size on which light is measured, `SIDE×SIDE×C`."""
    return np.atleast_3d(cv.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA))


def _shown(skin: Floats, where: Floats) -> tuple[Floats, Floats]:
    """The unrolled face as it is seen: colours, `H×W×3`, and opacity, `H×W`."""
    side = skin.shape[0]
    shown = cv.remap(skin, where * np.float32(side) - np.float32(0.5), None, cv2.INTER_LINEAR)
    *colours, opacity = cv.split(shown)
    return cv.cvtColor(cv.merge(colours), cv2.COLOR_YCrCb2RGB), opacity

"""The camera over the last picture: how a dream moves on, with the meaning that Deforum gives the numbers.

Both modes are maps of the plane. Three dimensions are those of a picture on a flat wall: no depth is estimated.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.matting.scale import cv
from melies.motion import pixels

Picture = NDArray[np.float32]
"""`H×W×3` float32 RGB, 0…1."""

Border = Literal["wrap", "replicate", "mirror"]
"""What comes in at the edges: the other side, the edge's own colours, or the picture mirrored."""

Colours = Literal["none", "lab", "hsv", "rgb"]
"""In which space the colours of the first picture are kept."""

_BORDERS = {"wrap": cv2.BORDER_WRAP, "replicate": cv2.BORDER_REPLICATE, "mirror": cv2.BORDER_REFLECT_101}
_SPACES = {"lab": (cv2.COLOR_RGB2LAB, cv2.COLOR_LAB2RGB), "hsv": (cv2.COLOR_RGB2HSV_FULL, cv2.COLOR_HSV2RGB_FULL)}

UNIT = 512
"""Pixels of the shorter side for which translations are written."""
_SCALE = 1 / 200
"""Deforum's for translations in space: 200 are the distance from the wall."""


class Move(NamedTuple):
    """How the camera goes from one frame to the next; the defaults stand still.

    Attributes:
        zoom: In the plane: above 1 things grow.
        angle: In the plane: degrees counter-clockwise.
        translation: Right, down, and in space forwards; pixels of a picture whose shorter side is 512.
        centre: About what is turned and zoomed, as shares of width and height.
        rotation: In space: degrees about the x, y and z axes.
        fov: In space: the field of view in degrees.
    """

    zoom: float = 1.0
    angle: float = 0.0
    translation: tuple[float, float, float] = (0.0, 0.0, 0.0)
    centre: tuple[float, float] = (0.5, 0.5)
    rotation: tuple[float, float, float] = (0.0, 0.0, 0.0)
    fov: float = 70.0


def moved_flat(picture: Picture, move: Move, border: Border = "wrap") -> Picture:
    """Move the picture in its plane: Deforum's 2D mode, which shifts first and then turns and zooms.

    Args:
        picture: `H×W×3` float32.
        move: Its `zoom`, `angle`, `translation` and `centre` count.
        border: What comes in at the edges.
    """
    height, width = picture.shape[:2]
    matrix = flat(move, width, height)
    if np.array_equal(matrix, np.eye(3)):
        return picture
    how = {"flags": cv2.INTER_CUBIC, "borderMode": _BORDERS[border]}
    made: Picture = cv.warpPerspective(picture, matrix, (width, height), **how)
    return np.clip(made, 0, 1, out=made)


def flat(move: Move, width: int, height: int) -> NDArray[np.float64]:
    """Return where such a move of the plane takes the pixels: 3×3 float64, affine.

    Args:
        move: Its `zoom`, `angle`, `translation` and `centre` count.
        width: Of the picture, in pixels.
        height: The same.
    """
    unit = min(width, height) / UNIT
    centre = move.centre[0] * width, move.centre[1] * height
    shift = np.array([[1, 0, move.translation[0] * unit], [0, 1, move.translation[1] * unit], [0, 0, 1]])
    turn = np.vstack([cv.getRotationMatrix2D(centre, move.angle, max(move.zoom, 1e-3)), [0, 0, 1]])
    return np.asarray(turn @ shift, np.float64)


def moved_in_space(picture: Picture, move: Move, border: Border = "wrap") -> Picture:
    """Move before a flat wall with the picture: Deforum's 3D mode where no depth is known.

    As there, a pixel is fetched from where it would have come from if it moved on as those around it do.

    Args:
        picture: `H×W×3` float32.
        move: Its `translation`, `rotation` and `fov` count.
        border: What comes in at the edges.
    """
    if not any((*move.translation, *move.rotation)):
        return picture
    height, width = picture.shape[:2]
    places = pixels(height, width)
    size = np.array([width, height], np.float32)
    plane = (2 * places + 1) / size - 1  # -1…1 from edge to edge
    wall = np.concatenate([plane, np.ones((height, width, 1), np.float32)], -1)
    x, y, z = move.translation
    seen = wall @ _turn(move.rotation) + np.array([-x * _SCALE, y * _SCALE, -z * _SCALE], np.float32)
    focus = np.float32(1 / np.tan(np.radians(move.fov) / 2))
    lens = np.array([focus * height / width, focus], np.float32)
    offset = lens * (seen[..., :2] / np.maximum(seen[..., 2:], 1e-3) - plane)
    source = np.asarray(places - offset * size / 2, np.float32)
    made: Picture = cv.remap(picture, source, None, cv2.INTER_CUBIC, borderMode=_BORDERS[border])
    return np.clip(made, 0, 1, out=made)


def _turn(degrees: tuple[float, float, float]) -> NDArray[np.float32]:
    """The rotation about x, then y, then z, for rows."""
    (sx, sy, sz), (cx, cy, cz) = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return np.asarray(about_x @ about_y @ about_z, np.float32)


def noised(picture: Picture, amount: float, random: np.random.Generator) -> Picture:
    """Add Gaussian noise, so that the dream finds something new.

    Args:
        picture: `H×W×3` float32, 0…1.
        amount: Its standard deviation, where the picture goes from -1 to 1, as in Deforum.
        random: Where it comes from.
    """
    if amount <= 0:
        return picture
    grains = random.standard_normal(picture.shape, np.float32)
    return np.clip(picture + grains * np.float32(amount / 2), 0, 1, out=grains)


def coloured_like(picture: Picture, model: Picture, space: Colours) -> Picture:
    """Give a picture the distribution of colours of another: each channel's histogram is matched, as Deforum does.

    Args:
        picture: `H×W×3` float32, 0…1.
        model: The same, of any size.
        space: Of which the channels are.
    """
    if space == "none":
        return picture
    channels, wanted = (_channels(one, space) for one in (picture, model))
    made = np.stack([_matched(channels[..., c], wanted[..., c]) for c in range(3)], -1)
    if space == "rgb":
        return _levels(made)
    # What 8 bits leave out of the picture is put back, so that nothing is lost by the way there.
    back = _SPACES[space][1]
    kept = picture - _levels(cv.cvtColor(channels, back)) + _levels(cv.cvtColor(made, back))
    return np.clip(kept, 0, 1, out=kept)


def _levels(image: NDArray[np.uint8]) -> Picture:
    return np.asarray(image, np.float32) / np.float32(255)


def _channels(picture: Picture, space: Colours) -> NDArray[np.uint8]:
    levels = (picture * 255 + 0.5).astype(np.uint8)
    return levels if space == "rgb" else np.asarray(cv.cvtColor(levels, _SPACES[space][0]), np.uint8)


def _matched(channel: NDArray[np.uint8], wanted: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Match one channel's histogram."""
    shares = np.cumsum(np.bincount(channel.ravel(), minlength=256)) / channel.size
    counts = np.bincount(wanted.ravel(), minlength=256)
    levels = np.flatnonzero(counts)
    reached = np.cumsum(counts)[levels] / wanted.size
    return np.asarray(np.interp(shares, reached, levels) + 0.5, np.uint8)[channel]

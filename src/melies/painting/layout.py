"""Layouts: the picture of a palette's colours, or of numbers, becomes the class of every pixel."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.errors import UseError
from melies.frame import Image
from melies.imaging import to_depth
from melies.matting.scale import cv
from melies.painting.palette import Labels, Palette, find
from melies.painting.tables import IGNORE, TRAIN

Values = Literal["auto", "colours", "numbers"]
"""What the values of a layout are; `"auto"`: numbers if the picture is grey, and its greys are not the palette's."""

NEAR = 24
"""How far from a palette's colour, in RGB of 0–255, a pixel may be: what compression does to plain colours."""
MOST = 0.25
"""The share of a picture that may be farther away, as it is at the borders of colours in compressed film."""
STRAY = 0.01
"""The share of a grey picture that may have numbers of classes by chance, as black has after compression."""
EDGES = "instance edges"
"""The name of a class that is none: where one instance borders on another."""
_BITS = 6


class NoLayoutError(UseError):
    """A picture is no layout of the palette.

    Attributes:
        share: How much of it is no label, 0…1.
    """

    def __init__(self, message: str, hint: str = "", share: float = 1) -> None:
        super().__init__(message, hint)
        self.share = share


def labels_of(image: Image, palette: Palette, values: Values = "auto") -> Labels:
    """Return the class of every pixel of a layout.

    A pixel takes the class of the nearest colour, so that compression does no harm.

    Args:
        image: RGB or RGBA, of 8 or 16 bits.
        palette: What the colours mean.
        values: Whether they are colours at all.

    Raises:
        NoLayoutError: Too much of the picture has colours that are no label of the palette, or there are numbers that
            are no class.
        UseError: The palette has no colours.
    """
    if values == "colours" and not palette.colours:
        raise UseError(
            f"Layouts of {palette.name} hold numbers of classes as grey values: it has no colours.",
            "Leave out --values, or say which palette it was drawn in: --palette",
        )
    colours = _plain(image[..., :3], values)
    if values == "numbers" or (values == "auto" and _holds_numbers(colours, palette)):
        return _numbers(colours, palette, sure=values == "numbers")
    found = cv.LUT(colours, _shifts())
    index = (found[..., 0].astype(np.int32) << (2 * _BITS)) | (found[..., 1].astype(np.int32) << _BITS) | found[..., 2]
    nearest, known = _lookup(palette)
    labels: Labels = nearest[index]
    far = ~known[index]
    share = float(far.mean())
    if share > MOST:
        raise NoLayoutError(
            f"{share:.0%} of the picture has colours that are no label of {palette.name}; nearest: "
            f"{_describe(colours, labels, far, palette)}.",
            "Say which palette it was drawn in: --palette; or paint footage: --from footage",
            share,
        )
    return labels


def _plain(image: Image, values: Values) -> Image:
    """Return a layout in 8 bits; numbers of classes are small in 16 bits too, where they are no shades of colours."""
    if image.dtype == np.uint16 and values != "colours" and image.max() < 256:
        return image.astype(np.uint8)
    return to_depth(image, np.dtype(np.uint8))


def one_hot(labels: Labels, classes: int) -> NDArray[np.float32]:
    """Return labels as a network wants them: `1×C×H×W` float32, 1 where the class is."""
    made: NDArray[np.float32] = (labels[None] == np.arange(classes, dtype=np.uint8)[:, None, None]).astype(np.float32)
    return made[None]


def edges_of(labels: Labels) -> NDArray[np.bool_]:
    """Return where a pixel has another number than one beside, above or below it."""
    edges = np.zeros(labels.shape, np.bool_)
    across, down = labels[:, 1:] != labels[:, :-1], labels[1:] != labels[:-1]
    edges[:, 1:] |= across
    edges[:, :-1] |= across
    edges[1:] |= down
    edges[:-1] |= down
    return edges


def shrunk(labels: Labels, width: int, height: int) -> Labels:
    """Return labels at another size: each pixel the label that lies there."""
    if labels.shape == (height, width):
        return labels
    made: Labels = cv.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    return made


def _holds_numbers(colours: NDArray[np.uint8], palette: Palette) -> bool:
    if not palette.colours:
        return True
    grey = colours[..., 0]
    if (grey != colours[..., 1]).any() or (grey != colours[..., 2]).any():
        return False
    if int(_classes(grey, palette).max()) < len(palette.classes):
        return True
    # One value that is no class does not turn numbers into colours near black.
    counts = np.bincount(grey.reshape(-1), minlength=256)
    counts[[key[0] for key in palette.keys if key[0] == key[1] == key[2]]] = 0
    return int(counts[: len(palette.classes)].sum()) > STRAY * grey.size


def _numbers(colours: NDArray[np.uint8], palette: Palette, sure: bool) -> Labels:
    """Return the classes that grey values stand for; `sure`: that they are numbers was said, not guessed."""
    values = colours[..., 0]
    if (values != colours[..., 1]).any() or (values != colours[..., 2]).any():
        advice = "Leave out --values" if sure and palette.colours else "Say which palette it was drawn in: --palette"
        raise NoLayoutError(
            f"The layout has colours, and grey values that are numbers of {palette.name}'s classes were expected.",
            advice,
        )
    if not sure and _seem_train_ids(values) and palette == find("cityscapes"):
        raise NoLayoutError(
            "The layout has no numbers but 0 to 18 and 255, as Cityscapes' trainIds, and cityscapes means labelIds.",
            "Say which they are: --palette cityscapes-train, or --values numbers",
            share=0,
        )
    labels = _classes(values, palette)
    beyond = values[labels >= len(palette.classes)]
    if len(beyond):
        share = len(beyond) / labels.size
        guessed = "" if sure or not palette.colours else "; or that its greys are colours: --values colours"
        raise NoLayoutError(
            f"{_share(share)} of the layout has numbers that are no class of {palette.name}, such as {beyond[0]}.",
            f"Say which palette its numbers are of: --palette{guessed}",
            share,
        )
    return labels


def _seem_train_ids(values: NDArray[np.uint8]) -> bool:
    """Whether road is 0 and nothing 255: of labelIds, only nothing is 0, and sky, trees and cars are beyond 18."""
    there = np.bincount(values.reshape(-1), minlength=256) > 0
    return bool(there[0] and there[IGNORE] and not there[len(TRAIN) : IGNORE].any())


def _classes(values: NDArray[np.uint8], palette: Palette) -> Labels:
    """Return the numbers of the classes that grey values stand for, and greater ones where they stand for none."""
    labels: Labels = cv.LUT(np.ascontiguousarray(values), np.frombuffer(palette.codes, np.uint8))
    return labels


def _share(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else "Less than 1%"


@lru_cache(maxsize=1)
def _shifts() -> NDArray[np.uint8]:
    return (np.arange(256) >> (8 - _BITS)).astype(np.uint8)


@lru_cache(maxsize=4)
def _lookup(palette: Palette) -> tuple[Labels, NDArray[np.bool_]]:
    """For each coarse colour, the class of the nearest colour of the palette, and whether that is near."""
    step = 1 << (8 - _BITS)
    line = np.arange(1 << _BITS, dtype=np.int64) * step + step // 2
    grid = np.stack(np.meshgrid(line, line, line, indexing="ij"), -1).reshape(-1, 3)
    least = np.full(len(grid), np.iinfo(np.int64).max)
    nearest = np.zeros(len(grid), np.uint8)
    for key, number in zip(palette.keys, palette.numbers, strict=True):
        distance = np.square(grid - key).sum(-1)
        closer = distance < least
        least[closer], nearest[closer] = distance[closer], number
    return nearest, least <= NEAR**2


def _describe(colours: NDArray[np.uint8], labels: Labels, far: NDArray[np.bool_], palette: Palette) -> str:
    """Name the commonest of the unknown colours, and what comes nearest to it."""
    codes = colours[far].astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    values, first, counts = np.unique(codes, return_index=True, return_counts=True)
    most = int(np.argmax(counts))
    return f"{palette.classes[labels[far][first[most]]]} to #{int(values[most]):06x}"

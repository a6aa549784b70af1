"""The colours of a shot."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.footage.label import Facet, Label
from melies.footage.material import Material
from melies.matting.scale import cv

NAMES = {
    "black": (10, 0, 0), "grey": (52, 0, 0), "white": (95, 0, 0), "red": (45, 62, 40), "orange": (67, 40, 66),
    "brown": (32, 16, 26), "beige": (80, 6, 20), "skin tones": (66, 18, 22), "yellow": (86, -4, 78),
    "olive": (50, -9, 44), "green": (46, -42, 36), "dark green": (25, -16, 14), "turquoise": (72, -36, -8),
    "teal": (42, -24, -10), "sky blue": (74, -10, -26), "blue": (36, 28, -65), "navy": (18, 10, -32),
    "slate blue": (42, -3, -17), "purple": (34, 50, -40), "magenta": (52, 76, -36), "pink": (76, 32, 2),
    "wine red": (26, 36, 16),
}  # fmt: skip
"""Words for colours and where they lie in CIE Lab."""
FACETS = (
    Facet("palette", "many", "the colours that fill most of the picture", tuple(NAMES)),
    Facet("colouring", "one", "how much colour there is", ("monochrome", "muted", "colourful")),
)
_COLOURS = 6
_SHARE = 0.07
"""Of the picture, for a colour to be named."""
_ALIKE = 12.0
"""Distance in Lab (CIE 1976) below which two colours are one."""
_GREYEST, _MUTED, _COLOURFUL = 4.0, 12.0, 24.0
"""Mean chroma of a picture without colour, of a muted and a colourful one."""


def answer(material: Material) -> list[Label]:
    """See `Question`."""
    colours = np.concatenate([tones.reshape(-1, 3) for tones in material.tones])
    chroma = np.hypot(colours[:, 1], colours[:, 2])
    return [*_palette(colours), *_colouring(chroma)]


def dominant(colours: NDArray[np.float32]) -> list[tuple[NDArray[np.float32], float]]:
    """Return the colours of pixels with their shares, the largest first (k-means in Lab, always with the same start).

    Args:
        colours: `N×3` in CIE Lab.
    """
    picked = colours[:: max(1, len(colours) // 8000)]
    order = np.argsort(picked[:, 0], kind="stable")
    starts = np.array_split(order, min(_COLOURS, len(picked)))
    labels = np.zeros((len(picked), 1), np.int32)
    for number, members in enumerate(starts):
        labels[members] = number
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 12, 0.5)
    _, labels, centres = cv.kmeans(picked, len(starts), labels, stop, 1, cv2.KMEANS_USE_INITIAL_LABELS)
    shares = np.bincount(labels[:, 0], minlength=len(starts)) / len(picked)
    found: list[tuple[NDArray[np.float32], float]] = []
    for index in np.argsort(-shares, kind="stable"):
        centre, share = centres[index], float(shares[index])
        near = next((n for n, (other, _) in enumerate(found) if np.linalg.norm(other - centre) < _ALIKE), None)
        if near is None:
            found.append((centre, share))
        else:
            other, much = found[near]
            found[near] = (other * much + centre * share) / (much + share), much + share
    return sorted(found, key=lambda one: -one[1])


def name(colour: NDArray[np.float32]) -> tuple[str, float]:
    """Return the word for a colour in Lab, and how sure that is."""
    # Lightness tells colours apart less than hue does.
    apart = {word: float(np.linalg.norm((colour - place) * (0.6, 1, 1))) for word, place in NAMES.items()}
    first, second, *_ = sorted(apart, key=apart.__getitem__)
    return first, float(np.clip(0.5 + 0.45 * (apart[second] - apart[first]) / (apart[second] + 1e-6), 0, 0.95))


def written(colour: NDArray[np.float32]) -> tuple[int, int, int]:
    """Return a colour in Lab as red, green and blue, 0…255."""
    rgb = cv.cvtColor(colour.reshape(1, 1, 3).astype(np.float32), cv2.COLOR_Lab2RGB)[0, 0]
    red, green, blue = (round(float(value) * 255) for value in rgb.clip(0, 1))
    return red, green, blue


def _palette(colours: NDArray[np.float32]) -> list[Label]:
    """The largest colour of each name, with what all of that name fill together."""
    named: dict[str, tuple[NDArray[np.float32], float, float]] = {}
    for colour, share in dominant(colours):
        word, sure = name(colour)
        first, certain, much = named.get(word, (colour, sure, 0.0))
        named[word] = first, certain, much + share
    labels = []
    for word, (colour, sure, share) in sorted(named.items(), key=lambda one: -one[1][2]):
        if share >= _SHARE:
            red, green, blue = written(colour)
            measured = {"red": float(red), "green": float(green), "blue": float(blue), "share": round(share, 3)}
            why = f"#{red:02x}{green:02x}{blue:02x} and its like fill {share:.0%} of the picture"
            labels.append(Label("palette", word, round(sure, 2), why, measured))
    return labels


def _colouring(chroma: NDArray[np.float32]) -> list[Label]:
    mean, high = float(chroma.mean()), float(np.quantile(chroma, 0.98))
    why, measured = f"the mean chroma is {mean:.0f} of about 100", {"chroma": round(mean, 1), "highest": round(high, 1)}
    if high < 2 * _GREYEST:
        return [Label("colouring", "monochrome", round(0.97 - 0.4 * high / (2 * _GREYEST), 2), why, measured)]
    if mean < _MUTED:
        return [Label("colouring", "muted", round(0.9 - 0.4 * mean / _MUTED, 2), why, measured)]
    if mean > _COLOURFUL:
        return [Label("colouring", "colourful", round(min(0.95, 0.5 + (mean - _COLOURFUL) / 40), 2), why, measured)]
    return []

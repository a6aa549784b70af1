"""Which of the references' colours each point of a key frame should have.

After Gupta et al., "Image Colorization Using Similar Images" (2012): points are matched by what surrounds them, then
neighbours of like brightness vote together, so that a few wrong matches are outvoted. The vote is over the colours of a
palette and not over their mean, which would be grey-brown wherever two colours are possible.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from melies.colouring.chroma import Chroma, Plane
from melies.colouring.describe import Features, describe
from melies.colouring.palette import palette
from melies.colouring.spread import Fit, spread

_COLOURS = 40
_BATCH = 1024
_POINTS = 6000
"""How many points of the references are compared with, at most."""
_DOUBT = 0.5, 0.003
"""How much worse a match is worth 1/e of the best one: a share of the best one's own difference, and a little more."""
_FAR = 0.02
"""Difference between two descriptions from which a match, even the best, is hardly to be trusted."""
_TRUST = 10.0
_SUITED = 1.25
"""How much less like a frame than the best reference another may be on the whole to be used beside it."""
_MEMORY = 0.5
"""How much an earlier key frame's votes count beside a key frame's own."""

Votes = NDArray[np.float32]
"""`H×W×K`: how likely each colour of the palette is, in sum 1."""


@dataclass(frozen=True, slots=True)
class Swatch:
    """What the references know: descriptions and the colours that go with them.

    Attributes:
        features: `N×D`, those of one colour next to each other.
        starts: Where each colour's begin, `K`.
        colours: The palette, `K×2`.
    """

    features: Features
    starts: NDArray[np.intp]
    colours: Chroma


def swatch(pictures: list[tuple[Plane, Chroma]], layout: float) -> Swatch:
    """Make references ready.

    Args:
        pictures: Luma and colour of each, `H×W` and `H×W×2`.
        layout: How much the place in the picture counts, 0…1.
    """
    step = ceil((sum(bright.size for bright, _ in pictures) / _POINTS) ** 0.5)
    features = [describe(bright, layout)[::step, ::step] for bright, _ in pictures]
    colours = np.concatenate([colour[::step, ::step].reshape(-1, 2) for _, colour in pictures])
    centres, groups = palette(colours, _COLOURS)
    order = np.argsort(groups, kind="stable")
    rows = np.concatenate([field.reshape(-1, field.shape[-1]) for field in features])[order]
    return Swatch(rows, np.searchsorted(groups[order], np.arange(len(centres))), centres)


def suited(bright: Plane, pictures: list[tuple[Plane, Chroma]], layout: float) -> list[tuple[Plane, Chroma]]:
    """Return those of some references that look most like a frame."""
    if len(pictures) < 2:
        return pictures
    rows = describe(bright, layout)[::2, ::2]
    rows = rows.reshape(-1, rows.shape[-1])
    apart = [float(_costs(rows, swatch([picture], layout)).min(1).mean()) for picture in pictures]
    return [picture for picture, much in zip(pictures, apart, strict=True) if much <= _SUITED * min(apart)]


def vote(bright: Plane, known: Swatch, layout: float, earlier: Votes | None = None) -> tuple[Votes, Chroma]:
    """Match every point, let neighbours vote, and carry the winners from where the matches are good to where not.

    Args:
        bright: `H×W` luma of the key frame.
        known: From the references.
        layout: As for `swatch`.
        earlier: Votes of the key frame before, moved to this one, 0 where they could not be followed; they keep
            things from changing colour.

    Returns:
        The votes, and the colours, `H×W×2`.
    """
    features = describe(bright, layout)
    rows = features.reshape(-1, features.shape[-1])
    costs = np.concatenate([_costs(rows[at : at + _BATCH], known) for at in range(0, len(rows), _BATCH)])
    best = np.maximum(costs.min(1), np.float32(0))
    likely = np.exp((costs.min(1) - costs.T) / (np.float32(_DOUBT[0]) * best + np.float32(_DOUBT[1])))
    own = np.ascontiguousarray(likely.T).reshape(*bright.shape, -1)
    if earlier is not None:
        # A place without a past has equal votes for all colours, which change nothing.
        own = own * (earlier + np.float32(1 / earlier.shape[-1])) ** np.float32(_MEMORY)
    votes = _agree(bright, own)
    trust = np.float32(_TRUST) * np.square(votes.max(-1)) * np.exp(best.reshape(bright.shape) * np.float32(-1 / _FAR))
    return votes, spread(bright, votes @ known.colours, trust)


def _agree(bright: Plane, own: Votes) -> Votes:
    """Weigh each point's own votes with those of its neighbours of like brightness, several times over."""
    votes: Votes = own / own.sum(-1, keepdims=True)
    for radius in (2, 2, 4):
        votes = own * np.maximum(Fit(bright, votes, None, radius, 1e-3).at(bright), np.float32(1e-6))
        votes /= votes.sum(-1, keepdims=True)
    return votes


def _costs(rows: Features, known: Swatch) -> NDArray[np.float32]:
    """How far each description is from the most similar one of every colour, `N×K`."""
    apart = rows @ known.features.T
    apart *= -2
    apart += np.square(known.features).sum(-1)
    nearest: NDArray[np.float32] = np.minimum.reduceat(apart, known.starts, axis=1)
    nearest += np.square(rows).sum(-1, keepdims=True)
    return nearest

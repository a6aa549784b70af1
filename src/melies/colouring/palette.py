"""The few colours that a picture consists of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from melies.colouring.chroma import Chroma

_ROUNDS = 12


def palette(colours: Chroma, count: int) -> tuple[Chroma, NDArray[np.intp]]:
    """Sort colours into groups (k-means, begun with those farthest from each other, so that rare ones have a group).

    Args:
        colours: `N×2`.
        count: How many groups at most.

    Returns:
        The mean colour of each group (`K×2`) and the group of every colour (`N`).
    """
    centres = colours.mean(0, keepdims=True)
    near = np.square(colours - centres).sum(-1)
    while len(centres) < count and near.max() > 1e-4:
        # The farthest of all may be a single odd pixel; a high percentile is not.
        wanted = near >= np.quantile(near, 0.995)
        added = colours[wanted].mean(0, keepdims=True) if len(centres) % 2 else colours[[near.argmax()]]
        centres = np.concatenate([centres, added])
        near = np.minimum(near, np.square(colours - added).sum(-1))
    groups = np.zeros(len(colours), np.intp)
    for _ in range(_ROUNDS):
        groups = np.square(colours[:, None] - centres).sum(-1).argmin(1)
        sizes = np.bincount(groups, minlength=len(centres))
        sums = np.stack([np.bincount(groups, colours[:, axis], len(centres)) for axis in (0, 1)], axis=-1)
        kept = sizes > 0
        centres = (sums[kept] / sizes[kept, None]).astype(np.float32)
        groups = (np.cumsum(kept) - 1)[groups]
    return centres, groups
